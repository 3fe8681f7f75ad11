"""The release folder: a versioned benchmark that anyone can re-derive from its clicks.

    release/
      README.md  manifest.json  SHA256SUMS
      reports/diff-from-1.0.0.json   what changed since the parent, where one is named
      data/  videos  actions  clips  frames  answers  annotators  boxes  tubes   (.parquet)
      compat/  the same boxes in other projects' formats

A release states how its boxes came about (`derivation`, R19): `clicks` (the answers lie in it and
`verify` re-derives everything), `means` or `none` (boxes given from outside, such as the exact
truth of a rendered world). Its digest is the SHA-256 of its `SHA256SUMS`.

The manifest's `tables` has the number of rows and the content digest of each table
(`tables.content_of`), `parent` the name, version and digest of the release before. Both came
after the first releases of this version of the format, so a reader does not ask for them.

A frame has one *main* box, of the rule that the release's mode names; a box of another rule may
stand beside it in the same table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_builder import row_checks, tables
from dataset_builder.domain import Action, Clip, Video, check_text
from dataset_builder.errors import InputError
from dataset_builder.fusion.tubes import tubes_of
from dataset_builder.geometry import Box
from dataset_builder.release_tables import (
    ANNOTATORS,
    BOXES,
    FRAMES,
    TUBES,
    Annotator,
    Consensus,
    Tube,
    annotator_row,
    box_rows,
    frame_row,
    read_annotators,
    read_boxes,
    read_frames,
    read_tubes,
    tube_row,
)
from dataset_builder.snapshot import (
    ANSWERS,
    AnswerRow,
    answer_row,
    read_answers,
    read_manifest,
    read_subject_tables,
    write_subject_tables,
)

__all__ = [
    "ANNOTATORS",
    "BOXES",
    "FRAMES",
    "TUBES",
    "Annotator",
    "Consensus",
    "Release",
    "Tube",
    "counts_of",
    "funnel",
    "read_release",
    "read_unchecked",
    "tubes_of",
    "write_release",
    "write_release_tables",
]

FORMAT = "grounding-release"
FORMAT_VERSION = 2
DERIVATIONS = ("clicks", "means", "none")
TABLES = ("videos", "actions", "clips", "frames", "answers", "annotators", "boxes", "tubes")
"""The tables in their order."""
OPTIONAL = ("LICENSE", "reports")
"""What a release's folder holds only where a licence is stated or a parent is named."""
_MANIFEST_FIELDS: Mapping[str, type] = {
    "name": str,
    "version": str,
    "derivation": str,
    "settings": dict,
    "snapshot": dict,
    "licence": str,
    "left_out": dict,
    "agreement": dict,
    "made_with": str,
}
"""What the manifest says beside the tables, field by field of `Release`."""
PARENT_FIELDS = ("name", "version", "digest")


@dataclass(frozen=True, slots=True)
class Release:
    """A release in memory; every table in its key's order.

    `boxes` maps `(clip_id, second)` to the frame's main box and `rules` the same key to the name of
    the rule that made it; `beside` maps `(clip_id, second, rule)` to boxes of other rules.
    `agreement` are the numbers of `fusion.agreement`, empty without answers. `licence` is the
    data's own (empty: nobody has stated one), `left_out` counts what the snapshot held and the
    release does not, by reason, and `made_with` names program and version. `parent` has the
    `PARENT_FIELDS` of the release before, or nothing. Frames, answers and tubes may be
    `tables.StoredRows`; `counted` then has `counts_of_rows`.
    """

    name: str
    version: str
    derivation: str
    videos: tuple[Video, ...]
    actions: tuple[Action, ...]
    clips: tuple[Clip, ...]
    frames: Collection[Consensus]
    answers: Collection[AnswerRow]
    boxes: Mapping[tuple[str, int], Box]
    rules: Mapping[tuple[str, int], str]
    tubes: Collection[Tube]
    annotators: tuple[Annotator, ...] = ()
    beside: Mapping[tuple[str, int, str], Box] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    snapshot: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    agreement: Mapping[str, Any] = field(default_factory=dict)
    made_with: str = ""
    parent: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    counted: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

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
    boxes = box_rows(release.boxes, release.rules, release.beside)
    annotators = sorted(release.annotators, key=lambda a: a.annotator_id)
    tubes = sorted(release.tubes, key=lambda t: (t.clip_id, min(t.boxes, default=0), t.tube_id))
    tables.write_rows(folder / "data/frames.parquet", FRAMES, map(frame_row, frames))
    tables.write_rows(folder / "data/answers.parquet", ANSWERS, map(answer_row, answers))
    tables.write_rows(folder / "data/boxes.parquet", BOXES, boxes)
    tables.write_rows(folder / "data/tubes.parquet", TUBES, map(tube_row, tubes))
    tables.write_rows(
        folder / "data/annotators.parquet", ANNOTATORS, map(annotator_row, annotators)
    )
    write_manifest(folder, release)


def write_manifest(folder: Path, release: Release) -> None:
    """Write `manifest.json` beside the tables that it names."""
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "counts": counts_of(release),
        "parent": dict(release.parent),
        "tables": table_contents(folder),
    } | {name: kind(getattr(release, name)) for name, kind in _MANIFEST_FIELDS.items()}
    (folder / "manifest.json").write_text(tables.canonical_json(manifest), encoding="utf-8")


