"""The diagrams and example frames of the page on published files and their repairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataset_builder.official.box_checks import MARGIN_PX
from dataset_builder.official.comparison import iou_of
from dataset_builder.official.records import is_side_cut
from dataset_builder.official.repair_table import Repair
from dataset_builder.official.repaired import OTHER_STEP, UNICODE, ZERO_LENGTH
from dataset_builder.official.repairs import CLIPPED, INVERTED, SIDE_CUT
from dataset_builder.report.diagrams import Diagram, histogram, shares_by_place, shares_within
from dataset_builder.report.examples import evenly
from dataset_builder.report.gallery import Rectangle, rectangle
from dataset_builder.report.intervals import Floats

CUT_PX, FRAME_WIDTH_PX = 480, 640
MOST_ERROR_PX = 60
"""Where the axis of errors ends."""

_SHOWN = (
    (SIDE_CUT, 6, "The right side ended at 480 px and now lies as far from the mean click as the "
     "left one, at least 100 px from it, not beyond the frame."),
    (INVERTED, 3, "The left side stood right of the right one. The published box is drawn from one "
     "side to the other, though it holds nothing."),
    (CLIPPED, 3, "The box reached below its frame and is cut there."),
    (OTHER_STEP, 3, "The clip loses the box: it was made from clicks on another step in the same "
     "second. The mean click, where there is one, is that of the clip's own step."),
    (ZERO_LENGTH, 3, "The box lies in a clip of one second, which the public loader leaves out."),
    (UNICODE, 3, "The step's name was spelt with a code for a letter. The box stands as it was, "
     "where no other rule changed it."),
)  # fmt: skip
"""Rules in the order of the page, how many examples of each, and what they show."""


@dataclass(frozen=True, slots=True)
class Example:
    """One published box in one clip, in pixels of its stretched frame.

    `height` is that of the drawing: of the frame, or more where the published box reaches beyond.
    """

    video_id: str
    second: int
    action: str
    width: int
    frame_height: int
    height: int
    old: Rectangle
    new: Rectangle | None
    mean: tuple[float, float] | None
    cut: int | None
    iou: float | None
    rules: str


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """Examples of one rule."""

    rule: str
    text: str
    n_boxes: int
    examples: tuple[Example, ...]


def example_sets(repairs: Sequence[Repair], actions: dict[str, str]) -> list[ExampleSet]:
    """Return some of the boxes of each rule, at even distances in the order of clip and second.

    Args:
        repairs: of one box file.
        actions: what each clip is about, by its id.
    """
    sets = []
    for rule, n, text in _SHOWN:
        mine = [repair for repair in repairs if rule in repair.rules]
        drawn = tuple(_example(repair, actions[repair.clip_id]) for repair in evenly(mine, n))
        sets.append(ExampleSet(rule, text, len(mine), drawn))
    return [found for found in sets if found.examples]


def _example(repair: Repair, action: str) -> Example:
    raw = repair.before
    (x1, y1, x2, y2), (width, height) = raw.corners, raw.frame_size_px
    box, mean = repair.after, repair.mean_px
    return Example(
        raw.video_id,
        raw.second,
        action,
        width,
        height,
        max(height, y1, y2),
        Rectangle(min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)),
        rectangle(box, raw.frame_size_px) if box else None,
        mean and (round(mean[0], 1), round(mean[1], 1)),
        CUT_PX if is_side_cut(raw) else None,
        iou_of(repair),
        ", ".join(repair.rules),
    )


def overlap_diagrams(repairs: Sequence[Repair]) -> list[Diagram]:
    """Return how far old and new boxes overlap: of all changed boxes and of each frequent rule."""
    groups = [("All changed boxes", [repair for repair in repairs if repair.rules])]
    for rule in (SIDE_CUT, CLIPPED):
        groups.append((f"Boxes with {rule}", [r for r in repairs if rule in r.rules]))
    found = []
    for title, mine in groups:
        ious = np.array([iou for repair in mine if (iou := iou_of(repair)) is not None])
        if len(ious):
            found.append(histogram(title, "IoU of old and new", "boxes", ious, step=0.05, most=1))
    return found


def side_diagrams(repairs: Sequence[Repair]) -> list[Diagram]:
    """Return where the right sides of the boxes of landscape videos lie, before and after."""
    wide = [r for r in repairs if r.after and r.before.frame_size_px[0] == FRAME_WIDTH_PX]
    sides = (
        ("Right sides as published", [float(max(r.before.corners[2], 0)) for r in wide]),
        ("Right sides, repaired", [r.after.x2 * FRAME_WIDTH_PX for r in wide if r.after]),
    )
    return [
        histogram(title, "px of 640", "boxes", np.array(values), step=20, most=660)
        for title, values in sides
        if values
    ]


def pointing_diagram(report: dict[str, Any]) -> Diagram | None:
    """Return how many boxes hold their mean click, by where in the frame's width it lies."""
    rows = [row for row in report["mean_click_in_box_by_x"] if row["boxes"]]
    if not rows:
        return None
    n_bins = len(report["mean_click_in_box_by_x"])
    return shares_by_place(
        "Boxes that hold their mean click",
        "x of the mean click, % of the width",
        "share of boxes",
        [row["from"] + 0.5 / n_bins for row in rows],
        before=[row["hits_before"] / row["boxes"] for row in rows],
        after=[row["hits_after"] / row["boxes"] for row in rows],
        mark=CUT_PX / FRAME_WIDTH_PX,
        text="dashed: the cut at 480 of 640 px",
    )


def error_diagram(report: dict[str, Any]) -> Diagram | None:
    """Return how far the estimated right side is off where the true one is known."""
    errors = report["estimate_on_uncut_boxes"]["errors_px"]
    if not errors:
        return None
    values: Floats = np.repeat(np.array([float(error) for error in errors]), list(errors.values()))
    p95 = report["estimate_on_uncut_boxes"]["p95_px"]
    return shares_within(
        "How far the estimate is off",
        "px of 640",
        "share of boxes",
        values,
        most=MOST_ERROR_PX,
        mark=min(p95, MOST_ERROR_PX),
        text=f"dashed: 95 of 100 boxes, {p95:g} px (the margin is {MARGIN_PX} px)",
    )
