"""Points and boxes in fractions of the display-oriented frame: origin top-left, x right, y down.

Pointing uses the closed box; areas and overlaps are half-open without a "+1" (R18).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dataset_builder.errors import GeometryError

COORDINATE_DECIMALS = 6
"""Click coordinates are rounded to this many decimals before anything is derived (R20)."""

SMALLEST_SIDE = 10**-COORDINATE_DECIMALS
"""Of a box in a file: what is shorter lies below the files' resolution, and its area may be 0."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the frame, both coordinates in 0..1."""

    x: float
    y: float

    def __post_init__(self) -> None:
        """Refuse coordinates outside 0..1 and NaN."""
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise GeometryError(
                f"point must satisfy 0 <= x <= 1 and 0 <= y <= 1, got x={self.x} y={self.y}; "
                "coordinates are fractions of the frame (were they pixels?)"
            )

    def rounded(self) -> Point:
        """Return the point rounded to `COORDINATE_DECIMALS`; itself where it is so already."""
        x, y = round(self.x, COORDINATE_DECIMALS), round(self.y, COORDINATE_DECIMALS)
        return self if (x, y) == (self.x, self.y) else Point(x, y)


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box in fractions of the frame, `0 <= x1 < x2 <= 1`, `0 <= y1 < y2 <= 1`."""

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        """Refuse boxes that are empty, inverted or reach outside the frame."""
        if not (0 <= self.x1 < self.x2 <= 1 and 0 <= self.y1 < self.y2 <= 1):
            raise GeometryError(
                f"box must satisfy 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1, got {self}"
            )

    def check_sides(self) -> None:
        """Refuse a box that is narrower or lower than a file's coordinates can say.

        Raises:
            GeometryError: a side is below `SMALLEST_SIDE`.
        """
        # Differences of six decimals lie a rounding error to either side.
        if min(self.x2 - self.x1, self.y2 - self.y1) < SMALLEST_SIDE - 1e-12:
            raise GeometryError(f"sides of a box must be {SMALLEST_SIDE:g} or more, got {self}")

    @property
    def area(self) -> float:
        """Area as a share of the frame, 0..1."""
        return (self.x2 - self.x1) * (self.y2 - self.y1)

    @property
    def centre(self) -> Point:
        """The middle of the box."""
        return Point((self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2)

    def contains(self, point: Point) -> bool:
        """Whether the closed box holds the point (R18).

        >>> Box(0.2, 0.2, 0.4, 0.4).contains(Point(0.4, 0.2))
        True
        """
        return self.x1 <= point.x <= self.x2 and self.y1 <= point.y <= self.y2


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1; unchanged when each axis is scaled separately.

    >>> round(box_iou(Box(0, 0, 0.5, 0.5), Box(0.25, 0, 0.75, 0.5)), 6)
    0.333333
    """
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.area + b.area - shared)


def distance(a: Point, b: Point, width: float, height: float) -> float:
    """Distance between two points as a fraction of the frame's diagonal.

    `width` and `height` give the frame's shape in any common unit (pixels); only their ratio
    counts. Fractions alone would measure a wide frame's two axes with different rulers.

    >>> distance(Point(0, 0), Point(1, 1), 640, 480)
    1.0
    """
    return math.hypot((a.x - b.x) * width, (a.y - b.y) * height) / math.hypot(width, height)
