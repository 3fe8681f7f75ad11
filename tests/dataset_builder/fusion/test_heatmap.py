from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import GeometryError
from dataset_builder.fusion.heatmap import heatmap, peaks
from dataset_builder.geometry import Point

coordinates = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 6))
points = st.builds(Point, coordinates, coordinates)
clicks = st.lists(points, min_size=1, max_size=7)
sizes = st.tuples(st.integers(50, 2000), st.integers(50, 2000))
GRID = (18, 32)


@given(clicks, sizes)
def test_a_density_heatmap_sums_to_one(mine, size):
    grid = heatmap(mine, size, grid=GRID)
    assert grid.shape == GRID
    assert grid.min() >= 0
    assert grid.sum() == pytest.approx(1)


@given(clicks, sizes)
def test_a_peak_heatmap_has_maximum_one(mine, size):
    assert heatmap(mine, size, grid=GRID, normalise="peak").max() == 1


@given(clicks, st.randoms())
def test_the_order_of_clicks_changes_no_digit(mine, random):
    shuffled = random.sample(mine, len(mine))
    first = heatmap(mine, (640, 480), grid=GRID)
    assert np.array_equal(first, heatmap(shuffled, (640, 480), grid=GRID))


@given(clicks, sizes)
def test_the_product_form_equals_the_sum_of_two_dimensional_gaussians(mine, size):
    width, height = size
    rows, cols = GRID
    x = (np.arange(cols) + 0.5) / cols * width
    y = (np.arange(rows) + 0.5) / rows * height
    sigma_px = 0.03 * math.hypot(width, height)
    direct = sum(
        np.exp(
            -((x[None, :] - p.x * width) ** 2 + (y[:, None] - p.y * height) ** 2)
            / (2 * sigma_px**2)
        )
        for p in mine
    )
    np.testing.assert_allclose(heatmap(mine, size, grid=GRID), direct / direct.sum(), atol=1e-12)


def test_the_gaussian_is_round_in_pixels_of_a_wide_frame():
    # Cells of 10 x 10 px; five cells to the right must look like five cells down.
    grid = heatmap([Point(0.5125, 0.525)], (400, 200), grid=(20, 40), normalise="peak")
    row, col = np.unravel_index(grid.argmax(), grid.shape)
    assert grid[row, col + 5] == pytest.approx(grid[row + 5, col])
    assert 0 < grid[row, col + 5] < 0.1


def test_a_heatmap_without_clicks_is_refused():
    with pytest.raises(GeometryError, match="at least one click"):
        heatmap([], (640, 480))


def test_a_sigma_that_no_cell_sees_is_refused():
    with pytest.raises(GeometryError, match="too small"):
        peaks([[Point(0.5, 0.5)]], [(100, 100)], grid=(10, 10), sigma=0.001)
    with pytest.raises(GeometryError, match="too small"):
        heatmap([Point(0.5, 0.5)], (640, 480), grid=(2, 2), sigma=0.001)


@given(st.lists(st.tuples(clicks, sizes), min_size=1, max_size=5))
def test_peaks_of_many_frames_are_the_maxima_of_their_heatmaps(frames):
    found = peaks([f[0] for f in frames], [f[1] for f in frames], grid=GRID, sigma=0.03)
    for (mine, size), peak in zip(frames, found, strict=True):
        grid = heatmap(mine, size, grid=GRID, normalise="peak")
        row, col = int(peak.y * GRID[0]), int(peak.x * GRID[1])
        assert grid[row, col] >= 1 - 1e-8


def test_peaks_do_not_depend_on_which_frames_share_a_block():
    rng = np.random.default_rng(0)
    frames = [[Point(*rng.random(2)) for _ in range(rng.integers(1, 6))] for _ in range(200)]
    together = peaks(frames, [(640, 360)] * 200, grid=GRID, sigma=0.03)
    alone = [peaks([mine], [(640, 360)], grid=GRID, sigma=0.03)[0] for mine in frames]
    assert together == alone


def test_the_peak_of_one_click_is_the_centre_of_its_cell():
    assert peaks([[Point(0.26, 0.92)]], [(640, 480)], grid=(10, 10), sigma=0.03) == [
        Point(0.25, 0.95)
    ]


def test_three_close_clicks_outvote_one_far_away():
    mine = [Point(0.1, 0.1), Point(0.8, 0.8), Point(0.81, 0.8), Point(0.8, 0.81)]
    (peak,) = peaks([mine], [(640, 480)], grid=(90, 160), sigma=0.03)
    assert abs(peak.x - 0.8) < 0.02
    assert abs(peak.y - 0.8) < 0.02


@pytest.mark.parametrize(
    "mine",
    [
        [Point(0.25, 0.75), Point(0.75, 0.25)],
        [Point(0.75, 0.25), Point(0.25, 0.75)],
        [Point(0.75, 0.25), Point(0.25, 0.25)],
    ],
)
def test_equal_maxima_give_the_first_in_reading_order(mine):
    expected_x = 0.25 if mine[0].y == mine[1].y else 0.75
    (peak,) = peaks([mine], [(400, 400)], grid=(2, 2), sigma=0.03)
    assert peak == Point(expected_x, 0.25)


def test_the_last_bits_do_not_choose_between_equal_cells():
    # Between two columns: both cells are equal on paper, the right one larger by rounding.
    grid = (10, 30)
    for col in range(1, 30):
        (peak,) = peaks([[Point(col / 30, 0.55)]], [(333, 777)], grid=grid, sigma=0.03)
        assert peak.x == pytest.approx((col - 0.5) / 30, abs=1e-6)


def test_a_frame_without_clicks_has_no_peak():
    with pytest.raises(GeometryError, match="at least one click"):
        peaks([[]], [(640, 480)], grid=GRID, sigma=0.03)


def test_equal_weights_are_no_weights():
    clicks = [Point(0.2, 0.3), Point(0.7, 0.6)]
    plain = heatmap(clicks, (640, 480))
    assert heatmap(clicks, (640, 480), weights=[3.0, 3.0]) == pytest.approx(plain)


def test_a_click_of_weight_two_counts_as_two_clicks():
    one, other = Point(0.2, 0.3), Point(0.7, 0.6)
    twice = heatmap([one, one, other], (640, 480))
    assert heatmap([one, other], (640, 480), weights=[2.0, 1.0]) == pytest.approx(twice)


def test_the_peak_is_at_the_reliable_person_s_click_in_any_order():
    clicks, weights = [Point(0.205, 0.305), Point(0.705, 0.605)], [0.1, 1.0]
    grid = (100, 100)
    for order in ((0, 1), (1, 0)):
        found = peaks(
            [[clicks[i] for i in order]],
            [(640, 480)],
            grid=grid,
            sigma=0.03,
            weights=[[weights[i] for i in order]],
        )
        assert found == [Point(0.705, 0.605)]


def test_each_frame_has_a_sigma_of_its_own():
    clicks = [[Point(0.4, 0.5), Point(0.6, 0.5)]] * 2
    # Two Gaussians melt into one peak between them when sigma is above half their distance.
    narrow, wide = peaks(clicks, [(100, 100)] * 2, grid=(99, 99), sigma=[0.02, 0.1])
    assert narrow.x == pytest.approx(0.4, abs=0.01)
    assert wide.x == pytest.approx(0.5, abs=0.01)
