"""The release folder: a versioned benchmark that anyone can re-derive from its clicks.

    release/
      README.md  manifest.json  SHA256SUMS
      data/  videos  actions  clips  frames  answers  boxes  tubes   (.parquet)
      compat/  the same boxes in other projects' formats

A release states how its boxes came about (`derivation`, R19): `clicks` (the answers lie in it and
`verify` re-derives everything), `means` or `none` (boxes given from outside, such as the exact
truth of a rendered world). Its digest is the SHA-256 of its `SHA256SUMS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataset_builder import tables
from dataset_builder.domain import Action, Clip, Video
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.snapshot import (
    ANSWERS,
    AnswerRow,
    answer_row,
    once,
    read_answers,
    read_manifest,
    read_subject_tables,
    write_subject_tables,
)

FORMAT = "grounding-release"
FORMAT_VERSION = 1
DERIVATIONS = ("clicks", "means", "none")
_MANIFEST_FIELDS: Mapping[str, type] = {
    "name": str,
    "version": str,
    "derivation": str,
    "settings": dict,
    "snapshot": dict,
    "licence": str,
    "left_out": dict,
    "made_with": str,
}
"""What the manifest says beside the tables, field by field of `Release`."""

FRAMES = pa.schema(
    [
        ("clip_id", pa.string()),
        ("second", pa.int32()),
        ("timestamp_s", pa.float64()),
        ("image_sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("redundancy", pa.int32()),
        ("n_answers", pa.int32()),
        ("n_clicks", pa.int32()),
        ("mean_x", pa.float64()),
        ("mean_y", pa.float64()),
        ("peak_x", pa.float64()),
        ("peak_y", pa.float64()),
        ("spread", pa.float64()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
    ]
)
FRAMES_OPTIONAL = ("mean_x", "mean_y", "peak_x", "peak_y", "spread")
BOXES = pa.schema(
    [
        ("clip_id", pa.string()),
        ("second", pa.int32()),
        ("x1", pa.float64()),
        ("y1", pa.float64()),
        ("x2", pa.float64()),
        ("y2", pa.float64()),
        ("rule", pa.string()),
    ]
)
TUBES = pa.schema(
    [
        ("tube_id", pa.string()),
        ("clip_id", pa.string()),
        ("seconds", pa.list_(pa.int32())),
        ("boxes", pa.list_(pa.list_(pa.float64(), 4))),
    ]
)


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the answers of one frame say together.

    `mean` is the mean click, `peak` the maximum of the heatmap, `spread` the mean distance of the
    clicks to their mean as a fraction of the diagonal; all None where nobody clicked. `kept` says
    that the frame has a box, `reason` why it has none.
    """

    clip_id: str
    second: int
    timestamp_s: float
    image_sha256: str
    width: int
    height: int
    redundancy: int
    n_answers: int
    n_clicks: int
    mean: Point | None
    peak: Point | None
    spread: float | None
    kept: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Tube:
    """Boxes of one clip over seconds in rising order; seconds may be missing where no box was."""

    tube_id: str
    clip_id: str
    boxes: Mapping[int, Box]