def table_contents(folder: Path) -> dict[str, dict[str, Any]]:
    """Return rows and content digest of each table of a folder, as the manifest states them.

    Raises:
        InputError: see `tables.content_of`.
    """
    contents = {name: tables.content_of(folder / f"data/{name}.parquet") for name in TABLES}
    return {name: {"rows": n, "content_sha256": digest} for name, (n, digest) in contents.items()}


def counts_of(release: Release) -> dict[str, int]:
    """Return the counts that the manifest states: rows of each table, clicks, and frames by stage.

    `boxes` counts main boxes and `beside` those of other rules. `frames_answered` counts frames
    with a counted answer, `frames_clicked` those with a click.
    """
    names = ("videos", "actions", "clips", "frames", "answers", "annotators", "boxes", "beside")
    counted = release.counted or counts_of_rows(release.frames, release.answers)
    return {name: len(getattr(release, name)) for name in (*names, "tubes")} | dict(counted)


def counts_of_rows(frames: Collection[Consensus], answers: Collection[AnswerRow]) -> dict[str, int]:
    """Return those of `counts_of` that need a look at every frame and answer."""
    return {
        "clicks": sum(answer.point is not None for answer in answers),
        "frames_answered": sum(frame.n_answers > 0 for frame in frames),
        "frames_clicked": sum(frame.n_clicks > 0 for frame in frames),
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
        ("clips with a tube", len(set(tables.texts_of(release.tubes, "clip_id")))),
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
            or tube names a clip that is not there; a clip does not show its frame, or has more
            answers than were asked for; or as for `read_unchecked`.
    """
    problems = tables.check_sums(path)
    if problems:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        raise InputError(f"{path}: {problems[0]}{more}; get it anew, or look with verify")
    release = read_unchecked(path)
    nowhere = row_that_points_nowhere(release)
    if nowhere:
        raise InputError(f"{path}: {nowhere}")
    shown = row_checks.shown_seconds(release.clips)
    row_checks.check_offers(path, shown, release.frames, release.answers)
    return release


def read_unchecked(path: Path) -> Release:
    """Read a release folder as it stands, so that `verify` can list all that is wrong with it.

    Raises:
        InputError: it is no release of this format, a table has other columns, or a row cannot be.
    """
    _refuse_older(path)
    manifest = read_manifest(path, FORMAT, FORMAT_VERSION)
    for name, kind in _MANIFEST_FIELDS.items():
        if not isinstance(manifest.get(name), kind):
            raise InputError(
                f"{path / 'manifest.json'}: {name!r} should be {kind.__name__}, "
                f"got {manifest.get(name)!r}"
            )
    for name in ("name", "version"):
        check_text(f"{path / 'manifest.json'}: {name!r}", manifest[name])
    videos, actions, clips = read_subject_tables(path)
    boxes = read_boxes(path / "data/boxes.parquet")
    return Release(
        videos=videos,
        actions=actions,
        clips=clips,
        frames=read_frames(path / "data/frames.parquet"),
        answers=read_answers(path / "data/answers.parquet"),
        annotators=read_annotators(path / "data/annotators.parquet"),
        boxes=boxes.main,
        rules=boxes.rules,
        beside=boxes.beside,
        tubes=read_tubes(path / "data/tubes.parquet"),
        digest=tables.read_sums_digest(path),
        parent=_parent(path, manifest),
        **{name: manifest[name] for name in _MANIFEST_FIELDS},
    )


def _parent(path: Path, manifest: Mapping[str, Any]) -> dict[str, str]:
    parent = manifest.get("parent", {})
    is_whole = isinstance(parent, dict) and set(parent) in (set(), set(PARENT_FIELDS))
    if not is_whole or not all(isinstance(value, str) for value in parent.values()):
        raise InputError(
            f"{path / 'manifest.json'}: 'parent' should be empty or have {', '.join(PARENT_FIELDS)}"
            f", got {parent!r}"
        )
    return dict(parent)


def _refuse_older(path: Path) -> None:
    """Say what to do with a release of an older version of the format."""
    manifest = tables.read_json(path / "manifest.json")
    is_mine = isinstance(manifest, dict) and manifest.get("format") == FORMAT
    version = manifest.get("format_version") if is_mine else None
    if isinstance(version, int) and version < FORMAT_VERSION:
        raise InputError(
            f"{path / 'manifest.json'}: a release of format version {version}; this program reads "
            f"version {FORMAT_VERSION}: build it anew from its snapshot, or use the program of then"
        )


def row_that_points_nowhere(release: Release) -> str:
    """Return the first row whose clip is not there, in words; "" where there is none."""
    clips = {clip.clip_id for clip in release.clips}
    for what, clip_id in _clips_named(release):
        if clip_id not in clips:
            return f"{what} names clip {clip_id!r}, which is not in its clips"
    return ""


def _clips_named(release: Release) -> Iterator[tuple[str, str]]:
    """Yield each record that names a clip, in words, and the clip."""
    for frame in release.frames:
        yield f"frame {frame.clip_id}/{frame.second}", frame.clip_id
    for answer in release.answers:
        yield f"answer on frame {answer.clip_id}/{answer.second}", answer.clip_id
    for clip_id, second in release.boxes:
        yield f"box of frame {clip_id}/{second}", clip_id
    for clip_id, second, rule in release.beside:
        yield f"{rule} box of frame {clip_id}/{second}", clip_id
    for tube in release.tubes:
        yield f"tube {tube.tube_id}", tube.clip_id
