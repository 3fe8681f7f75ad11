from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import GeometryError
from dataset_builder.fusion.points import mean_point, spread
from dataset_builder.geometry import Point

coordinates = st.floats(0, 1, allow_nan=False)
clicks = st.lists(st.builds(Point, coordinates, coordinates), min_size=1, max_size=7)


@given(clicks, st.randoms())
def test_the_order_of_clicks_changes_no_digit(mine, random):
    shuffled = random.sample(mine, len(mine))
    assert mean_point(mine) == mean_point(shuffled)
    assert spread(mine, 640, 480) == spread(shuffled, 640, 480)


@given(clicks)
def test_spread_is_a_fraction_of_the_diagonal(mine):
    assert 0 <= spread(mine, 1920, 1080) <= 0.5 + 1e-9


def test_one_click_has_no_spread():
    assert spread([Point(0.3, 0.7)], 640, 480) == 0


def test_spread_is_measured_in_pixels_of_the_frame():
    # Two clicks 60 px apart across and two 60 px apart down lie equally far from their means.
    across = [Point(0.5, 0.5), Point(0.5 + 60 / 640, 0.5)]
    down = [Point(0.5, 0.5), Point(0.5, 0.5 + 60 / 480)]
    assert spread(across, 640, 480) == pytest.approx(30 / 800)
    assert spread(down, 640, 480) == pytest.approx(30 / 800)


def test_a_mean_without_clicks_is_refused():
    with pytest.raises(GeometryError, match="at least one click"):
        mean_point([])
