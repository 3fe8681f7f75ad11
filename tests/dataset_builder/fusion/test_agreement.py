from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.fusion.agreement import (
    RADIUS,
    agreement_labels,
    agreement_numbers,
    alpha,
    icc1,
)
from dataset_builder.fusion.answer_table import AnswerTable, Clicks

values = st.lists(st.lists(st.integers(0, 4), min_size=0, max_size=5), min_size=2, max_size=8)


def flat(units):
    """Return units of whole numbers as the arrays that the functions take."""
    numbers = [number for unit in units for number in unit]
    indices = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
    return indices, np.array(numbers, dtype=np.float64).reshape(-1, 1)


def alpha_by_pairs(units):
    """Return alpha as Krippendorff defines it: all pairs within units against all pairs at all."""
    units = [unit for unit in units if len(unit) > 1]
    pooled = [value for unit in units for value in unit]
    n = len(pooled)
    observed = sum(
        (a - b) ** 2 / (len(unit) - 1) for unit in units for a, b in itertools.permutations(unit, 2)
    )
    expected = sum((a - b) ** 2 for a, b in itertools.permutations(pooled, 2))
    return 1 - (n - 1) * observed / expected


# --- labels


def label(*places):
    clicks = np.array(places, dtype=np.float64)
    return labels_of([clicks])[0][0]


def labels_of(frames):
    counts = [len(places) for places in frames]
    people = np.concatenate([np.arange(n) for n in counts])
    places = np.concatenate(frames).reshape(-1, 2)
    clicks = Clicks(np.repeat(np.arange(len(frames)), counts), people, places, len(frames), 99)
    return agreement_labels(clicks)


NEAR = 0.8 * RADIUS
A, B, FAR = (0.2, 0.2), (0.6, 0.4), (0.1, 0.5)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([A] * 5, "unimodal"),
        ([A] * 4 + [B], "unimodal"),
        ([A] * 3 + [B, FAR], "unimodal"),
        ([A] * 3 + [B] * 2, "split"),
        ([A] * 2 + [B] * 2, "split"),
        ([A] * 2 + [B, FAR, (0.7, 0.1)], "scattered"),
        ([A] * 3 + [B, FAR, (0.7, 0.1)], "scattered"),  # half is no majority
        ([A, B, FAR], "scattered"),
        ([A] * 2, ""),
        ([A], ""),
    ],
)
def test_the_label_of_planted_clicks(places, expected):
    assert label(*places) == expected


def test_two_planted_targets_with_errors_are_called_split_and_one_is_not():
    rng = np.random.default_rng(0)
    two = [np.array([A, A, A, B, B]) + rng.normal(0, 0.005, (5, 2)) for _ in range(200)]
    one = [np.array([A] * 5) + rng.normal(0, 0.005, (5, 2)) for _ in range(200)]
    assert set(labels_of(two)[0]) == {"split"}
    assert set(labels_of(one)[0]) == {"unimodal"}


def test_a_component_may_be_a_chain_and_counts_its_ends():
    chain = [(0.1 + NEAR * step, 0.3) for step in range(5)]
    labels, agreeing = labels_of([np.array(chain), np.array([*chain[:2], chain[4]])])
    assert labels == ["unimodal", "scattered"]
    assert agreeing.tolist() == [5, 0]


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda p: (p[0] / 33, p[1] / 33)),
        min_size=3,
        max_size=9,
    ),
    st.randoms(),
)
def test_groups_are_those_of_scikit_learn_and_order_does_not_matter(places, random):
    cluster = pytest.importorskip("sklearn.cluster")
    array = np.array(places)
    labels, agreeing = labels_of([array])
    shuffled = np.array(random.sample(places, len(places)))
    assert labels_of([shuffled])[0] == labels
    assert labels_of([shuffled])[1].tolist() == agreeing.tolist()
    groups = cluster.DBSCAN(eps=RADIUS, min_samples=2).fit(array).labels_
    assert (labels[0] == "split") == (groups.max() >= 1)
    found = cluster.DBSCAN(eps=RADIUS, min_samples=3).fit(array)
    cores = found.labels_[found.core_sample_indices_]
    # scikit-learn gives a click at the edge of two components to one of them.
    close = np.hypot(*(array[:, None] - array[found.core_sample_indices_]).transpose(2, 0, 1))
    sizes = [(close[:, cores == k] <= RADIUS).any(axis=1).sum() for k in set(cores)]
    assert agreeing[0] == max(sizes, default=0)


