from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dataset_builder.errors import InputError
from stg_model.evaluation.intervals import (
    Interval,
    IntervalSettings,
    bootstrap_weights,
    percentile_interval,
    replicates,
    two_sided_p,
)
from stg_model.evaluation.measures import MeanOfMeasures, MeanOfRatios, Ratio

RNG = np.random.default_rng(5)
NUMERATORS = RNG.integers(0, 9, size=30).astype(float)
DENOMINATORS = NUMERATORS + RNG.integers(1, 5, size=30)


def test_the_interval_of_a_ratio_is_that_of_scipys_bootstrap():
    """Both draw whole rows with the same generator, so that every replicate is the same."""
    found = replicates({"m": Ratio(NUMERATORS, DENOMINATORS)}, 30, IntervalSettings(500), "x")["m"]
    oracle = stats.bootstrap(
        (NUMERATORS, DENOMINATORS),
        lambda n, d, axis: n.sum(axis=axis) / d.sum(axis=axis),
        n_resamples=500,
        method="percentile",
        paired=True,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    np.testing.assert_allclose(found, oracle.bootstrap_distribution, rtol=0, atol=1e-12)
    interval = percentile_interval(found, 0.95)
    assert interval.low == pytest.approx(oracle.confidence_interval.low, abs=1e-12)
    assert interval.high == pytest.approx(oracle.confidence_interval.high, abs=1e-12)


def test_two_videos_by_hand():
    """Shares 0 and 1 of equal videos: a quarter of the samples give 0, half 0.5, a quarter 1."""
    ratio = Ratio(np.array([0.0, 4.0]), np.array([4.0, 4.0]))
    values = replicates({"m": ratio}, 2, IntervalSettings(4000), "x")["m"]
    shares = [(values == v).mean() for v in (0, 0.5, 1)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert percentile_interval(values, 0.4) == Interval(0.5, 0.5)
    assert percentile_interval(values, 0.9) == Interval(0, 1)


def test_about_as_many_intervals_hold_the_truth_as_their_level_says():
    """40 videos with a mean score of 0.3; the percentile interval is a little too narrow."""
    rng = np.random.default_rng(1)
    held = []
    for seed in range(300):
        scores = rng.beta(3, 7, size=40)
        ratio = Ratio(scores, np.ones(40))
        values = replicates({"m": ratio}, 40, IntervalSettings(200, 0.9, seed), "x")["m"]
        found = percentile_interval(values, 0.9)
        held.append(found.low <= 0.3 <= found.high)
    assert 0.84 < np.mean(held) < 0.94


@given(n_videos=st.integers(1, 40), seed=st.integers(0, 5))
def test_every_replicate_draws_as_many_videos_as_there_are(n_videos, seed):
    weights = bootstrap_weights(n_videos, IntervalSettings(100, seed=seed))
    assert weights.shape == (100, n_videos)
    assert (weights >= 0).all()
    assert (weights.sum(axis=1) == n_videos).all()


def test_equal_seeds_draw_the_same_and_more_replicates_begin_with_them():
    few, many = (bootstrap_weights(7, IntervalSettings(n)) for n in (100, 300))
    np.testing.assert_array_equal(few, many[:100])
    assert (few != bootstrap_weights(7, IntervalSettings(100, seed=1))).any()


def test_replicates_are_the_same_whatever_else_is_measured():
    """Taken in chunks, and the parts of a mean once for it and for themselves."""
    first, second = Ratio(NUMERATORS, DENOMINATORS), Ratio(DENOMINATORS / 20, np.ones(30))
    groups = MeanOfRatios(np.stack([NUMERATORS, NUMERATORS]), np.stack([DENOMINATORS] * 2))
    both = MeanOfMeasures([first, second])
    settings = IntervalSettings(120)
    found = replicates({"a": first, "b": second, "mean": both, "g": groups}, 30, settings, "x")
    weights = bootstrap_weights(30, settings)
    for name, measure in {"a": first, "b": second, "mean": both, "g": groups}.items():
        np.testing.assert_allclose(found[name], measure.values(weights), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["g"], found["a"], rtol=0, atol=1e-12)


def test_parts_of_a_mean_are_taken_once():
    calls = itertools.count()

    class Counted:
        def values(self, weights):
            next(calls)
            return weights[:, 0]

    part = Counted()
    measures = {"part": part, "mean": MeanOfMeasures([part, part])}
    replicates(measures, 3, IntervalSettings(100), "x")
    assert next(calls) == 2  # two chunks


@pytest.mark.parametrize(("n_defined", "has_interval"), [(1, False), (2, False), (5, True)])
def test_a_metric_that_hardly_any_video_defines_gets_no_interval(n_defined, has_interval):
    denominators = np.array([1.0] * n_defined + [0.0] * (20 - n_defined))
    ratio = Ratio(denominators * np.linspace(0.2, 0.8, 20), denominators)
    values = replicates({"m": ratio}, 20, IntervalSettings(), "x")["m"]
    assert np.isnan(values).any() or has_interval
    assert (percentile_interval(values, 0.95) is not None) == has_interval


def test_p_by_hand():
    assert two_sided_p(np.zeros(99)) == 1
    assert two_sided_p(np.full(99, 0.1)) == pytest.approx(2 / 100)
    assert two_sided_p(np.full(99, -0.1)) == pytest.approx(2 / 100)
    assert two_sided_p(np.array([0.1] * 80 + [-0.1] * 19)) == pytest.approx(40 / 100)
    assert two_sided_p(np.array([np.nan, 0.1, -0.1, 0.1])) == 1


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60))
def test_p_is_a_share_and_does_not_ask_who_is_first(values):
    found = two_sided_p(np.array(values))
    assert 0 < found <= 1
    assert found == two_sided_p(-np.array(values))