@dataclass(frozen=True, slots=True)
class Release:
    """A release in memory; every table in its key's order.

    `boxes` maps `(clip_id, second)` to a box and `rules` the same key to the name of the rule that
    made it. `licence` is the data's own (empty: nobody has stated one), `left_out` counts what the
    snapshot held and the release does not, by reason, and `made_with` names program and version.
    """

    name: str
    version: str
    derivation: str
    videos: tuple[Video, ...]
    actions: tuple[Action, ...]
    clips: tuple[Clip, ...]
    frames: tuple[Consensus, ...]
    answers: tuple[AnswerRow, ...]
    boxes: Mapping[tuple[str, int], Box]
    rules: Mapping[tuple[str, int], str]
    tubes: tuple[Tube, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    snapshot: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    made_with: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown derivation."""
        if self.derivation not in DERIVATIONS:
            raise InputError(f"derivation must be one of {DERIVATIONS}, got {self.derivation!r}")


def write_release_tables(folder: Path, release: Release) -> None:
    """Write `manifest.json` and `data/` of a release into an existing folder.

    The caller adds README and exports, then the sums (`tables.write_sums`), and renames.
    """
    write_subject_tables(folder, release.videos, release.actions, release.clips)
    frames = sorted(release.frames, key=lambda f: (f.clip_id, f.second))
    answers = sorted(release.answers, key=lambda a: (a.clip_id, a.second, a.annotator_id))
    boxes = [
        {
            "clip_id": key[0],
            "second": key[1],
            "x1": box.x1,
            "y1": box.y1,
            "x2": box.x2,
            "y2": box.y2,
            "rule": release.rules[key],
        }
        for key, box in sorted(release.boxes.items())
    ]
    tubes = sorted(release.tubes, key=lambda t: t.tube_id)
    tables.write_rows(folder / "data/frames.parquet", FRAMES, [_frame_row(f) for f in frames])
    tables.write_rows(folder / "data/answers.parquet", ANSWERS, [answer_row(a) for a in answers])
    tables.write_rows(folder / "data/boxes.parquet", BOXES, boxes)
    tables.write_rows(folder / "data/tubes.parquet", TUBES, [_tube_row(t) for t in tubes])
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "counts": counts_of(release),
    } | {name: kind(getattr(release, name)) for name, kind in _MANIFEST_FIELDS.items()}
    (folder / "manifest.json").write_text(tables.canonical_json(manifest), encoding="utf-8")


def counts_of(release: Release) -> dict[str, int]:
    """Return the counts that the manifest states: rows of each table, clicks, and frames by stage.

    `frames_answered` counts frames with a counted answer, `frames_clicked` those with a click.
    """
    names = ("videos", "actions", "clips", "frames", "answers", "boxes", "tubes")
    return {name: len(getattr(release, name)) for name in names} | {
        "clicks": sum(answer.point is not None for answer in release.answers),
        "frames_answered": sum(frame.n_answers > 0 for frame in release.frames),
        "frames_clicked": sum(frame.n_clicks > 0 for frame in release.frames),
    }


def funnel(release: Release) -> list[tuple[str, int]]:
    """Return `(stage, count)` from answers to tubes, in the order in which a reader asks."""
    counts = counts_of(release)
    left_out = sum(release.left_out.values())
    lost = [(f"left out: {reason}", n) for reason, n in sorted(release.left_out.items())]
    return [
        ("answers in the snapshot", counts["answers"] + left_out),
        *lost,
        ("answers", counts["answers"]),
        ("answers that are clicks", counts["clicks"]),
        ("frames", counts["frames"]),
        ("frames with an answer", counts["frames_answered"]),
        ("frames with a click", counts["frames_clicked"]),
        ("frames with a box", counts["boxes"]),
        ("clips", counts["clips"]),
        ("clips with a tube", counts["tubes"]),
    ]


def write_release(path: Path, release: Release, *, force: bool = False) -> str:
    """Write a release of tables only (no README, no exports) in one step; return its digest."""
    with tables.fresh_folder(path, force=force) as folder:
        write_release_tables(folder, release)
        return tables.write_sums(folder)


def read_release(path: Path) -> Release:
    """Read a release folder whose files are those that its digest names.

    Raises:
        InputError: a file is missing, changed or not listed in `SHA256SUMS`; a frame, answer, box
            or tube names a clip that is not there; or as for `read_unchecked`.
    """
    problems = tables.check_sums(path)
    if problems:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        raise InputError(f"{path}: {problems[0]}{more}; get it anew, or look with verify")
    release = read_unchecked(path)
    clips = {clip.clip_id for clip in release.clips}
    for what, clip_id in _clips_named(release):
        if clip_id not in clips:
            raise InputError(f"{path}: {what} names clip {clip_id!r}, which is not in its clips")
    return release


def read_unchecked(path: Path) -> Release:
    """Read a release folder as it stands, so that `verify` can list all that is wrong with it.

    Raises:
        InputError: it is no release of this format, a table has other columns, or a row cannot be.
    """
    manifest = read_manifest(path, FORMAT, FORMAT_VERSION)
    for name, kind in _MANIFEST_FIELDS.items():
        if not isinstance(manifest.get(name), kind):
            raise InputError(
                f"{path / 'manifest.json'}: {name!r} should be {kind.__name__}, "
                f"got {manifest.get(name)!r}"
            )
    videos, actions, clips = read_subject_tables(path)
    boxes, rules = _read_boxes(path / "data/boxes.parquet")
    frame_path, tube_path = path / "data/frames.parquet", path / "data/tubes.parquet"
    tubes = tuple(_read_tube(row, tube_path) for row in tables.read_rows(tube_path, TUBES))
    once(tube_path, "tube", (tube.tube_id for tube in tubes))
    return Release(
        videos=videos,
        actions=actions,
        clips=clips,
        frames=tuple(
            _read_frame(row, frame_path)
            for row in tables.read_rows(frame_path, FRAMES, FRAMES_OPTIONAL)
        ),
        answers=read_answers(path / "data/answers.parquet"),
        boxes=boxes,
        rules=rules,
        tubes=tubes,
        digest=tables.read_sums_digest(path),
        **{name: manifest[name] for name in _MANIFEST_FIELDS},
    )


def tubes_of(boxes: Mapping[tuple[str, int], Box]) -> tuple[Tube, ...]:
    """Return one tube for each clip that has a box: its boxes in time order.

    Gap rule: a second of the clip without a box is *unlabelled*. It is neither filled in nor does
    it end the tube, and comparisons leave it out.
    """
    grouped: dict[str, dict[int, Box]] = {}
    for (clip_id, second), box in sorted(boxes.items()):
        grouped.setdefault(clip_id, {})[second] = box
    return tuple(Tube(clip_id, clip_id, mine) for clip_id, mine in grouped.items())


def _clips_named(release: Release) -> Iterator[tuple[str, str]]:
    """Yield each record that names a clip, in words, and the clip."""
    for frame in release.frames:
        yield f"frame {frame.clip_id}/{frame.second}", frame.clip_id
    for answer in release.answers:
        yield f"answer on frame {answer.clip_id}/{answer.second}", answer.clip_id
    for clip_id, second in release.boxes:
        yield f"box of frame {clip_id}/{second}", clip_id
    for tube in release.tubes:
        yield f"tube {tube.tube_id}", tube.clip_id


def _frame_row(frame: Consensus) -> tables.Row:
    row = {name: getattr(frame, name) for name in FRAMES.names if hasattr(frame, name)}
    for name, point in (("mean", frame.mean), ("peak", frame.peak)):
        row[f"{name}_x"] = point.x if point else None
        row[f"{name}_y"] = point.y if point else None
    return row


def _read_frame(row: tables.Row, path: Path) -> Consensus:
    points: dict[str, Any] = {}
    for name in ("mean", "peak"):
        x, y = row.pop(f"{name}_x"), row.pop(f"{name}_y")
        try:
            points[name] = None if x is None and y is None else Point(x, y)
        except (GeometryError, TypeError) as error:
            where = f"{path}: {name} of frame {row['clip_id']}/{row['second']}"
            raise InputError(f"{where}: {error}") from error
    return Consensus(**row, **points)


def _read_boxes(
    path: Path,
) -> tuple[dict[tuple[str, int], Box], dict[tuple[str, int], str]]:
    rows = tables.read_rows(path, BOXES)
    once(path, "box", ((row["clip_id"], row["second"]) for row in rows))
    boxes: dict[tuple[str, int], Box] = {}
    rules: dict[tuple[str, int], str] = {}
    for row in rows:
        key = (row["clip_id"], row["second"])
        try:
            boxes[key] = Box(row["x1"], row["y1"], row["x2"], row["y2"])
        except GeometryError as error:
            raise InputError(f"{path}: box of frame {key[0]}/{key[1]}: {error}") from error
        rules[key] = row["rule"]
    return boxes, rules


def _tube_row(tube: Tube) -> tables.Row:
    seconds = sorted(tube.boxes)
    corners = [[b.x1, b.y1, b.x2, b.y2] for b in (tube.boxes[s] for s in seconds)]
    return {"tube_id": tube.tube_id, "clip_id": tube.clip_id, "seconds": seconds, "boxes": corners}


def _read_tube(row: tables.Row, path: Path) -> Tube:
    if any(later <= second for second, later in pairwise(row["seconds"])):
        raise InputError(f"{path}: tube {row['tube_id']}: seconds must rise, got {row['seconds']}")
    try:
        pairs = zip(row["seconds"], row["boxes"], strict=True)
        boxes = {second: Box(*corners) for second, corners in pairs}
    except (GeometryError, TypeError, ValueError) as error:
        raise InputError(f"{path}: tube {row['tube_id']}: {error}") from error
    return Tube(row["tube_id"], row["clip_id"], boxes)