# --- alpha


@given(values)
def test_alpha_is_what_counting_all_pairs_gives(units):
    paired = [value for unit in units if len(unit) > 1 for value in unit]
    if len(set(paired)) < 2:
        assert alpha(*flat(units)) is None
    else:
        assert alpha(*flat(units)) == pytest.approx(alpha_by_pairs(units), abs=1e-9)


@given(values)
def test_alpha_is_that_of_the_krippendorff_package(units):
    krippendorff = pytest.importorskip("krippendorff", reason="pip install krippendorff")
    if len({value for unit in units if len(unit) > 1 for value in unit}) < 2:
        return
    table = np.full((5, len(units)), np.nan)
    for index, unit in enumerate(units):
        table[: len(unit), index] = unit
    expected = krippendorff.alpha(table, level_of_measurement="interval")
    assert alpha(*flat(units)) == pytest.approx(expected, abs=1e-9)


def test_alpha_of_krippendorff_s_own_example():
    """Four observers, twelve units, interval metric: 0.849 (Computing Krippendorff's alpha, D)."""
    nan = np.nan
    table = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    units = [column[~np.isnan(column)].tolist() for column in table.T]
    assert alpha(*flat(units)) == pytest.approx(0.849, abs=5e-4)


def test_alpha_of_two_coordinates_is_the_pooled_one():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(20), 3)
    places = rng.random((20, 2))[units] + rng.normal(0, 0.1, (60, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert alpha(units, places @ turn) == pytest.approx(alpha(units, places))
    assert alpha(units, 7 * places + 3) == pytest.approx(alpha(units, places))


# --- ICC


def test_icc_of_shrout_and_fleiss_s_table():
    """Six targets and four judges: mean squares 11.24 and 6.26, ICC(1,1) = 0.17."""
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc1(*flat(table)) == pytest.approx(0.1657, abs=1e-4)


def test_icc_of_groups_of_different_sizes_worked_by_hand():
    # Means 1 and 5, n = 5; within 2 + 2 = 4 over 3; between 2 * 2.4^2 + 3 * 1.6^2 = 19.2 over 1;
    # size 5 - 13 / 5 = 2.4: (19.2 - 4 / 3) / (19.2 + 1.4 * 4 / 3).
    expected = (19.2 - 4 / 3) / (19.2 + 1.4 * 4 / 3)
    assert icc1(*flat([[0, 2], [4, 5, 6]])) == pytest.approx(expected)


def test_one_unit_or_no_repeated_value_has_no_icc_and_no_alpha():
    assert icc1(*flat([[1, 2, 3]])) is None
    assert icc1(*flat([[1], [2], [3]])) is None
    assert alpha(*flat([[1], [2], [3]])) is None
    assert icc1(*flat([[1, 1], [1, 1]])) is None


# --- numbers


def test_the_numbers_of_a_small_project_worked_by_hand():
    places = np.array([A, A, A, (0.0, 0.0), (0.3, 0.4), (0, 0)], dtype=np.float64)
    table = AnswerTable(
        ("a", "b", "c"),
        np.array([0, 0, 0, 1, 1, 1]),
        np.array([0, 1, 2, 0, 1, 2]),
        np.array([True, True, True, True, True, False]),
        places,
        3,
    )
    found = agreement_numbers(table)
    assert found["frames_of_two_clicks"] == 2
    assert found["frames_of_three_clicks"] == 1
    assert found["distance_mean"] == 0.25  # of 0 and 0.5
    assert (found["share_unimodal"], found["share_split"], found["share_scattered"]) == (1, 0, 0)
    assert found["share_three_close"] == 1
    assert found["share_visibility_agreed"] == 0.5
    assert found["alpha_visibility"] == 0.0  # 1 - 5 * (2 * 2 / 2) / (2 * 5)


def test_a_project_without_clicks_has_no_numbers_but_counts():
    empty = np.zeros(0, dtype=np.int64)
    table = AnswerTable((), empty, empty, empty.astype(bool), np.zeros((0, 2)), 2)
    found = agreement_numbers(table)
    assert {name for name, value in found.items() if value is not None} == {
        "frames_of_two_clicks",
        "frames_of_three_clicks",
    }
