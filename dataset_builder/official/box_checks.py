"""Defects of boxes and mean clicks; each check yields `(code, file, where)`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from dataset_builder.importers.grounding_youtube_files import RawBox
from dataset_builder.official.files import Files
from dataset_builder.official.layouts import NATIVE_MEANS, RELEASED_BOXES, STRETCHED_MEANS
from dataset_builder.official.records import (
    BOX_FILES,
    Frame,
    MeanClick,
    boxes_of,
    by_frame,
    holds,
    is_side_cut,
    mean_clicks,
)

MARGIN_PX = 100
Found = tuple[str, str, str]
BATCHES = {"A": f"{NATIVE_MEANS}.json", "B": f"{STRETCHED_MEANS}.json"}
_SAME_BOXES = (RELEASED_BOXES, "box_anno", "id2xy_box_agree")
"""Three spellings of one map: a second that one of them lacks is a defect too."""


def check_boxes(files: Files) -> Iterator[Found]:
    """Yield the defects of single boxes."""
    means = by_frame(mean_clicks(files))
    for name in BOX_FILES:
        if name not in files:
            continue
        for frame, box in boxes_of(files, name).items():
            for code in _box_codes(box, means.get(frame, [])):
                yield code, f"{name}.json", f"{_name(frame)}: {list(box.corners)}"


def _box_codes(box: RawBox, means: list[MeanClick]) -> Iterator[str]:
    (x1, y1, x2, y2), (width, height) = box.corners, box.frame_size_px
    if x1 >= x2 or y1 >= y2:
        yield "inverted_box"
    if min(x1, y1) < 0 or x2 > width or y2 > height:
        yield "box_outside_frame"
    if is_side_cut(box):
        yield "side_cut"
    if x2 - x1 < MARGIN_PX:
        yield "narrow_box"
    a, b = ([m.point_px for m in means if m.batch == batch] for batch in "AB")
    if len(b) == 1 and b[0] is not None and not holds(box, b[0]):
        yield "mean_b_outside_box"
    if not b and len(a) == 1 and a[0] is not None and not holds(box, a[0]):
        yield "mean_a_outside_box"


def check_means(files: Files) -> Iterator[Found]:
    """Yield the defects of the rows of both batches."""
    means = mean_clicks(files)
    both = " and ".join(BATCHES.values())
    seen: set[tuple[Frame, str]] = set()
    for mean in means:
        where = f"{_name(mean.frame)}, {mean.label!r}"
        if not mean.was_clicked:
            yield "nobody_clicked", BATCHES[mean.batch], where
        if (mean.frame, mean.label) in seen:
            yield "in_both_batches", both, where
        seen.add((mean.frame, mean.label))
    for frame, rows in by_frame(means).items():
        labels = list(dict.fromkeys(row.label for row in rows))
        clicked = list(dict.fromkeys(row.label for row in rows if row.was_clicked))
        if len(labels) > 1:
            yield "two_labels_in_second", both, f"{_name(frame)}: {', '.join(labels)}"
        for other in clicked[1:]:
            yield "lost_to_collision", both, f"{_name(frame)}: {clicked[0]} or {other}"


def compare_box_files(files: Files) -> Iterator[Found]:
    """Yield the seconds that two box files give another box."""
    names = [name for name in BOX_FILES if name in files]
    boxes = {name: boxes_of(files, name) for name in names}
    for a, b in combinations(names, 2):
        both_released = a in _SAME_BOXES and b in _SAME_BOXES
        if not both_released and (set(_SAME_BOXES[:2]) & {a, b}):
            continue  # They are the third spelling again, which is compared itself.
        for frame in boxes[a] if not both_released else {**boxes[a], **boxes[b]}:
            here, there = boxes[a].get(frame), boxes[b].get(frame)
            if here is None or there is None:
                if both_released:
                    yield "box_files_differ", f"{a}.json and {b}.json", f"{_name(frame)}: in one"
            elif here.corners != there.corners:
                where = f"{_name(frame)}: {list(here.corners)} or {list(there.corners)}"
                yield "box_files_differ", f"{a}.json and {b}.json", where


def _name(frame: Frame) -> str:
    return f"{frame[0]}, second {frame[1]}"
