from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dataset_builder.errors import InputError
from stg_model.evaluation.average_precision import Detections, mean_average_precision
from stg_model.evaluation.intervals import (
    IntervalSettings,
    bootstrap_weights,
    percentile_interval,
    replicates,
    two_sided_p,
)
from stg_model.evaluation.measures import MeanOfMeasures, MeanOfRatios, Ratio, value_of
from stg_model.evaluation.settings import EvaluationSettings

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
    value = NUMERATORS.sum() / DENOMINATORS.sum()
    shift = value - oracle.bootstrap_distribution.mean()
    assert abs(shift) < 0.002
    interval = percentile_interval(value, found, 0.95)
    assert interval.low == pytest.approx(oracle.confidence_interval.low + shift, abs=1e-12)
    assert interval.high == pytest.approx(oracle.confidence_interval.high + shift, abs=1e-12)


def test_two_videos_by_hand():
    """Shares 0 and 1 of equal videos: a quarter of the samples give 0, half 0.5, a quarter 1."""
    ratio = Ratio(np.array([0.0, 4.0]), np.array([4.0, 4.0]))
    values = replicates({"m": ratio}, 2, IntervalSettings(4000), "x")["m"]
    shares = [(values == v).mean() for v in (0, 0.5, 1)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    narrow, wide = (percentile_interval(0.5, values, level) for level in (0.4, 0.9))
    assert (narrow.low, narrow.high) == pytest.approx((0.5, 0.5), abs=0.02)
    assert (wide.low, wide.high) == pytest.approx((0, 1), abs=0.02)
    assert narrow.low == narrow.high


def test_about_as_many_intervals_hold_the_truth_as_their_level_says():
    """40 videos with a mean score of 0.3; percentiles of so few are a little too narrow."""
    rng = np.random.default_rng(1)
    held = []
    for seed in range(300):
        scores = rng.beta(3, 7, size=40)
        ratio = Ratio(scores, np.ones(40))
        values = replicates({"m": ratio}, 40, IntervalSettings(200, 0.9, seed), "x")["m"]
        found = percentile_interval(scores.mean(), values, 0.9)
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
    assert (percentile_interval(0.5, values, 0.95) is not None) == has_interval


def rare_actions(rng, n_videos=100, n_actions=300):
    """Return a benchmark of mostly rare actions: six clips a video, found or not, false alarms."""
    share = 1 / (np.arange(n_actions) + 20)
    places = (n_videos, 6)
    true = rng.choice(n_actions, size=places, p=share / share.sum())
    false = rng.integers(n_actions, size=places)
    videos = np.broadcast_to(np.arange(n_videos)[:, None], places)
    is_found, is_alarm = rng.uniform(size=places) < 0.6, rng.uniform(size=places) < 0.8
    n_true = np.zeros((n_actions, n_videos))
    np.add.at(n_true, (true, videos), 1)
    detections = Detections(
        np.concatenate([true[is_found], false[is_alarm]]),
        np.concatenate([videos[is_found], videos[is_alarm]]),
        np.concatenate(
            [rng.normal(0.7, 0.5, is_found.sum()), rng.normal(0.3, 0.5, is_alarm.sum())]
        ),
        np.repeat([True, False], [is_found.sum(), is_alarm.sum()]),
    )
    return mean_average_precision(detections, n_true, EvaluationSettings())


def test_intervals_of_a_map_over_rare_actions_hold_what_such_benchmarks_give_on_average():
    """Plain percentiles do not, as resampling by itself raises the score of rare actions."""
    rng = np.random.default_rng(4)
    benchmarks = [rare_actions(rng) for _ in range(40)]
    values = [value_of(measure, 100) for measure in benchmarks]
    settings = IntervalSettings(100)
    held, plain, spreads = [], [], []
    for value, measure in zip(values, benchmarks, strict=True):
        found = replicates({"map": measure}, 100, settings, "x")["map"]
        interval = percentile_interval(value, found, 0.95)
        held.append(interval.low <= np.mean(values) <= interval.high)
        low, high = np.quantile(found, [0.025, 0.975])
        plain.append(low <= np.mean(values) <= high)
        spreads.append(found.std())
    assert np.mean(held) >= 0.9
    assert np.mean(plain) < 0.8
    assert np.mean(spreads) == pytest.approx(np.std(values), rel=0.3)


def test_p_by_hand():
    """Two of four replicates lie as far from their mean, 0.1, as the difference from zero."""
    values = np.array([0.0, 0.1, 0.1, 0.2])
    assert two_sided_p(0.1, values, 40) == pytest.approx(3 / 5)
    assert two_sided_p(-0.1, values, 40) == pytest.approx(3 / 5)
    assert two_sided_p(0.11, values, 40) == pytest.approx(1 / 5)
    assert two_sided_p(0.11, np.append(values, np.nan), 40) == pytest.approx(1 / 5)


@pytest.mark.parametrize(("n_videos", "smallest"), [(1, 1), (2, 0.5), (5, 1 / 16), (40, 1 / 100)])
def test_few_videos_cannot_give_a_small_p(n_videos, smallest):
    """Swapping the systems in each of two videos gives four tables: p is a half at least."""
    assert two_sided_p(0.5, np.full(99, 0.5), n_videos) == smallest


def test_no_difference_at_all_is_never_significant():
    assert two_sided_p(0.0, np.zeros(99), 40) == 1
    assert two_sided_p(0.0, np.linspace(-1, 1, 99), 40) == 1


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(-1, 1))
def test_p_is_a_share_and_does_not_ask_who_is_first(values, difference):
    found = two_sided_p(difference, np.array(values), 7)
    assert 0 < found <= 1
    assert found == two_sided_p(-difference, -np.array(values), 7)


