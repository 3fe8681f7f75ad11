from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import GeometryError
from dataset_builder.geometry import Box, Point, box_iou, distance

fractions = st.floats(0, 1)
points = st.builds(Point, fractions, fractions)
edges = st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted)
boxes = st.builds(
    lambda x, y: Box(x[0] / 1000, y[0] / 1000, x[1] / 1000, y[1] / 1000), edges, edges
)


@given(boxes, boxes)
def test_iou_is_symmetric_and_between_0_and_1(a: Box, b: Box) -> None:
    assert 0 <= box_iou(a, b) <= 1
    assert box_iou(a, b) == box_iou(b, a)


@given(boxes, boxes, st.floats(0.1, 1), st.floats(0.1, 1))
def test_iou_does_not_change_when_each_axis_is_scaled(
    a: Box, b: Box, scale_x: float, scale_y: float
) -> None:
    def scaled(box: Box) -> Box:
        return Box(box.x1 * scale_x, box.y1 * scale_y, box.x2 * scale_x, box.y2 * scale_y)

    assert box_iou(scaled(a), scaled(b)) == pytest.approx(box_iou(a, b), abs=1e-9)


@given(boxes)
def test_a_box_is_wholly_itself_and_holds_its_centre_and_corners(box: Box) -> None:
    assert box_iou(box, box) == pytest.approx(1)
    assert box.contains(box.centre)
    assert box.contains(Point(box.x1, box.y1))
    assert box.contains(Point(box.x2, box.y2))


def test_boxes_that_only_touch_share_nothing() -> None:
    left, right = Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)
    assert box_iou(left, right) == 0
    assert left.contains(Point(0.5, 0.5))
    assert right.contains(Point(0.5, 0.5))


def test_iou_worked_by_hand() -> None:
    # 0.2 x 0.4 shared; 0.16 + 0.24 - 0.08 together.
    assert box_iou(Box(0, 0, 0.4, 0.4), Box(0.2, 0, 0.6, 0.6)) == pytest.approx(0.08 / 0.32)


@given(st.integers(0, 999_999), st.integers(0, 999_999))
def test_a_box_of_one_millionth_is_the_smallest_that_files_hold(x: int, y: int) -> None:
    Box(x / 1e6, y / 1e6, (x + 1) / 1e6, (y + 1) / 1e6).check_sides()
    for thin in (Box(0, 0, 9e-7, 1), Box(0, 0, 1, 9e-7)):
        with pytest.raises(GeometryError, match="sides of a box must be 1e-06 or more"):
            thin.check_sides()


@given(points, points, st.integers(1, 4000), st.integers(1, 4000))
def test_distance_is_symmetric_and_at_most_the_diagonal(
    a: Point, b: Point, width: int, height: int
) -> None:
    found = distance(a, b, width, height)
    assert found == distance(b, a, width, height)
    assert 0 <= found <= 1 + 1e-12
    assert found == pytest.approx(distance(a, b, 3 * width, 3 * height))


def test_distance_measures_both_axes_with_one_ruler() -> None:
    # A quarter of 1600 wide is 400, half of 800 high is 400; the diagonal is 800 * sqrt(5).
    across = distance(Point(0, 0), Point(0.25, 0), 1600, 800)
    down = distance(Point(0, 0), Point(0, 0.5), 1600, 800)
    assert across == pytest.approx(down)
    assert across == pytest.approx(400 / (800 * math.sqrt(5)))


@pytest.mark.parametrize("x", [-0.001, 1.001, 640, math.nan, math.inf])
def test_a_point_outside_the_frame_is_refused_with_its_value(x: float) -> None:
    with pytest.raises(GeometryError, match=rf"got x={x} .*were they pixels"):
        Point(x, 0.5)
    with pytest.raises(GeometryError, match=rf"y={x}"):
        Point(0.5, x)


@pytest.mark.parametrize(
    "corners",
    [(0.5, 0, 0.5, 1), (0.6, 0, 0.5, 1), (0, 0.5, 1, 0.4), (-0.1, 0, 1, 1), (0, 0, 1, math.nan)],
)
def test_a_box_that_is_empty_inside_out_or_outside_is_refused(
    corners: tuple[float, float, float, float],
) -> None:
    with pytest.raises(GeometryError, match="box must satisfy"):
        Box(*corners)


@given(points)
def test_a_rounded_point_stays_inside_and_moves_less_than_a_millionth(point: Point) -> None:
    rounded = point.rounded()
    assert abs(rounded.x - point.x) <= 5e-7
    assert abs(rounded.y - point.y) <= 5e-7
    assert rounded.rounded() == rounded
