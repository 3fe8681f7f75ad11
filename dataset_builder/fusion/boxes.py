"""The paper's box: the union of the clicks plus a margin (section 4.1).

The public boxes use 100 px of a 640x480 frame in both directions but cut x at 480 and y at 640,
width and height swapped; here each axis is cut at its own end of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataset_builder.errors import GeometryError
from dataset_builder.geometry import COORDINATE_DECIMALS, Box, Point

UNION_MARGIN = "union_margin"
"""Name of this rule in the boxes table; the margins stand in the manifest's settings."""


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


def _rounded(value: float) -> float:
    return round(value, COORDINATE_DECIMALS)
