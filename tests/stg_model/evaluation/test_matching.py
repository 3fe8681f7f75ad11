import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stg_model.evaluation.matching import Pairs, match
from stg_model.evaluation.settings import CHOICES, EvaluationSettings

BOTH = CHOICES["detection_matching"]


def matched(overlaps, scores, threshold=0.5, **rules):
    """Return which detections are right, given their IoU with each truth."""
    overlaps = np.asarray(overlaps, float)
    detections, truths = np.indices(overlaps.shape).reshape(2, -1)
    pairs = Pairs(detections, truths, overlaps.ravel())
    return match(pairs, np.array(scores, float), threshold, EvaluationSettings(**rules)).tolist()


def one_after_the_other(overlaps, scores, threshold, matching, comparison):
    """Return which detections are right: each takes its turn, in plain words."""
    used, right = set(), [False] * len(scores)
    for d in sorted(range(len(scores)), key=lambda d: (-scores[d], d)):
        fits = [
            t
            for t, iou in enumerate(overlaps[d])
            if (iou > threshold or (comparison == ">=" and iou == threshold))
            and (matching == "best_then_unused" or t not in used)
        ]
        best = max(fits, key=lambda t: (overlaps[d][t], -t), default=None)
        if best is not None and best not in used:
            right[d] = True
            used.add(best)
    return right


@pytest.mark.parametrize("rule", BOTH)
def test_exact_detections_are_right_and_disjoint_ones_wrong(rule):
    assert matched(np.eye(3), [0.3, 0.2, 0.1], detection_matching=rule) == [True] * 3
    assert matched(np.zeros((3, 3)), [0.3, 0.2, 0.1], detection_matching=rule) == [False] * 3


@pytest.mark.parametrize("rule", BOTH)
def test_of_two_detections_of_one_truth_the_surer_one_is_right(rule):
    assert matched([[0.9], [0.6]], [0.1, 0.2], detection_matching=rule) == [False, True]


@pytest.mark.parametrize("rule", BOTH)
def test_of_equal_scores_the_first_key_takes_the_truth(rule):
    assert matched([[0.6], [0.9]], [0.2, 0.2], detection_matching=rule) == [True, False]


def test_only_best_unused_goes_on_to_the_next_truth():
    overlaps = [[0.9, 0.0], [0.8, 0.6]]
    assert matched(overlaps, [2, 1], detection_matching="best_then_unused") == [True, False]
    assert matched(overlaps, [2, 1], detection_matching="best_unused") == [True, True]


def test_a_truth_below_the_threshold_is_not_taken_from_a_later_detection():
    assert matched([[0.4], [0.6]], [2, 1]) == [False, True]


@pytest.mark.parametrize(("comparison", "right"), [(">", False), (">=", True)])
def test_an_iou_on_the_threshold(comparison, right):
    assert matched([[0.5]], [1], iou_comparison=comparison) == [right]


def test_detections_without_a_pair_are_wrong():
    nothing = np.empty(0, int)
    found = match(Pairs(nothing, nothing, np.empty(0)), np.ones(2), 0.5, EvaluationSettings())
    assert found.tolist() == [False, False]
    assert (
        len(match(Pairs(nothing, nothing, np.empty(0)), np.empty(0), 0.5, EvaluationSettings()))
        == 0
    )


overlap = st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0])


@st.composite
def cases(draw):
    n_truths = draw(st.integers(0, 5))
    rows = draw(st.lists(st.lists(overlap, min_size=n_truths, max_size=n_truths), max_size=7))
    scores = [draw(st.sampled_from([0.1, 0.2, 0.3])) for _ in rows]
    return np.array(rows).reshape(len(rows), n_truths), scores


@given(case=cases(), rule=st.sampled_from(BOTH), comparison=st.sampled_from([">", ">="]))
def test_all_at_once_is_one_after_the_other(case, rule, comparison):
    overlaps, scores = case
    for threshold in (0.0, 0.5):
        found = matched(
            overlaps, scores, threshold, detection_matching=rule, iou_comparison=comparison
        )
        assert found == one_after_the_other(overlaps, scores, threshold, rule, comparison)


@given(case=cases(), rule=st.sampled_from(BOTH), data=st.data())
def test_the_order_of_the_pairs_says_nothing(case, rule, data):
    overlaps, scores = case
    detections, truths = np.indices(overlaps.shape).reshape(2, -1)
    order = np.array(data.draw(st.permutations(range(overlaps.size))), int)
    shuffled = Pairs(detections[order], truths[order], overlaps.ravel()[order])
    settings = EvaluationSettings(detection_matching=rule)
    found = match(shuffled, np.array(scores), 0.5, settings).tolist()
    assert found == matched(overlaps, scores, detection_matching=rule)


@given(case=cases(), rule=st.sampled_from(BOTH))
def test_a_higher_threshold_never_makes_more_detections_right(case, rule):
    overlaps, scores = case
    counts = [sum(matched(overlaps, scores, t, detection_matching=rule)) for t in (0.1, 0.3, 0.7)]
    assert counts == sorted(counts, reverse=True)
