from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.report.diagrams import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    histogram,
    nice_most,
    shares_within,
)


def drawn(values, step=1, most=4, **more):
    return histogram("t", "x", "y", np.array(values, dtype=float), step=step, most=most, **more)


def test_values_on_a_border_belong_above_it_and_the_last_bar_holds_the_rest():
    assert [bar.text for bar in drawn([0, 1, 1, 99]).bars] == [
        "0 to 1: 1",
        "1 to 2: 2",
        "3 or more: 1",
    ]
    tenths = drawn([0.3, 0.7], step=0.1, most=1)
    assert [bar.text for bar in tenths.bars] == ["0.3 to 0.4: 1", "0.7 to 0.8: 1"]


def test_counts_are_named_by_themselves():
    assert [bar.text for bar in drawn([1, 2, 2], is_count=True).bars] == ["1: 1", "2: 2"]
    assert drawn([1, 2], step=2, is_count=True).bars[0].text == "0 to 1: 1"


def test_the_mark_is_the_median_and_stays_on_the_axis():
    assert drawn([1, 2, 3]).mark.at == pytest.approx((LEFT + RIGHT) / 2)
    assert drawn([90, 99]).mark.at == RIGHT
    one = drawn([2], is_count=True)
    assert one.mark.at == pytest.approx(one.bars[0].x + one.bars[0].width / 2, abs=1)


@given(st.lists(st.floats(0, 200), min_size=1, max_size=40))
def test_every_value_stands_in_a_bar_inside_the_axes(values):
    step, most = nice_most(np.array(values), (0.5, 1, 2, 5, 10, 20), 20)
    found = drawn(values, step=step, most=most)
    assert sum(int(bar.text.rpartition(": ")[2]) for bar in found.bars) == len(values)
    for bar in found.bars:
        assert LEFT - 0.01 <= bar.x <= bar.x + bar.width <= RIGHT + 0.01
        assert TOP - 0.01 <= bar.y <= BOTTOM
    assert all(LEFT <= tick.at <= RIGHT for tick in found.x_ticks)
    assert 2 <= len(found.x_ticks) <= 7


def test_shares_rise_from_none_to_all():
    values = np.array([1.0, 2.0, 3.0, 9.0])
    found = shares_within("t", "x", "y", values, most=4, mark=2, text="half")
    heights = [float(pair.split()[1]) for pair in found.path[1:].split("L")]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == BOTTOM
    assert heights[-1] == pytest.approx(BOTTOM - 0.75 * (BOTTOM - TOP), abs=0.1)
    assert found.mark.at == pytest.approx((LEFT + RIGHT) / 2)
