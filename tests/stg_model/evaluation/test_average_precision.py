from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stg_model.evaluation.average_precision import Detections, mean_average_precision
from stg_model.evaluation.measures import value_of
from stg_model.evaluation.settings import CHOICES, EvaluationSettings

RULES = CHOICES["average_precision"]
N_ACTIONS, N_VIDEOS = 3, 4


def detections_of(rows):
    """Return detections from rows (action, video, score, is_true) in the order of their keys."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    kinds = (int, int, float, bool)
    return Detections(*(np.array(c, kind) for c, kind in zip(columns, kinds, strict=True)))


def one_action(hits, n_true, *, scores=None, **rules):
    """Return the average precision of one action's detections in one video, best first."""
    scores = scores or range(len(hits), 0, -1)
    rows = [(0, 0, score, hit) for score, hit in zip(scores, hits, strict=True)]
    measure = mean_average_precision(detections_of(rows), [[n_true]], EvaluationSettings(**rules))
    return value_of(measure, 1)


def by_definition(rows, n_true, rule, ties):
    """Return the average precision of `(score, is_true, weight)` in key order, point by point."""
    if not n_true:
        return None
    ranked = sorted(enumerate(rows), key=lambda item: (-item[1][0], item[0]))
    steps = groupby(ranked, key=lambda item: item[1][0] if ties == "together" else item[0])
    points, n_hits, n_found = [(0.0, 1.0)], 0, 0
    for _, step in steps:
        for _, (_, is_true, weight) in step:
            n_hits, n_found = n_hits + weight * is_true, n_found + weight
        if n_found:
            points.append((n_hits / n_true, n_hits / n_found))

    def envelope(recall):
        return max((p for r, p in points[1:] if r >= recall), default=0.0)

    pairs = list(pairwise(points))
    if rule == "trapezoid":
        return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairs)
    if rule == "envelope":
        return sum((b[0] - a[0]) * envelope(b[0]) for a, b in pairs)
    n_levels = {"recall_101": 101, "recall_11": 11, "recall_10_of_11": 11}[rule]
    levels = np.linspace(0, 1, n_levels)
    return sum(map(envelope, levels[:-1] if rule == "recall_10_of_11" else levels)) / n_levels


@pytest.mark.parametrize("rule", RULES)
def test_finding_everything_first_scores_one_but_for_the_rule_that_cannot(rule):
    perfect = 10 / 11 if rule == "recall_10_of_11" else 1
    found = one_action([True] * 7 + [False] * 3, 7, average_precision=rule)
    assert found == pytest.approx(perfect, abs=1e-15)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("hits", [[], [False, False]])
def test_finding_nothing_true_scores_zero(rule, hits):
    assert one_action(hits, 2, average_precision=rule) == 0


@pytest.mark.parametrize(
    ("rule", "area"),
    [
        # Three truths; right, wrong, right: (1/3, 1), (1/3, 1/2), (2/3, 2/3).
        ("envelope", 1 / 3 * 1 + 1 / 3 * 2 / 3),
        ("trapezoid", 1 / 3 * 1 + 1 / 3 * (1 / 2 + 2 / 3) / 2),
        ("recall_101", (34 * 1 + 33 * 2 / 3) / 101),
        ("recall_11", (4 * 1 + 3 * 2 / 3) / 11),
        ("recall_10_of_11", (4 * 1 + 3 * 2 / 3) / 11),
    ],
)
def test_a_case_worked_by_hand(rule, area):
    assert one_action([True, False, True], 3, average_precision=rule) == pytest.approx(area)


def test_equal_scores_count_together_or_in_the_order_of_their_keys():
    equal = {"scores": [1.0, 1.0]}
    assert one_action([True, False], 1, **equal) == one_action([False, True], 1, **equal) == 0.5
    by_key = {"scores": [1.0, 1.0], "score_ties": "by_key"}
    assert one_action([True, False], 1, **by_key) == 1
    assert one_action([False, True], 1, **by_key) == 0.5


def test_an_action_without_truth_is_left_out_and_one_without_detections_scores_zero():
    rows = [(0, 0, 0.9, True), (1, 0, 0.8, False)]
    measure = mean_average_precision(detections_of(rows), [[1], [0], [1]], EvaluationSettings())
    assert measure.per_action(["found", "untrue", "missed"]) == {
        "found": 1.0,
        "untrue": None,
        "missed": 0.0,
    }
    assert value_of(measure, 1) == 0.5


def test_an_action_is_left_out_of_the_replicates_that_do_not_hold_its_truths():
    rows = [(0, 0, 0.9, True), (1, 1, 0.8, False)]
    measure = mean_average_precision(detections_of(rows), [[1, 0], [0, 1]], EvaluationSettings())
    found = measure.values(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    assert found[:3].tolist() == [0.5, 1, 0]
    assert np.isnan(found[3])


def test_more_replicates_than_are_taken_at_once():
    rows = [(0, 0, 0.9, True), (0, 1, 0.8, False), (0, 1, 0.7, True)]
    measure = mean_average_precision(detections_of(rows), [[1, 1]], EvaluationSettings())
    weights = np.tile([[1.0, 1.0], [2.0, 0.0]], (150, 1))
    assert measure.values(weights).tolist() == pytest.approx([5 / 6, 1.0] * 150)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"one length, got shapes \(2,\), \(2,\), \(1,\), \(2,\)"):
        Detections(np.zeros(2, int), np.zeros(2, int), np.zeros(1), np.zeros(2, bool))


