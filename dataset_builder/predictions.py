"""The predictions file: what any system says about some videos, as JSON lines (R23).

The first line is the header, every other line one record; coordinates are fractions of the
display-oriented frame, seconds are whole seconds of the video. `docs/predictions.md` documents it.

    {"kind": "header", "format": "grounding-predictions", "format_version": 2,
     "system": {"name": "mine", "pool": "video"}, "frame_sizes_px": {"v1": [1280, 720]}}
    {"kind": "second", "video_id": "v1", "second": 7, "action_id": "cut-carrot",
     "background": 0.1, "scores": {"cut-carrot": 0.8, "stir-pot": 0.3}}
    {"kind": "point", "video_id": "v1", "second": 7, "action_id": "cut-carrot",
     "point": [0.4, 0.6], "box": [0.3, 0.5, 0.5, 0.7], "score": 0.8,
     "heatmap": {"file": "heatmaps/v1.npy", "index": 12}}
    {"kind": "tube", "video_id": "v1", "action_id": "cut-carrot", "score": 0.7,
     "seconds": [7, 8], "boxes": [[0.3, 0.5, 0.5, 0.7], [0.3, 0.4, 0.5, 0.6]]}

`second` says *what and when*: the chosen action of one second (`null` is background) and the score
of each action in the video's pool. `point` says *where*, given the action. `tube` says all three at
once; a system that writes none gets the tubes that its other records imply. A system that only
localises writes no `second` records; one that only recognises writes no `point` records.

Version 1 (no tubes, heatmaps, pool and frame sizes) is read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from dataset_builder import json_fields, tables
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import COORDINATE_DECIMALS, Box, Point

FORMAT = "grounding-predictions"
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
POOLS = ("", "video", "all")

LARGEST_SCORE = 1e100
"""Sums over a video's seconds, and their products, stay finite."""


