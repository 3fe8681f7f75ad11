"""Differences between compared systems, as places on a line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stg_model.evaluation.comparison import Difference
from stg_model.evaluation.html.differences import difference_tables
from stg_model.evaluation.intervals import Interval


def test_places_on_the_line_by_hand(compared):
    differences = (
        Difference("pointing", "good", "poor", 0.2, Interval(-0.1, 0.4), 0.3, 2),
        Difference("mof", "good", "poor", -0.1, None, None, 2),
        Difference("pointing", "good", "fixed", 0.0, None, None, 2),
    )
    tables = difference_tables(replace(compared.comparison, differences=differences))
    assert [(t.first, t.second) for t in tables] == [("good", "poor"), ("good", "fixed")]
    where, when = tables[0].groups
    assert tables[0].scale == 0.4
    assert where[1][0].value_at == 75
    assert where[1][0].interval_at == pytest.approx((37.5, 100))
    assert (when[1][0].value_at, when[1][0].interval_at) == (37.5, None)
    assert tables[1].groups[0][1][0].value_at == 50


def test_every_difference_stands_in_one_table(compared):
    tables = difference_tables(compared.comparison)
    rows = [row.found for table in tables for _, group in table.groups for row in group]
    assert sorted(rows, key=str) == sorted(compared.comparison.differences, key=str)
    for row in (row for table in tables for _, group in table.groups for row in group):
        assert 0 <= row.value_at <= 100
        assert row.interval_at is None or 0 <= row.interval_at[0] <= row.interval_at[1] <= 100
