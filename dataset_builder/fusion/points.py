"""The mean click of a frame, and how far the clicks lie from it.

Sums are exact (`math.fsum`), so the order of the clicks cannot change the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dataset_builder.errors import GeometryError
from dataset_builder.geometry import Point, distance


def mean_point(clicks: Sequence[Point]) -> Point:
    """Return the mean of one or more clicks, each coordinate on its own.

    >>> mean_point([Point(0.25, 0.5), Point(0.75, 1)])
    Point(x=0.5, y=0.75)

    Raises:
        GeometryError: no clicks.
    """
    if not clicks:
        raise GeometryError("a mean point needs at least one click")
    n = len(clicks)
    return Point(math.fsum(c.x for c in clicks) / n, math.fsum(c.y for c in clicks) / n)


def spread(clicks: Sequence[Point], width: int, height: int) -> float:
    """Return the mean distance of the clicks to their mean, as a fraction of the diagonal.

    One click has spread 0. Width and height are the frame's in pixels; only their ratio counts.

    >>> spread([Point(0, 0), Point(1, 1)], 640, 480)
    0.5

    Raises:
        GeometryError: no clicks.
    """
    centre = mean_point(clicks)
    return math.fsum(distance(click, centre, width, height) for click in clicks) / len(clicks)
