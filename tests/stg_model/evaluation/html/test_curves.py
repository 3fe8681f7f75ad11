"""Precision-recall curves as they are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stg_model.evaluation.average_precision import Detections, mean_average_precision
from stg_model.evaluation.html.curves import SHOWN_ACTIONS, curve_sets, envelope
from stg_model.evaluation.measures import Curve
from stg_model.evaluation.settings import EvaluationSettings


def curve(is_true, n_true):
    """The curve of detections in falling order."""
    is_true = np.array(is_true, bool)
    n = len(is_true)
    found = Detections(np.zeros(n, int), np.zeros(n, int), -np.arange(n, dtype=float), is_true)
    measure = mean_average_precision(found, [[n_true]], EvaluationSettings())
    return measure.curves(["cut"])["cut"], measure.per_action(["cut"])["cut"]


def test_perfect_is_one_everywhere_and_nothing_is_zero():
    assert (envelope(curve([True, True], 2)[0]) == 1).all()
    assert (envelope(curve([False, False], 2)[0]) == 0).all()
    assert (envelope(None) == 0).all()


def test_by_hand():
    # Right, wrong, right of three: precision 1 up to a third, then 2/3 up to two thirds, then none.
    found = envelope(curve([True, False, True], 3)[0])
    assert found[[0, 33, 34, 66]].tolist() == pytest.approx([1, 1, 2 / 3, 2 / 3])
    assert (found[67:] == 0).all()


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 20))
def test_the_area_under_the_drawn_line_is_the_average_precision(is_true, more):
    n_true = sum(is_true) + more
    if n_true:
        found, average = curve(is_true, n_true)
        drawn = envelope(found)
        assert (np.diff(drawn) <= 0).all()
        # Drawn at 101 recalls; each true detection is a step of at most 1 within one of them.
        assert drawn[1:].sum() / 100 <= average + 1e-9
        assert drawn[:-1].sum() / 100 >= average - 1e-9


def test_the_first_panel_is_the_mean_and_the_others_are_the_most_frequent_actions(compared):
    curves = {f"action-{n}": Curve(np.ones(1), np.ones(1), np.ones(1), n) for n in range(1, 9)}
    nothing = {
        name: Curve(np.ones(0), np.ones(0), np.ones(0), c.n_true) for name, c in curves.items()
    }
    good, *rest = compared.systems
    metric = "spatial_map@0.3"

    def drawing(mapping):
        scored = replace(good.row.scored, curves={metric: mapping})
        return replace(good, row=replace(good.row, scored=scored))

    rest = [replace(s, row=replace(s.row, scored=replace(s.row.scored, curves={}))) for s in rest]
    half = dict(list(curves.items())[:4]) | dict(list(nothing.items())[4:])
    (found,) = curve_sets(compared.report, [drawing(half), *rest], compared.release.actions)
    assert (found.is_open, found.n_actions) == (True, 8)
    titles = [panel.title for panel in found.panels]
    assert titles == ["Mean over actions", *(f"action-{8 - n}" for n in range(SHOWN_ACTIONS))]
    assert [panel.n_true for panel in found.panels] == [36, 8, 7, 6, 5, 4]
    paths = [panel.lines[0].path for panel in found.panels]
    assert paths == ["M0 50L100 50", *["M0 100L100 100"] * 4, "M0 0L100 0"]


def test_without_curves_there_are_no_diagrams(compared):
    bare = [
        replace(s, row=replace(s.row, scored=replace(s.row.scored, curves={})))
        for s in compared.systems
    ]
    assert curve_sets(compared.report, bare, compared.release.actions) == []
