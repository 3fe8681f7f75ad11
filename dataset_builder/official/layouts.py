"""What stands in each of GroundingYouTube's files: its JSON value to raw rows, and back.

    boxes_by_second   {video_id: {"second": [x1, y1, x2, y2]}}
    boxes_and_steps   {video_id: {"second": {"box": [x1, y1, x2, y2], "step": ...}}}
    boxes_listed      {video_id: [{"second": 76, "box": [...], "step_name": ...}]}
    segments          {video_id: [{"segment": [first, last], "id": 0, "sentence": ...}]}
    steps             {video_id: [step, ...]}
    sizes             {video_id: [width, height]}, whole pixels
    ratios            {video_id: [stretched width / width, stretched height / height]}
    means             [{"image_url": ..., "x": ..., "y": ..., "mean_dist": ...}]
    native_means      the same with "mean_x" and "mean_y", in pixels of the video itself

Rows are unchecked but for their form: inverted boxes, steps of every spelling and gaps among ids
are kept. Order is that of the file. Each row is a tuple in the order of its table's columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dataset_builder.errors import InputError
from dataset_builder.json_fields import number

Raw = tuple[Any, ...]
_WHOLE_LIMIT = 2**31

_VIDEO = ("video_id", pa.string())
BOXES = pa.schema(
    [
        _VIDEO,
        ("second", pa.int32()),
        *((side, pa.int32()) for side in ("x1", "y1", "x2", "y2")),
        ("step", pa.string()),
    ]
)
SEGMENTS = pa.schema(
    [
        _VIDEO,
        ("first", pa.int32()),
        ("last", pa.int32()),
        ("id", pa.int32()),
        ("sentence", pa.string()),
    ]
)
STEPS = pa.schema([_VIDEO, ("step", pa.string())])
SIZES = pa.schema([_VIDEO, ("width", pa.int32()), ("height", pa.int32())])
RATIOS = pa.schema([_VIDEO, ("x", pa.float64()), ("y", pa.float64())])
MEANS = pa.schema(
    [
        ("image_url", pa.string()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("mean_dist", pa.float64()),
    ]
)
MAY_BE_EMPTY = ("step", "x", "y", "mean_dist")
"""Columns that may have empty cells."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of file.

    `read` yields the rows of one video's value (of the whole file for means) or raises
    `InputError` that names the place in it; `write` makes that value of its rows again.
    """

    schema: pa.Schema
    read: Callable[[Any], Iterator[Raw]]
    write: Callable[[list[Raw]], Any]
    by_video: bool = True


def _read_boxes(mine: Any) -> Iterator[Raw]:
    for key, corners in _object(mine).items():
        yield _second(key), *_corners(corners, key), None


def _write_boxes(rows: list[Raw]) -> Any:
    return {str(second): corners for second, *corners, _ in rows}


def _read_boxes_and_steps(mine: Any) -> Iterator[Raw]:
    for key, entry in _object(mine).items():
        box, step = _fields(entry, ("box", "step"), key)
        yield _second(key), *_corners(box, key), _text(step, key)


def _write_boxes_and_steps(rows: list[Raw]) -> Any:
    return {str(second): {"box": corners, "step": step} for second, *corners, step in rows}


def _read_boxes_listed(mine: Any) -> Iterator[Raw]:
    for n, entry in enumerate(_list(mine)):
        second, box, step = _fields(entry, ("second", "box", "step_name"), n)
        yield _whole(second, n), *_corners(box, n), _text(step, n)


def _write_boxes_listed(rows: list[Raw]) -> Any:
    return [{"second": s, "box": corners, "step_name": step} for s, *corners, step in rows]


def _read_segments(mine: Any) -> Iterator[Raw]:
    for n, entry in enumerate(_list(mine)):
        segment, number_in_video, sentence = _fields(entry, ("segment", "id", "sentence"), n)
        first, last = _list(segment, 2, n)
        yield _whole(first, n), _whole(last, n), _whole(number_in_video, n), _text(sentence, n)


def _write_segments(rows: list[Raw]) -> Any:
    return [{"segment": [a, b], "id": n, "sentence": sentence} for a, b, n, sentence in rows]


def _read_steps(mine: Any) -> Iterator[Raw]:
    yield from ((_text(step, n),) for n, step in enumerate(_list(mine)))


def _write_steps(rows: list[Raw]) -> Any:
    return [step for (step,) in rows]


def _read_sizes(mine: Any) -> Iterator[Raw]:
    yield tuple(_whole(side, "size") for side in _list(mine, 2))


def _read_ratios(mine: Any) -> Iterator[Raw]:
    yield tuple(number(ratio, "a ratio") for ratio in _list(mine, 2))


def _write_pair(rows: list[Raw]) -> Any:
    return list(rows[0])


def _means(x: str, y: str) -> Layout:
    def read(whole: Any) -> Iterator[Raw]:
        for n, entry in enumerate(_list(whole)):
            url, *found = _fields(entry, ("image_url", x, y, "mean_dist"), n)
            yield _text(url, n), *(v if v is None else number(v, f"entry {n}") for v in found)

    def write(rows: list[Raw]) -> Any:
        return [{"image_url": url, x: a, y: b, "mean_dist": d} for url, a, b, d in rows]

    return Layout(MEANS, read, write, by_video=False)


LAYOUTS: Mapping[str, Layout] = {
    "boxes_by_second": Layout(BOXES, _read_boxes, _write_boxes),
    "boxes_and_steps": Layout(BOXES, _read_boxes_and_steps, _write_boxes_and_steps),
    "boxes_listed": Layout(BOXES, _read_boxes_listed, _write_boxes_listed),
    "segments": Layout(SEGMENTS, _read_segments, _write_segments),
    "steps": Layout(STEPS, _read_steps, _write_steps),
    "sizes": Layout(SIZES, _read_sizes, _write_pair),
    "ratios": Layout(RATIOS, _read_ratios, _write_pair),
    "means": _means("x", "y"),
    "native_means": _means("mean_x", "mean_y"),
}

NATIVE_MEANS = "pumpkin_youtube_annotation_full_agg_subset"
"""Batch A: one frame a segment, in pixels of the video itself."""
STRETCHED_MEANS = "pumpkin_youtube_FPS_21k_annotation_full_agg_p"
"""Batch B: the frames round it, in pixels of the stretched frame."""
RELEASED_BOXES = "GoundingYouTubeBox"

FILES: Mapping[str, str] = {
    RELEASED_BOXES: "boxes_and_steps",
    "box_anno": "boxes_listed",
    "id2xy_box_agree": "boxes_by_second",
    "id2xy_box_new_s": "boxes_by_second",
    "id2xy_box": "boxes_by_second",
    "seg": "segments",
    "ground_seg": "segments",
    "ground_seg_3to20": "segments",
    "vid2step": "steps",
    "id2wh": "sizes",
    "id2wh_new": "sizes",
    "id2wh_reso": "ratios",
    NATIVE_MEANS: "native_means",
    STRETCHED_MEANS: "means",
}
"""The layout of each published file, by its name without `.json`."""


def rows_of(name: str, value: object) -> tuple[tuple[str, ...], tuple[Raw, ...]]:
    """Return the videos in the file's order, and its rows.

    Raises:
        InputError: the value is not of the file's layout; the video and the place are named.
    """
    layout = LAYOUTS[FILES[name]]
    if not layout.by_video:
        return (), tuple(layout.read(value))
    rows: list[Raw] = []
    for video_id, mine in _object(value).items():
        try:
            _text(video_id, "id")
            rows += [(video_id, *row) for row in layout.read(mine)]
        except InputError as error:
            raise InputError(f"video {video_id!r:.60}: {error}") from error
    return tuple(_object(value)), tuple(rows)


def value_of(name: str, videos: tuple[str, ...], rows: tuple[Raw, ...]) -> Any:
    """Return the JSON value of rows again."""
    layout = LAYOUTS[FILES[name]]
    if not layout.by_video:
        return layout.write(list(rows))
    of_video: dict[str, list[Raw]] = {video_id: [] for video_id in videos}
    for video_id, *row in rows:
        of_video[video_id].append(tuple(row))
    return {video_id: layout.write(mine) for video_id, mine in of_video.items()}


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"must be an object, got {value!r:.60}")
    return value


def _list(value: object, length: int | None = None, where: object = None) -> list[Any]:
    if not isinstance(value, list) or length not in (None, len(value)):
        what = "a list" if length is None else f"a list of {length}"
        raise InputError(f"{_place(where)}must be {what}, got {value!r:.60}")
    return value


def _fields(entry: object, names: tuple[str, ...], where: object) -> list[Any]:
    if not isinstance(entry, dict) or tuple(entry) != names:
        raise InputError(f"{_place(where)}must have the fields {names}, got {entry!r:.80}")
    return list(entry.values())


def _corners(value: object, where: object) -> list[int]:
    return [_whole(corner, where) for corner in _list(value, 4, where)]


def _second(key: str) -> int:
    # The longest seconds first: int() refuses thousands of digits by itself.
    if len(key) > 10 or not key.isascii() or not key.isdigit() or str(int(key)) != key:
        raise InputError(f"a second must be a whole number, got {key!r:.60}")
    return _whole(int(key), "second")


def _whole(value: object, where: object) -> int:
    if type(value) is not int or not -_WHOLE_LIMIT <= value < _WHOLE_LIMIT:
        raise InputError(f"{_place(where)}must be a whole number, got {value!r:.60}")
    return value


def _text(value: object, where: object) -> str:
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(f"{_place(where)}must be text, got {value!r:.60}")
    return value


def _place(where: object) -> str:
    return "" if where is None else f"entry {where}: "