def test_p_falls_below_the_level_where_the_interval_leaves_zero_out():
    for shift in np.linspace(-0.5, 0.5, 41):
        values = np.random.default_rng(3).normal(shift, 0.15, size=999)
        interval = percentile_interval(values, 0.95)
        p = two_sided_p(values)
        if abs(p - 0.05) > 0.01:  # the counts with one more make p a little larger
            assert (p < 0.05) == (interval.low > 0 or interval.high < 0)


def test_p_agrees_with_a_permutation_test_of_the_pairs():
    """Swapping the systems video by video is another test of the same hypothesis."""
    rng = np.random.default_rng(8)
    for shift in (0.0, 0.03, 0.06):
        first = rng.beta(4, 4, size=60)
        second = first + rng.normal(shift, 0.15, size=60)
        mean = np.ones(60)
        values = [replicates({"m": Ratio(s, mean)}, 60, IntervalSettings(2000), "x")["m"]
                  for s in (first, second)]  # fmt: skip
        oracle = stats.permutation_test(
            (first, second),
            lambda x, y, axis: (x - y).mean(axis=axis),
            permutation_type="samples",
            n_resamples=2000,
            rng=np.random.default_rng(0),
        )
        assert two_sided_p(values[0] - values[1]) == pytest.approx(oracle.pvalue, abs=0.05)


def test_equal_systems_differ_significantly_about_as_often_as_the_level_says():
    rng = np.random.default_rng(2)
    found = []
    for seed in range(400):
        common = rng.beta(4, 4, size=40)
        noise = rng.normal(0, 0.1, size=(2, 40))
        weights = bootstrap_weights(40, IntervalSettings(200, seed=seed))
        values = [Ratio(common + each, np.ones(40)).values(weights) for each in noise]
        found.append(two_sided_p(values[0] - values[1]))
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09
    assert 0.15 < np.mean(np.array(found) < 0.2) < 0.27


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"replicates": 99}, "100 or more replicates, got 99"),
        ({"level": 1.0}, "level"),
        ({"seed": -1}, "seed"),
    ],
)
def test_numbers_that_make_no_interval_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        IntervalSettings(**changes)