def test_p_falls_below_the_level_where_the_interval_leaves_zero_out():
    for difference in np.linspace(-0.5, 0.5, 41):
        values = np.random.default_rng(3).normal(difference + 0.2, 0.15, size=999)
        interval = percentile_interval(difference, values, 0.95)
        p = two_sided_p(difference, values, 40)
        if abs(p - 0.05) > 0.02:  # the interval's two tails are not quite alike
            assert (p < 0.05) == (interval.low > 0 or interval.high < 0)


def test_p_agrees_with_a_permutation_test_of_the_pairs():
    """Swapping the systems video by video is another test of the same hypothesis."""
    rng = np.random.default_rng(8)
    for shift in (0.0, 0.03, 0.06):
        first = rng.beta(4, 4, size=60)
        second = first + rng.normal(shift, 0.15, size=60)
        values = [
            replicates({"m": Ratio(scores, np.ones(60))}, 60, IntervalSettings(2000), "x")["m"]
            for scores in (first, second)
        ]
        oracle = stats.permutation_test(
            (first, second),
            lambda x, y, axis: (x - y).mean(axis=axis),
            permutation_type="samples",
            n_resamples=2000,
            rng=np.random.default_rng(0),
        )
        found = two_sided_p((first - second).mean(), values[0] - values[1], 60)
        assert found == pytest.approx(oracle.pvalue, abs=0.04)


def test_equal_systems_differ_significantly_about_as_often_as_the_level_says():
    rng = np.random.default_rng(2)
    found = []
    for seed in range(400):
        common = rng.beta(4, 4, size=40)
        scores = common + rng.normal(0, 0.1, size=(2, 40))
        weights = bootstrap_weights(40, IntervalSettings(200, seed=seed))
        values = [Ratio(mine, np.ones(40)).values(weights) for mine in scores]
        difference = np.subtract(*scores).mean()
        found.append(two_sided_p(difference, values[0] - values[1], 40))
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09
    assert 0.15 < np.mean(np.array(found) < 0.2) < 0.27


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"replicates": 99}, "100 or more replicates, got 99"),
        ({"replicates": 100_001}, "100,000 replicates at most, got 100001"),
        ({"method": "bca"}, "must be 'percentile, shifted to the score', got 'bca'"),
        ({"level": 1.0}, "level"),
        ({"seed": -1}, "seed"),
    ],
)
def test_numbers_that_make_no_interval_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        IntervalSettings(**changes)