def test_a_curve_has_a_point_for_each_score_and_none_stands_for_an_action_without_truth():
    rows = [(1, 0, 0.9, True), (0, 0, 0.9, True), (1, 0, 0.5, False), (1, 0, 0.5, True)]
    measure = mean_average_precision(detections_of(rows), [[0], [4], [1]], EvaluationSettings())
    curves = measure.curves(["untrue", "cut", "missed"])
    assert sorted(curves) == ["cut", "missed"]
    cut = curves["cut"]
    assert (cut.recall.tolist(), cut.scores.tolist(), cut.n_true) == ([0.25, 0.5], [0.9, 0.5], 4)
    assert cut.precision.tolist() == pytest.approx([1, 2 / 3])
    assert len(curves["missed"].recall) == 0


row = st.tuples(
    st.integers(0, N_ACTIONS - 1),
    st.integers(0, N_VIDEOS - 1),
    st.sampled_from([0.1, 0.2, 0.5, 0.7]),
    st.booleans(),
)
rule_names = st.fixed_dictionaries(
    {
        "average_precision": st.sampled_from(RULES),
        "score_ties": st.sampled_from(CHOICES["score_ties"]),
    }
)


def truths_of(rows, extra):
    """Return how many truths there are: those found, and some more."""
    n_true = np.array(extra).reshape(N_ACTIONS, N_VIDEOS)
    for action, video, _, is_true in rows:
        n_true[action, video] += is_true
    return n_true


extra_truths = st.lists(
    st.integers(0, 2), min_size=N_ACTIONS * N_VIDEOS, max_size=N_ACTIONS * N_VIDEOS
)
video_weights = st.lists(st.integers(0, 3), min_size=N_VIDEOS, max_size=N_VIDEOS)


@given(rows=st.lists(row, max_size=12), extra=extra_truths, weights=video_weights, rules=rule_names)
def test_any_weighting_is_scored_as_the_definition_says(rows, extra, weights, rules):
    n_true = truths_of(rows, extra)
    measure = mean_average_precision(detections_of(rows), n_true, EvaluationSettings(**rules))
    expected = [
        by_definition(
            [(s, hit, weights[v]) for a, v, s, hit in rows if a == action],
            int(n_true[action] @ weights),
            rules["average_precision"],
            rules["score_ties"],
        )
        for action in range(N_ACTIONS)
    ]
    found = measure.by_action(np.array([weights], float))[0]
    assert found.tolist() == pytest.approx(
        [np.nan if e is None else e for e in expected], abs=1e-12, nan_ok=True
    )
    with_truth = [e for e in expected if e is not None]
    mean = np.mean(with_truth) if with_truth else np.nan
    assert measure.values(np.array([weights], float))[0] == pytest.approx(mean, nan_ok=True)


@given(rows=st.lists(row, max_size=8), extra=extra_truths, weights=video_weights)
def test_a_video_drawn_twice_is_the_video_written_twice(rows, extra, weights):
    n_true = truths_of(rows, extra)
    drawn = mean_average_precision(detections_of(rows), n_true, EvaluationSettings())
    copies = [row for row in rows for _ in range(weights[row[1]])]
    written = mean_average_precision(detections_of(copies), n_true * weights, EvaluationSettings())
    expected = written.by_action(np.ones((1, N_VIDEOS)))
    found = drawn.by_action(np.array([weights], float))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(data=st.data(), rows=st.lists(row, max_size=12), extra=extra_truths)
def test_with_ties_together_the_order_of_the_detections_says_nothing(data, rows, extra):
    n_true = truths_of(rows, extra)
    shuffled = data.draw(st.permutations(rows))
    one, other = (
        mean_average_precision(detections_of(found), n_true, EvaluationSettings())
        for found in (rows, shuffled)
    )
    weights = np.ones((1, N_VIDEOS))
    np.testing.assert_allclose(one.by_action(weights), other.by_action(weights), atol=1e-12)


@given(rows=st.lists(row, min_size=1, max_size=12))
def test_curves_are_those_of_scikit_learn(rows):
    from sklearn.metrics import average_precision_score, precision_recall_curve

    rows = [(0, 0, 0.9, True), *((0, 0, score, hit) for _, _, score, hit in rows)]
    hits, scores = [hit for *_, hit in rows], [score for _, _, score, _ in rows]
    measure = mean_average_precision(detections_of(rows), [[sum(hits)]], EvaluationSettings())
    curve = measure.curves(["cut"])["cut"]
    precision, recall, thresholds = precision_recall_curve(hits, scores)
    np.testing.assert_allclose(curve.precision[::-1], precision[:-1])
    np.testing.assert_allclose(curve.recall[::-1], recall[:-1])
    np.testing.assert_allclose(curve.scores[::-1], thresholds)
    # Its average is the step form, without an envelope: a sum over the same points.
    steps = np.diff(curve.recall, prepend=0) @ curve.precision
    assert steps == pytest.approx(average_precision_score(hits, scores))
