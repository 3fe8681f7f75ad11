"""Is what somebody said of a gold frame right, and how far off is it: plain rules."""

from __future__ import annotations

from dataclasses import dataclass

from dataset_builder.geometry import Point, distance

DUST = 1e-9
"""A click on the very ring counts as inside, whatever the last bits say."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What an answer is worth.

    Attributes:
        is_right: whether it agrees with the known answer.
        distance: from the known point as a fraction of the diagonal; None unless both are points.
    """

    is_right: bool
    distance: float | None


def point_of(x: float | None, y: float | None) -> Point | None:
    """Return the point of two columns; None, "not visible", where they are empty."""
    return None if x is None or y is None else Point(x, y)


def grade(
    given: Point | None, known: Point | None, *, tolerance: float, width: int, height: int
) -> Grade:
    """Compare an answer with the known one; None is "not visible" in both.

    Args:
        given: where the person clicked.
        known: where the action happens.
        tolerance: how far apart the two may lie, as a fraction of the frame's diagonal.
        width: of the frame, in any unit.
        height: in the same unit.

    >>> grade(Point(0.5, 0.5), Point(0.5, 0.6), tolerance=0.08, width=400, height=300)
    Grade(is_right=True, distance=0.06)
    >>> grade(None, Point(0.5, 0.6), tolerance=0.08, width=400, height=300)
    Grade(is_right=False, distance=None)
    >>> grade(None, None, tolerance=0.08, width=400, height=300)
    Grade(is_right=True, distance=None)
    """
    if given is None or known is None:
        return Grade(is_right=given is known, distance=None)
    away = round(distance(given, known, width, height), 9)
    return Grade(is_right=away <= tolerance + DUST, distance=away)
