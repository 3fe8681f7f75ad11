"""Boxes from clicks: the paper's (section 4.1), and one that leaves stray clicks out.

`union_margin` is the union of all clicks plus a margin. The public boxes use 100 px of a 640x480
frame in both directions but cut x at 480 and y at 640, width and height swapped; here each axis is
cut at its own end of the frame.

`robust_union` (R20) is the union of the clicks that lie where the frame's clicks lie, plus a margin
that is as long in both directions. A click is left out when its t-weight at the frame's own scale
is below 0.3, which is 3.7 scales away from the point. Whose click it is does not matter here:
somebody who often clicks anywhere may have clicked right this time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dataset_builder.errors import GeometryError
from dataset_builder.fusion.student_t import click_weights
from dataset_builder.geometry import COORDINATE_DECIMALS, Box, Point

UNION_MARGIN = "union_margin"
"""Name of the paper's rule in the boxes table; the margins stand in the manifest's settings."""
ROBUST_UNION = "robust_union"
"""Name of the robust rule in the boxes table."""
LEAST_WEIGHT = 0.3
"""Clicks with a smaller t-weight (of at most 5/3) are left out of the robust box."""


def main_rule(mode: str) -> str:
    """Return the name of the rule that makes the main boxes of a release in this mode."""
    return ROBUST_UNION if mode == "robust" else UNION_MARGIN


def union_box(clicks: Sequence[Point], margin_x: float, margin_y: float) -> Box:
    """Return the smallest box round the clicks, grown by the margins and cut at the frame.

    Args:
        clicks: one or more points.
        margin_x: fraction of the frame's width added left and right.
        margin_y: fraction of the frame's height added above and below.

    Returns:
        A box with corners rounded to 1e-6, which holds every click.

    Raises:
        GeometryError: no clicks.

    >>> union_box([Point(0.9, 0.5), Point(0.7, 0.5)], 0.15625, 0.2)
    Box(x1=0.54375, y1=0.3, x2=1.0, y2=0.7)
    """
    if not clicks:
        raise GeometryError("a union box needs at least one click")
    xs = [click.x for click in clicks]
    ys = [click.y for click in clicks]
    return Box(
        _rounded(max(0.0, min(xs) - margin_x)),
        _rounded(max(0.0, min(ys) - margin_y)),
        _rounded(min(1.0, max(xs) + margin_x)),
        _rounded(min(1.0, max(ys) + margin_y)),
    )


def robust_box(
    clicks: Sequence[Point], point: Point, scale: float, size: tuple[int, int], margin: float
) -> Box:
    """Return the union box of the clicks that are not far from the frame's point.

    Args:
        clicks: one or more points.
        point: the frame's robust point.
        scale: the frame's scale as a fraction of the diagonal, above 0.
        size: width and height of the frame in pixels.
        margin: fraction of the diagonal added in all four directions.

    Returns:
        A box with corners rounded to 1e-6. It holds at least the clicks nearest to the point.

    Raises:
        GeometryError: no clicks.

    >>> near = [Point(0.5, 0.5), Point(0.5, 0.52), Point(0.52, 0.5), Point(0.48, 0.5)]
    >>> robust_box([*near, Point(0.1, 0.1)], Point(0.5, 0.5), 0.02, (300, 400), 0.06)
    Box(x1=0.38, y1=0.425, x2=0.62, y2=0.595)
    """
    width, height = size
    # Square roots are the same on every machine, unlike the last digit of a hypotenuse.
    diagonal = math.sqrt(width * width + height * height)
    offsets = np.array(
        [((c.x - point.x) * width / diagonal, (c.y - point.y) * height / diagonal) for c in clicks]
    ).reshape(-1, 2)
    weights = click_weights((offsets**2).sum(axis=1), np.full(len(clicks), scale))
    limit = min(LEAST_WEIGHT, float(weights.max(initial=0)))
    lying_near = [c for c, weight in zip(clicks, weights, strict=True) if weight >= limit]
    return union_box(lying_near, margin * diagonal / width, margin * diagonal / height)


def _rounded(value: float) -> float:
    return round(value, COORDINATE_DECIMALS)
