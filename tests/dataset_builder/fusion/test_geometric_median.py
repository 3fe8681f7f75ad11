from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from dataset_builder.fusion.geometric_median import _step, geometric_medians, median_points

coordinates = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 6))
places = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=7)


def median(points):
    return median_points(np.array([points], dtype=np.float64))[0]


def cost(point, points):
    return np.hypot(*(np.array(points) - point).T).sum()


@given(places)
def test_no_click_and_no_point_near_by_has_a_smaller_sum_of_distances(points):
    found = median(points)
    steps = [(0.001 * dx, 0.001 * dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    others = [*points, np.mean(points, axis=0), *(found + step for step in steps)]
    assert all(cost(found, points) <= cost(np.array(other), points) + 1e-6 for other in others)


@given(places)
def test_no_step_makes_the_sum_of_distances_larger_not_even_from_a_click(points):
    for start in (*points, np.mean(points, axis=0)):
        moved = _step(np.array([points]), np.array([start], dtype=np.float64))[0]
        assert cost(moved, points) <= cost(np.array(start), points) + 1e-9


def test_it_is_where_a_minimiser_finds_it():
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.random((5, 2))
        best = minimize(cost, points.mean(axis=0), args=(points,), method="Nelder-Mead")
        assert cost(median(points), points) <= best.fun + 1e-9


@given(places, coordinates, coordinates)
def test_shifted_and_stretched_clicks_have_a_shifted_and_stretched_median(points, dx, dy):
    if len(np.unique(points, axis=0)) < 3:
        return  # on a line any point between the middle clicks would do
    moved = 3 * np.array(points) + (dx, dy)
    expected = 3 * median(points) + (dx, dy)
    assert cost(median(moved), moved) == pytest.approx(cost(expected, moved), abs=1e-6)


def test_two_clicks_have_their_middle_and_one_itself():
    assert median([(0.25, 0.5)]).tolist() == [0.25, 0.5]
    assert median([(0.25, 0.5), (0.75, 0.5)]).tolist() == [0.5, 0.5]


def test_equal_clicks_are_their_own_median():
    assert median([(0.3, 0.7)] * 5) == pytest.approx([0.3, 0.7])
    assert median([(0.3, 0.7)] * 3 + [(0.9, 0.1)] * 2) == pytest.approx([0.3, 0.7])


def test_a_start_on_a_click_that_is_no_median_is_left():
    # The mean of these is the click at (0.5, 0.5), where plain Weiszfeld would divide by zero.
    points = [(0.5, 0.5), (0.4, 0.5), (0.4, 0.5), (0.4, 0.5), (0.8, 0.5)]
    assert np.mean(points, axis=0).tolist() == [0.5, 0.5]
    assert median(points) == pytest.approx([0.4, 0.5])


def test_frames_of_different_sizes_keep_their_places(make_clicks):
    clicks = make_clicks([[(0.1, 0.1)] * 3, [], [(0.2, 0.2), (0.4, 0.4)], [(0.6, 0.6)] * 3])
    found = geometric_medians(clicks)
    assert np.isnan(found[1]).all()
    assert found[[0, 2, 3]] == pytest.approx(np.array([[0.1, 0.1], [0.3, 0.3], [0.6, 0.6]]))
