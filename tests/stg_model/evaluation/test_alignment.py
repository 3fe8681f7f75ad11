from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from stg_model.evaluation.alignment import TIE, align, align_as_released
from stg_model.evaluation.length_models import poisson_scores

score = st.floats(-5, 5)
Problem = tuple[np.ndarray, list[int], np.ndarray]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Scores of some seconds, shortest lengths of up to 4 positions, a score of every length."""
    shortest = draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
    n_positions = len(shortest)
    n_seconds = draw(st.integers(max(sum(shortest), 1), 8))

    def table(n_rows: int, n_columns: int) -> np.ndarray:
        row = st.lists(score, min_size=n_columns, max_size=n_columns)
        rows = draw(st.lists(row, min_size=n_rows, max_size=n_rows))
        return np.array(rows, dtype=float).reshape(n_rows, n_columns)

    return table(n_seconds, n_positions), shortest, table(n_positions, n_seconds + 2)


def total(scores: np.ndarray, bounds: tuple[int, ...], lengths: np.ndarray | None = None) -> float:
    found = 0.0
    for m, (start, end) in enumerate(itertools.pairwise(bounds)):
        found += scores[start:end, m].sum() + (0 if lengths is None else lengths[m, end - start])
    return found


def every_alignment(n_seconds: int, shortest: list[int]) -> list[tuple[int, ...]]:
    inner = itertools.combinations_with_replacement(range(n_seconds + 1), len(shortest) - 1)
    found = ((0, *cuts, n_seconds) for cuts in inner)
    return [
        bounds
        for bounds in found
        if all(b - a >= n for (a, b), n in zip(itertools.pairwise(bounds), shortest, strict=True))
    ]


@given(problems(), st.booleans())
def test_no_alignment_scores_higher_than_the_one_found(problem, with_lengths):
    scores, shortest, lengths = problem
    lengths = lengths if with_lengths else None
    found = tuple(align(scores, shortest, lengths).tolist())
    tried = every_alignment(len(scores), shortest)
    assert found in tried
    best = max(total(scores, bounds, lengths) for bounds in tried)
    assert total(scores, found, lengths) == pytest.approx(best, abs=4 * TIE)


def total_as_released(scores: np.ndarray, states: tuple[int, ...], lengths: np.ndarray) -> float:
    """Follow the published program: one state before the first second, one after each second."""
    position = np.repeat(np.arange(len(states) - 1), np.diff(states))
    found = scores[0, position[0]]
    for second in range(len(scores)):
        found += scores[second, position[second]]
    return found + sum(lengths[m, n] for m, n in enumerate(np.diff(states)))


@given(problems(), st.booleans())
def test_no_path_of_the_released_program_scores_higher_than_the_one_found(problem, with_lengths):
    scores, shortest, lengths = problem
    n_seconds = len(scores)
    flat = np.zeros_like(lengths)
    found = align_as_released(scores, shortest, lengths if with_lengths else None).tolist()
    tried = every_alignment(n_seconds + 1, shortest)
    by_labels: dict[tuple[int, ...], float] = {}
    for states in tried:
        labels = tuple(max(state - 1, 0) for state in states)
        value = total_as_released(scores, states, lengths if with_lengths else flat)
        by_labels[labels] = max(value, by_labels.get(labels, -math.inf))
    assert (found[0], found[-1]) == (0, n_seconds)
    assert by_labels[tuple(found)] == pytest.approx(max(by_labels.values()), abs=4 * TIE)


@given(problems(), st.floats(-9, 9))
def test_what_all_positions_of_a_second_share_changes_nothing(problem, shift):
    """So the normaliser of a log-softmax would not either."""
    scores, shortest, _ = problem
    shifted = scores + shift * np.arange(1, len(scores) + 1)[:, None]
    found, other = align(scores, shortest), align(shifted, shortest)
    assert total(scores, tuple(found)) == pytest.approx(total(scores, tuple(other)), abs=4 * TIE)


@given(problems())
def test_lengths_that_all_score_alike_change_nothing(problem):
    scores, shortest, lengths = problem
    rounded = np.round(scores)  # whole numbers: sums are exact, so ties are ties
    flat = np.full_like(lengths, 2.0)
    for decode in (align, align_as_released):
        found = decode(rounded, shortest, flat).tolist()
        assert found == decode(rounded, shortest).tolist()


def random_tenths(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of background, cut, background, stir, background, and of lengths, times 10."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (rng.integers(3, 7), 5))
    scores[:, 2] = scores[:, 4] = scores[:, 0]
    return scores, rng.integers(0, 4, (5, len(scores) + 2))


SHORTEST = [0, 1, 0, 1, 0]


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_equal_alignments_of_scores_in_tenths_are_equal_as_in_whole_numbers(offset, with_lengths):
    """An offset of each second is large enough to round its scores, unlike those of the others."""
    for seed in range(40):
        scores, lengths = random_tenths(seed)
        lengths = lengths if with_lengths else 0 * lengths
        tried = every_alignment(len(scores), SHORTEST)
        # Of the best in whole numbers the one whose last positions begin earliest.
        first = min(tried, key=lambda b: (-total(scores, b, lengths), b[::-1]))
        offsets = offset * np.arange(1, len(scores) + 1)[:, None] / len(scores)
        found = align(scores / 10 + offsets, SHORTEST, lengths / 10 if with_lengths else None)
        assert tuple(found.tolist()) == first


@pytest.mark.parametrize("offset", [0, 1e6])
def test_the_released_form_is_the_same_in_tenths_as_in_whole_numbers(offset):
    for seed in range(100):
        scores, lengths = random_tenths(seed)
        for whole in (None, lengths):
            tenths = None if whole is None else whole / 10
            found = align_as_released(scores / 10 + offset, SHORTEST, tenths).tolist()
            assert found == align_as_released(scores.astype(float), SHORTEST, whole).tolist()


@pytest.mark.parametrize("decode", [align, align_as_released])
def test_what_one_second_gives_to_all_makes_the_others_no_coarser(decode):
    for seed in range(40):
        tenths = random_tenths(seed)[0] / 10
        tenths[0] = 0
        found = decode(tenths, SHORTEST).tolist()
        tenths[0] = 1e12
        assert decode(tenths, SHORTEST).tolist() == found


@pytest.mark.parametrize("lengths", [None, np.zeros((2, 4))])
@pytest.mark.parametrize(("gain", "boundary"), [(0.5 * TIE, 1), (2 * TIE, 2)])
def test_sums_tie_within_the_tolerance_and_not_beyond(gain, boundary, lengths):
    """The middle second brings the first position so little more than the last one."""
    scores = np.array([[0.1, 0.0], [gain, 0.0], [0.0, 0.1]])
    assert align(scores, [1, 1], lengths).tolist() == [0, boundary, 3]


@pytest.mark.parametrize("lengths", [None, np.zeros((3, 6))])
def test_of_equal_alignments_the_last_positions_begin_earliest(lengths):
    assert align(np.zeros((5, 3)), [1, 1, 1], lengths).tolist() == [0, 1, 2, 5]
    assert align(np.zeros((5, 3)), [0, 1, 0], lengths).tolist() == [0, 0, 1, 5]


def test_a_length_model_moves_a_boundary_that_the_scores_leave_open():
    lengths = np.array([poisson_scores(mean, 8) for mean in (3, 5)])
    assert align(np.zeros((8, 2)), [1, 1], lengths).tolist() == [0, 3, 8]


def test_a_mean_that_all_positions_share_does_not_matter():
    """Their lengths sum to the same on every path, so only the factorials decide."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores = rng.normal(size=(12, 5))
        found = [
            align(scores, [0, 1, 0, 1, 0], np.array([poisson_scores(mean, 12)] * 5)).tolist()
            for mean in (0.3, 2.4, 50)
        ]
        assert found[0] == found[1] == found[2]