@dataclass(frozen=True, slots=True)
class System:
    """Who predicted: enough to tell two rows of a table apart (R23).

    `pool` says among which actions the system chose: those of each `video`, `all` of the release,
    or empty where that is not stated.
    """

    name: str
    backbone: str = ""
    training_data: str = ""
    supervision: str = ""
    modality: str = ""
    input_size: str = ""
    checkpoint_digest: str = ""
    pool: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown pool."""
        if self.pool not in POOLS:
            raise InputError(f"pool of the system must be video or all, got {self.pool!r}")


@dataclass(frozen=True, slots=True)
class SecondPrediction:
    """What happens at one second: `action_id` None is background; `scores` by action, any scale.

    `background` is the score of "none of them" on the same scale, None where the system has none.
    """

    video_id: str
    second: int
    action_id: str | None
    scores: Mapping[str, float]
    background: float | None = None


@dataclass(frozen=True, slots=True)
class HeatmapReference:
    """Heatmap `index` of a `.npy` file of shape (n, rows, columns), beside the predictions file.

    `file` is a relative path with forward slashes that stays below the file's folder.
    """

    file: str
    index: int

    def __post_init__(self) -> None:
        """Refuse a path that could leave the folder, another suffix and a negative index."""
        parts = PurePosixPath(self.file).parts
        if not self.file.endswith(".npy") or self.file.startswith("/") or ".." in parts:
            raise InputError(
                f"heatmap file must be a relative path of a .npy file, without '..', "
                f"got {self.file!r}"
            )
        if self.index < 0:
            raise InputError(f"heatmap index must be 0 or more, got {self.index}")


@dataclass(frozen=True, slots=True)
class PointPrediction:
    """Where one action happens at one second; `box`, `score` and `heatmap` are optional."""

    video_id: str
    second: int
    action_id: str
    point: Point
    box: Box | None = None
    score: float | None = None
    heatmap: HeatmapReference | None = None


@dataclass(frozen=True, slots=True)
class TubePrediction:
    """One occurrence of one action: its boxes by second, and a score that ranks it.

    `clip_id` is set where the tube answers the question of one clip ("where in this video is this
    action?"), as systems do that are asked once a sentence.
    """

    video_id: str
    action_id: str
    score: float
    boxes: Mapping[int, Box]
    clip_id: str | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """A whole file: keyed by `(video_id, second)` and `(video_id, second, action_id)`.

    Attributes:
        system: who predicted.
        seconds: what and when, by `(video_id, second)`.
        points: where, by `(video_id, second, action_id)`.
        tubes: in the order of the file.
        frame_sizes_px: (width, height) of the frames that the system saw, by video, where stated.
        folder: where the heatmap files lie; None where there is no file.
    """

    system: System
    seconds: Mapping[tuple[str, int], SecondPrediction] = field(default_factory=dict)
    points: Mapping[tuple[str, int, str], PointPrediction] = field(default_factory=dict)
    tubes: tuple[TubePrediction, ...] = ()
    frame_sizes_px: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)


def write_predictions(
    path: Path,
    system: System,
    seconds: Iterable[SecondPrediction] = (),
    points: Iterable[PointPrediction] = (),
    tubes: Iterable[TubePrediction] = (),
    *,
    frame_sizes_px: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Write a predictions file; coordinates are rounded to 1e-6, scores kept as they are.

    Records come sorted by their keys, tubes in the order given.

    Raises:
        GeometryError: a box of which rounding leaves nothing.
    """

    def records() -> Iterator[Mapping[str, Any]]:
        yield {
            "kind": "header",
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "system": asdict(system),
            "frame_sizes_px": dict(sorted((frame_sizes_px or {}).items())),
        }
        for second in sorted(seconds, key=lambda s: (s.video_id, s.second)):
            yield {"kind": "second", **asdict(second)}
        for found in sorted(points, key=lambda p: (p.video_id, p.second, p.action_id)):
            yield _point_record(found)
        for tube in tubes:
            yield _tube_record(tube)

    tables.write_json_lines(path, records())


def read_predictions(path: Path) -> Predictions:
    """Read a predictions file.

    Raises:
        InputError: no header, an unknown kind, a missing or wrong field, a second answer for the
            same key; `file:line` is named.
    """
    lines = tables.read_json_lines(path)
    system, sizes = _read_header(path, next(lines, None))
    seconds: dict[tuple[str, int], SecondPrediction] = {}
    points: dict[tuple[str, int, str], PointPrediction] = {}
    tubes: list[TubePrediction] = []
    for number, record in lines:
        try:
            if record.get("kind") == "second":
                second = _read_second(record)
                _put_once(seconds, (second.video_id, second.second), second)
            elif record.get("kind") == "point":
                found = _read_point(record)
                _put_once(points, (found.video_id, found.second, found.action_id), found)
            elif record.get("kind") == "tube":
                tubes.append(_read_tube(record))
            else:
                raise InputError(f"kind must be second, point or tube, got {record.get('kind')!r}")
        except (InputError, GeometryError) as error:
            raise InputError(f"{path}:{number}: {error}") from error
    return Predictions(system, seconds, points, tuple(tubes), sizes, path.parent)


def _read_header(
    path: Path, first: tuple[int, tables.Row] | None
) -> tuple[System, dict[str, tuple[int, int]]]:
    record = first[1] if first else {}
    if (record.get("kind"), record.get("format")) != ("header", FORMAT):
        raise InputError(f'{path}:1: expected a header line, kind "header" and format "{FORMAT}"')
    if record.get("format_version") not in READABLE_VERSIONS:
        raise InputError(
            f"{path}:1: format_version must be {FORMAT_VERSION}, "
            f"got {record.get('format_version')!r}"
        )
    system = record.get("system")
    known = {f.name for f in fields(System)}
    if not isinstance(system, dict) or not system.get("name") or set(system) - known:
        raise InputError(f"{path}:1: system needs a name and may have {', '.join(sorted(known))}")
    try:
        sizes = _read_sizes(record.get("frame_sizes_px"))
        stated = {name: str(value) for name, value in system.items() if value is not None}
        return System(**stated), sizes
    except InputError as error:
        raise InputError(f"{path}:1: {error}") from error


def _read_sizes(found: object) -> dict[str, tuple[int, int]]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(f"frame_sizes_px must map a video_id to [width, height], got {found!r}")
    sizes = {}
    for video_id in found:
        width, height = json_fields.numbers(found, video_id, 2)
        if width != int(width) or height != int(height) or min(width, height) < 1:
            raise InputError(f"frame_sizes_px of {video_id!r} must be whole numbers from 1")
        sizes[video_id] = (int(width), int(height))
    return sizes


def _read_second(record: tables.Row) -> SecondPrediction:
    scores = json_fields.field(record, "scores", dict)
    for action_id, score in scores.items():
        _score(score, f"score of {action_id!r}")
    action_id = record.get("action_id")
    if action_id is not None and not isinstance(action_id, str):
        raise InputError(f"action_id must be text or null, got {action_id!r}")
    background = record.get("background")
    if background is not None:
        _score(background, "background")
    return SecondPrediction(
        json_fields.field(record, "video_id", str),
        json_fields.whole_second(record),
        action_id,
        scores,
        background,
    )


def _read_point(record: tables.Row) -> PointPrediction:
    place = json_fields.numbers(record, "point", 2)
    box = None if record.get("box") is None else _read_box(record)
    score = record.get("score")
    if score is not None:
        _score(score, "score")
    return PointPrediction(
        json_fields.field(record, "video_id", str),
        json_fields.whole_second(record),
        json_fields.field(record, "action_id", str),
        Point(*place),
        box,
        score,
        _read_heatmap(record.get("heatmap")),
    )


def _read_heatmap(found: object) -> HeatmapReference | None:
    if found is None:
        return None
    if not isinstance(found, dict):
        raise InputError(f"heatmap must be an object with file and index, got {found!r}")
    file: str = json_fields.field(found, "file", str)
    return HeatmapReference(file, json_fields.field(found, "index", int))


def _read_tube(record: tables.Row) -> TubePrediction:
    seconds = json_fields.field(record, "seconds", list)
    corners = json_fields.field(record, "boxes", list)
    if not seconds or len(seconds) != len(corners):
        raise InputError(
            f"a tube needs one box for each of its seconds, got {len(seconds)} seconds and "
            f"{len(corners)} boxes"
        )
    rows = [{"second": second, "box": box} for second, box in zip(seconds, corners, strict=True)]
    boxes = {json_fields.whole_second(row): _read_box(row) for row in rows}
    if len(boxes) != len(seconds):
        raise InputError(f"a tube has one box a second, got seconds {seconds}")
    clip_id = record.get("clip_id")
    if clip_id is not None and not isinstance(clip_id, str):
        raise InputError(f"clip_id must be text or null, got {clip_id!r}")
    return TubePrediction(
        json_fields.field(record, "video_id", str),
        json_fields.field(record, "action_id", str),
        _score(record.get("score"), "score"),
        dict(sorted(boxes.items())),
        clip_id,
    )


def _score(value: object, what: str) -> float:
    found = json_fields.number(value, what)
    if abs(found) > LARGEST_SCORE:
        raise InputError(
            f"{what} must lie within -{LARGEST_SCORE:g}..{LARGEST_SCORE:g}, got {value!r:.40}"
        )
    return found


def _read_box(record: tables.Row) -> Box:
    box = Box(*json_fields.numbers(record, "box", 4))
    box.check_sides()
    return box


def _corners(box: Box) -> list[float]:
    corners = [round(value, COORDINATE_DECIMALS) for value in (box.x1, box.y1, box.x2, box.y2)]
    Box(*corners)  # A box of which rounding leaves nothing could not be read again.
    return corners


def _tube_record(tube: TubePrediction) -> Mapping[str, Any]:
    return {
        "kind": "tube",
        "video_id": tube.video_id,
        "action_id": tube.action_id,
        "score": tube.score,
        "seconds": sorted(tube.boxes),
        "boxes": [_corners(tube.boxes[second]) for second in sorted(tube.boxes)],
        "clip_id": tube.clip_id,
    }


def _point_record(found: PointPrediction) -> Mapping[str, Any]:
    return {
        "kind": "point",
        "video_id": found.video_id,
        "second": found.second,
        "action_id": found.action_id,
        "point": [
            round(found.point.x, COORDINATE_DECIMALS),
            round(found.point.y, COORDINATE_DECIMALS),
        ],
        "box": found.box and _corners(found.box),
        "score": found.score,
        "heatmap": found.heatmap and asdict(found.heatmap),
    }


def _put_once(mapping: dict[Any, Any], key: Any, value: object) -> None:
    if key in mapping:
        raise InputError(f"second record for {'/'.join(map(str, key))}; each key stands once")
    mapping[key] = value
