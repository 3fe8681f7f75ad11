from __future__ import annotations

import pytest

from annot_server.quality.grading import Grade, grade
from dataset_builder.geometry import Point

SHAPE = {"width": 400, "height": 300, "tolerance": 0.08}
KNOWN = Point(0.5, 0.5)


@pytest.mark.parametrize(
    ("given", "known", "is_right"),
    [(None, None, True), (None, KNOWN, False), (KNOWN, None, False), (KNOWN, KNOWN, True)],
)
def test_seeing_and_not_seeing_must_agree(given, known, is_right) -> None:
    assert grade(given, known, **SHAPE).is_right is is_right


def test_a_distance_is_known_only_between_two_points() -> None:
    assert grade(None, KNOWN, **SHAPE).distance is None
    assert grade(KNOWN, None, **SHAPE).distance is None
    assert grade(Point(0.2, 0.5), KNOWN, **SHAPE).distance == pytest.approx(0.3 * 400 / 500)


@pytest.mark.parametrize(("dx", "is_right"), [(0.0999, True), (0.1, True), (0.1001, False)])
def test_the_ring_belongs_to_the_inside(dx, is_right) -> None:
    assert grade(Point(0.5 + dx, 0.5), KNOWN, **SHAPE).is_right is is_right


def test_both_axes_are_measured_with_one_ruler() -> None:
    across = grade(Point(0.6, 0.5), KNOWN, **SHAPE).distance
    down = grade(Point(0.5, 0.6), KNOWN, **SHAPE).distance
    assert across == pytest.approx(down * 4 / 3)
    assert grade(Point(0, 0), Point(1, 1), **SHAPE) == Grade(is_right=False, distance=1.0)
