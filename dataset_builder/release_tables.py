"""Records of a release, and the rows in which its tables hold them.

The folder as a whole is `dataset_builder.release`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataset_builder import row_checks, tables
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.snapshot_tables import once

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
        ("n_not_visible", pa.int32()),
        ("p_visible", pa.float64()),
        ("agreement", pa.string()),
        ("n_agreeing", pa.int32()),
        ("robust_x", pa.float64()),
        ("robust_y", pa.float64()),
        ("robust_rule", pa.string()),
        ("scale", pa.float64()),
    ]
)
_POINTS = ("mean", "peak", "robust")
_PLAIN = tuple(name for name in FRAMES.names if not name.endswith(("_x", "_y")))
"""Columns of `FRAMES` that are fields of `Consensus` as they stand."""
FRAMES_OPTIONAL = (
    *(f"{name}_{axis}" for name in _POINTS for axis in "xy"),
    *("spread", "p_visible", "scale"),
)
BOXES = pa.schema(
    [
        ("clip_id", pa.string()),
        ("second", pa.int32()),
        ("x1", pa.float64()),
        ("y1", pa.float64()),
        ("x2", pa.float64()),
        ("y2", pa.float64()),
        ("rule", pa.string()),
        ("is_main", pa.bool_()),
    ]
)
TUBES = pa.schema(
    [
        ("tube_id", pa.string()),
        ("clip_id", pa.string()),
        ("seconds", pa.list_(pa.int32())),
        ("boxes", pa.list_(pa.list_(pa.float64(), 4))),
        ("filled_seconds", pa.list_(pa.int32())),
    ]
)
ANNOTATORS = pa.schema(
    [
        ("annotator_id", pa.string()),
        ("n_answers", pa.int32()),
        ("n_clicks", pa.int32()),
        ("visibility_accuracy", pa.float64()),
        ("scale", pa.float64()),
    ]
)
ANNOTATORS_OPTIONAL = ("scale",)

FrameKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the answers of one frame say together.

    `mean` is the mean click, `peak` the maximum of the heatmap, `spread` the mean distance of the
    clicks to their mean as a fraction of the diagonal; all None where nobody clicked. `kept` says
    that the frame has a box, `reason` why it has none.

    `p_visible` is the probability that the action can be seen (None where nobody answered),
    `agreement` the label of `fusion.agreement` ("" below three clicks) and `n_agreeing` the clicks
    of the largest component. In robust mode `robust` is the point, `robust_rule` the algorithm that
    gave it and `scale` how uncertain one click on this frame is, as a fraction of the diagonal; in
    paper mode they are None, "" and None.
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
    n_not_visible: int = 0
    p_visible: float | None = None
    agreement: str = ""
    n_agreeing: int = 0
    robust: Point | None = None
    robust_rule: str = ""
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Tube:
    """Boxes of one clip over seconds in rising order; seconds may be missing where no box was.

    `filled_seconds` are those whose box is no frame's own but was drawn between its neighbours.
    """

    tube_id: str
    clip_id: str
    boxes: Mapping[int, Box]
    filled_seconds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotator:
    """What the answers of one person say of them, under the release's pseudonym.

    `visibility_accuracy` is the probability of saying rightly whether the action can be seen.
    `scale` is how much further than the middle person's their clicks lie (1 is the middle); None in
    paper mode and for people with too few clicks.
    """

    annotator_id: str
    n_answers: int
    n_clicks: int
    visibility_accuracy: float
    scale: float | None = None


def frame_row(frame: Consensus) -> tables.Row:
    """Return a frame as a row of `FRAMES`."""
    row = {name: getattr(frame, name) for name in _PLAIN}
    for name in _POINTS:
        point = getattr(frame, name)
        row[f"{name}_x"] = point.x if point else None
        row[f"{name}_y"] = point.y if point else None
    return row


def read_frames(path: Path) -> tuple[Consensus, ...]:
    """Read a table of `FRAMES`."""
    return tuple(iterate_frames(path))


def iterate_frames(path: Path) -> Iterator[Consensus]:
    """Yield the rows of a table of `FRAMES`."""
    for row in tables.iterate_rows(path, FRAMES, FRAMES_OPTIONAL):
        yield _read_frame(row, path)


def _read_frame(row: tables.Row, path: Path) -> Consensus:
    row_checks.check_frame(row, path)
    points: dict[str, Any] = {}
    for name in _POINTS:
        x, y = row.pop(f"{name}_x"), row.pop(f"{name}_y")
        try:
            points[name] = None if x is None and y is None else Point(x, y)
        except (GeometryError, TypeError) as error:
            where = f"{path}: {name} of frame {row['clip_id']}/{row['second']}"
            raise InputError(f"{where}: {error}") from error
    return Consensus(**row, **points)


def box_rows(
    boxes: Mapping[FrameKey, Box],
    rules: Mapping[FrameKey, str],
    beside: Mapping[tuple[str, int, str], Box],
) -> Iterator[tables.Row]:
    """Yield rows of `BOXES`: by frame, the main box of a frame before those beside it."""
    all_of_them = [(*key, rules[key], True, box) for key, box in boxes.items()]
    all_of_them += [(*key, False, box) for key, box in beside.items()]
    all_of_them.sort(key=lambda row: (row[0], row[1], not row[3], row[2]))
    for clip_id, second, rule, is_main, box in all_of_them:
        yield {
            "clip_id": clip_id,
            "second": second,
            "x1": box.x1,
            "y1": box.y1,
            "x2": box.x2,
            "y2": box.y2,
            "rule": rule,
            "is_main": is_main,
        }


@dataclass(frozen=True, slots=True)
class Boxes:
    """A boxes table: main boxes with their rules, and those beside them by frame and rule."""

    main: Mapping[FrameKey, Box]
    rules: Mapping[FrameKey, str]
    beside: Mapping[tuple[str, int, str], Box]


def read_boxes(path: Path) -> Boxes:
    """Read a table of `BOXES`; a frame may have one main box, and one box of each rule."""
    rows = tables.read_rows(path, BOXES)
    once(path, "main box", ((row["clip_id"], row["second"]) for row in rows if row["is_main"]))
    once(path, "box", ((row["clip_id"], row["second"], row["rule"]) for row in rows))
    boxes: dict[FrameKey, Box] = {}
    rules: dict[FrameKey, str] = {}
    beside: dict[tuple[str, int, str], Box] = {}
    for row in rows:
        key = (row["clip_id"], row["second"])
        try:
            box = Box(row["x1"], row["y1"], row["x2"], row["y2"])
            box.check_sides()
        except GeometryError as error:
            raise InputError(f"{path}: box of frame {key[0]}/{key[1]}: {error}") from error
        if row["is_main"]:
            boxes[key], rules[key] = box, row["rule"]
        else:
            beside[*key, row["rule"]] = box
    return Boxes(boxes, rules, beside)


def tube_row(tube: Tube) -> tables.Row:
    """Return a tube as a row of `TUBES`."""
    seconds = sorted(tube.boxes)
    corners = [[b.x1, b.y1, b.x2, b.y2] for b in (tube.boxes[s] for s in seconds)]
    return {
        "tube_id": tube.tube_id,
        "clip_id": tube.clip_id,
        "seconds": seconds,
        "boxes": corners,
        "filled_seconds": list(tube.filled_seconds),
    }


def read_tubes(path: Path) -> tuple[Tube, ...]:
    """Read a table of `TUBES`."""
    tubes = tuple(iterate_tubes(path))
    once(path, "tube", (tube.tube_id for tube in tubes))
    return tubes


def iterate_tubes(path: Path) -> Iterator[Tube]:
    """Yield the rows of a table of `TUBES`."""
    for row in tables.iterate_rows(path, TUBES):
        yield _read_tube(row, path)


def _read_tube(row: tables.Row, path: Path) -> Tube:
    if any(later <= second for second, later in pairwise(row["seconds"])):
        raise InputError(f"{path}: tube {row['tube_id']}: seconds must rise, got {row['seconds']}")
    try:
        pairs = zip(row["seconds"], row["boxes"], strict=True)
        boxes = {second: Box(*corners) for second, corners in pairs}
        for box in boxes.values():
            box.check_sides()
    except (GeometryError, TypeError, ValueError) as error:
        raise InputError(f"{path}: tube {row['tube_id']}: {error}") from error
    return Tube(row["tube_id"], row["clip_id"], boxes, tuple(row["filled_seconds"]))


def annotator_row(annotator: Annotator) -> tables.Row:
    """Return an annotator as a row of `ANNOTATORS`."""
    return {name: getattr(annotator, name) for name in ANNOTATORS.names}


def read_annotators(path: Path) -> tuple[Annotator, ...]:
    """Read a table of `ANNOTATORS`."""
    rows = tables.read_rows(path, ANNOTATORS, ANNOTATORS_OPTIONAL)
    once(path, "annotator", (row["annotator_id"] for row in rows))
    return tuple(Annotator(**row) for row in rows)
