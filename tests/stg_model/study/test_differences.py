"""Means, paired differences and their intervals."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stg_model.study import differences
from stg_model.study.differences import difference, mean_of

values = st.floats(0, 1).map(lambda x: round(x, 6))
cells = st.tuples(st.integers(1, 3), st.integers(0, 4))
rows = st.dictionaries(cells, values, min_size=2, max_size=8)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(differences).failed == 0
    assert mean_of([]) is None
    assert mean_of([None]) is None
    assert mean_of([0.25]).sd is None


def test_a_row_differs_from_itself_by_nothing():
    row = {(1, 0): 0.25, (1, 1): 0.75, (2, 0): 0.5}
    found = difference(row, row)
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    assert (found.n_pairs, found.n_worlds, found.n_agree) == (3, 2, 2)


def test_pairs_take_away_what_a_world_does_to_both_sides():
    reference = {(world, seed): world / 10 for world in (1, 2, 3) for seed in (0, 1)}
    row = {cell: value + 0.05 for cell, value in reference.items()}
    found = difference(row, reference)
    assert (found.mean, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))
    assert found.n_agree == 3


def test_worlds_that_disagree_are_counted():
    reference = dict.fromkeys([(1, 0), (2, 0), (3, 0)], 0.5)
    found = difference({(1, 0): 0.9, (2, 0): 0.6, (3, 0): 0.4}, reference)
    assert found.mean == pytest.approx(0.4 / 3)
    assert found.n_agree == 2


def test_runs_without_a_partner_or_a_value_do_not_count():
    assert difference({(1, 0): 0.5}, {(1, 1): 0.5}) is None
    assert difference({(1, 0): None}, {(1, 0): 0.5}) is None
    found = difference({(1, 0): 0.6, (1, 1): None}, {(1, 0): 0.5, (1, 1): 0.5, (2, 0): 0.1})
    assert (found.n_pairs, found.low, found.high) == (1, None, None)


@given(rows, rows)
def test_an_interval_holds_the_mean_and_turns_with_its_sides(row, reference):
    found, turned = difference(row, reference), difference(reference, row)
    if found is None:
        assert turned is None
    elif found.low is not None:
        assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
        assert found.mean == pytest.approx(-turned.mean, abs=1e-9)
        assert found.n_agree == turned.n_agree


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    reference = {(world, seed): 0.0 for world in range(3) for seed in range(5)}
    held = 0
    for _ in range(60):
        row = {cell: float(rng.normal(0.1, 0.2)) for cell in reference}
        found = difference(row, reference)
        held += found.low <= 0.1 <= found.high
    assert 48 <= held <= 60