def test_positions_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 positions need 4 of 3 seconds"):
        align(np.zeros((3, 2)), [2, 2])
    with pytest.raises(ValueError, match="2 positions but 3 shortest lengths"):
        align(np.zeros((3, 2)), [0, 0, 0])


@pytest.mark.parametrize("shape", [(1, 4), (2, 3)])
def test_length_scores_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="do not score 0 to 3 seconds of each of 2 positions"):
        align(np.zeros((3, 2)), [1, 1], np.zeros(shape))


@pytest.mark.parametrize("mean", [0.4, 1, 2.5, 7, 7.6, 150])
def test_the_length_model_is_the_poisson_distribution_divided_by_its_value_near_the_mean(mean):
    found = poisson_scores(mean, 400)
    expected = poisson.logpmf(np.arange(401), mean)
    assert found - found[0] == pytest.approx(expected - expected[0], rel=1e-9, abs=1e-9)
    assert found.argmax() == pytest.approx(mean, abs=1)


def test_the_value_near_the_mean_mixes_the_rounded_and_the_cut_mean_as_published():
    assert poisson_scores(7, 9)[7] == pytest.approx(0, abs=1e-12)
    at_mean = 8 * math.log(8) - 8 - math.log(math.factorial(7))
    expected = 8 * math.log(7.6) - 7.6 - math.log(math.factorial(8)) - at_mean
    assert poisson_scores(7.6, 9)[8] == pytest.approx(expected)
