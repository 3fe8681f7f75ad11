"""Repairs of one published box, each by a named rule (R19).

The public boxes are the union of the clicks with 100 px round it, in whole pixels of a frame
stretched to 640x480, but cut with width and height swapped: x at 480, y at 640.

    side_cut   the right side stood at 480: it is put where it lies as far from the mean click as
               the left side does, at least 100 px beyond the mean, not left of 480 (the cut only
               took away) and not beyond the frame. This is an estimate.
    inverted   added where the left side stood at or right of 480, so that the box was inside out
    clipped    the box reached outside its frame and is cut there; exact
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dataset_builder.geometry import Box
from dataset_builder.importers.grounding_youtube import AS_PUBLISHED
from dataset_builder.importers.grounding_youtube_files import RawBox
from dataset_builder.official.box_checks import MARGIN_PX
from dataset_builder.official.records import is_side_cut

SIDE_CUT, INVERTED, CLIPPED = "side_cut", "inverted", "clipped"
NO_MEAN = "no mean click to repair the box with"
NO_AREA = "no area of the box in the frame"


@dataclass(frozen=True, slots=True)
class RepairedBox:
    """What became of a published box: the box and the rules that made it, or why there is none."""

    box: Box | None
    rules: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_estimated(self) -> bool:
        """Whether a side is where it most likely was, rather than where it was."""
        return SIDE_CUT in self.rules


def repair_box(raw: RawBox, mean_x: float | None) -> RepairedBox:
    """Return a published box as it should have been.

    Args:
        raw: the box in whole pixels of its frame.
        mean_x: the mean click of the same people, in pixels; None where it is not known.

    >>> repair_box(RawBox("v", 7, (400, 300, 480, 520), (640, 480)), 510.0).box
    Box(x1=0.625, y1=0.625, x2=0.96875, y2=1.0)
    >>> repair_box(RawBox("v", 7, (400, 300, 480, 520), (640, 480)), 510.0).rules
    ('side_cut', 'clipped')
    """
    (x1, y1, x2, y2), (width, height) = raw.corners, raw.frame_size_px
    rules: list[str] = []
    if is_side_cut(raw):
        if mean_x is None:
            return RepairedBox(None, (SIDE_CUT,), NO_MEAN)
        rules = [SIDE_CUT, INVERTED] if x1 >= x2 else [SIDE_CUT]
        x2 = min(max(estimated_right(x1, mean_x), x2), width)
    inside = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if inside != (x1, y1, x2, y2):
        rules.append(CLIPPED)
    x1, y1, x2, y2 = inside
    if x1 >= x2 or y1 >= y2:
        return RepairedBox(None, tuple(rules), NO_AREA)
    return RepairedBox(Box(x1 / width, y1 / height, x2 / width, y2 / height), tuple(rules))


def rule_name(rules: Iterable[str]) -> str:
    """Return the rules of a box in one word, as the boxes table has them.

    >>> rule_name(["side_cut", "clipped"]), rule_name([])
    ('side_cut+clipped', 'as_published')
    """
    return "+".join(rules) or AS_PUBLISHED


def estimated_right(x1: float, mean_x: float) -> int:
    """Return where a box's right side lies in pixels if both sides are equally far from the mean.

    Rounded down, as the published sides are.
    """
    return math.floor(max(2 * mean_x - x1, mean_x + MARGIN_PX))
