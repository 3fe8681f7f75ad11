from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import (
    HeatmapReference,
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
    TubePrediction,
)
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth, read_truth
from stg_model.evaluation.tubes import implied_tubes, predicted_tubes, true_tubes

BOX = Box(0.2, 0.2, 0.4, 0.4)
N_SECONDS = 10
TRUTHS = tuple(VideoTruth(v, N_SECONDS, ()) for v in ("v", "w"))


def case_of(said, *, boxed=None, scores=None, truths=TRUTHS, folder=None, **rules):
    """Return a case whose system names one action (or None) at each second of each video."""
    keys = [(v, s, a) for v, labels in said.items() for s, a in enumerate(labels)]
    seconds = {
        (v, s): SecondPrediction(v, s, a, {a: (scores or {}).get((v, s), 0.5)} if a else {})
        for v, s, a in keys
    }
    points = {
        key: PointPrediction(*key, Point(0.3, 0.3), BOX if boxed is None or key in boxed else None)
        for key in keys
        if key[2]
    }
    predictions = Predictions(System("x"), seconds, points, folder=folder)
    return Case(truths, (), predictions, EvaluationSettings(**rules))


def runs_of(case):
    return [(t.video_id, t.action_id, list(t.boxes)) for t in implied_tubes(case)]


def test_a_run_of_one_action_is_a_tube():
    case = case_of({"w": ["cut"], "v": [None, "cut", "cut", "stir", None, "cut"]})
    assert runs_of(case) == [
        ("v", "cut", [1, 2]),
        ("v", "stir", [3]),
        ("v", "cut", [5]),
        ("w", "cut", [0]),
    ]


@pytest.mark.parametrize(("gap", "runs"), [(0, 3), (1, 2), (2, 1)])
def test_a_run_goes_on_over_a_gap_without_a_box_in_it(gap, runs):
    case = case_of({"v": ["cut", None, "cut", "stir", "stir", "cut"]}, tube_gap_s=gap)
    cut = [t for t in implied_tubes(case) if t.action_id == "cut"]
    assert len(cut) == runs
    assert [second for tube in cut for second in tube.boxes] == [0, 2, 5]


@pytest.mark.parametrize(("rule", "score"), [("mean", 0.3), ("max", 0.5)])
def test_a_tube_is_ranked_by_the_scores_of_its_seconds(rule, score):
    scores = {("v", 0): 0.1, ("v", 1): 0.3, ("v", 2): 0.5}
    (tube,) = implied_tubes(case_of({"v": ["cut"] * 3}, scores=scores, tube_score=rule))
    assert tube.score == pytest.approx(score)


def test_a_second_without_a_region_is_a_hole_and_a_run_without_any_no_tube():
    case = case_of(
        {"v": ["cut", "cut", "cut", None, "stir"]}, boxed={("v", 0, "cut"), ("v", 2, "cut")}
    )
    assert runs_of(case) == [("v", "cut", [0, 2])]


def test_other_videos_and_seconds_past_the_end_make_no_tubes():
    case = case_of({"v": [None] * 9 + ["cut"] * 3, "unknown": ["cut"]})
    assert runs_of(case) == [("v", "cut", [9])]


def test_the_region_may_be_the_mask_of_a_heatmap(tmp_path):
    heat = np.zeros((1, 2, 4), np.float32)
    heat[0, :, 2:] = 1
    np.save(tmp_path / "heat.npy", heat)
    case = case_of({"v": ["cut"]}, folder=tmp_path, region="mask", mask_threshold=0.5)
    key = ("v", 0, "cut")
    reference = HeatmapReference("heat.npy", 0)
    case.predictions.points[key] = PointPrediction(*key, Point(0.5, 0.5), heatmap=reference)
    # Left in the list, but asked by nobody: its file is not even opened.
    other = ("v", 0, "stir")
    lost = PointPrediction(*other, Point(0.5, 0.5), heatmap=HeatmapReference("lost.npy", 0))
    case.predictions.points[other] = lost
    (tube,) = implied_tubes(case)
    assert tube.boxes == {0: Box(0.5, 0.0, 1.0, 1.0)}


def test_what_implies_no_tubes_is_refused():
    case = case_of({"v": []})
    with pytest.raises(UndefinedMetricError, match="no tube records and no second records"):
        predicted_tubes(case)
    with pytest.raises(UndefinedMetricError, match="no region where a second names an action"):
        predicted_tubes(case_of({"v": ["cut"]}, boxed=set()))


def test_a_second_that_does_not_score_its_action_is_refused():
    case = case_of({"v": ["cut"]})
    case.predictions.seconds["v", 0] = SecondPrediction("v", 0, "cut", {"stir": 1.0})
    with pytest.raises(UndefinedMetricError, match="second v/0 names 'cut' without a score"):
        predicted_tubes(case)


def test_a_system_that_says_background_throughout_has_no_tubes():
    assert predicted_tubes(case_of({"v": [None] * 4})) == []


def test_tube_records_stand_as_they_are_but_for_what_lies_past_the_end():
    def tube(video_id, *seconds):
        return TubePrediction(video_id, "cut", 0.5, dict.fromkeys(seconds, BOX))

    inside, across, past, other = tube("w", 3, 5), tube("v", 9, 10), tube("v", 10), tube("u", 1)
    predictions = Predictions(System("x"), tubes=(inside, across, past, other))
    found = predicted_tubes(Case(TRUTHS, (), predictions, EvaluationSettings()))
    assert found == [inside, tube("v", 9)]


def test_true_tubes_are_the_scored_clips_with_a_box(two_videos):
    found = true_tubes(read_truth(two_videos))
    assert [(t.video_id, t.action_id, list(t.boxes), set(t.unlabelled)) for t in found] == [
        ("a", "cut", [1, 2], {3}),
        ("a", "stir", [6, 7], set()),
        ("b", "pour", [0, 2], {1}),
    ]
    clips = [
        TrueClip("open", "cut", frozenset({1}), {1: BOX}, is_scored=False),
        TrueClip("bare", "cut", frozenset({3}), {}),
    ]
    assert true_tubes((VideoTruth("v", 5, tuple(clips)),)) == []


labels = st.lists(st.sampled_from([None, "cut", "stir"]), min_size=1, max_size=N_SECONDS)


@given(labels=labels, gap=st.integers(0, 3))
def test_tubes_part_the_seconds_by_gaps_longer_than_allowed(labels, gap):
    case = case_of({"v": labels}, tube_gap_s=gap)
    tubes = implied_tubes(case)
    assert sorted((s, t.action_id) for t in tubes for s in t.boxes) == sorted(
        (s, a) for s, a in enumerate(labels) if a
    )
    for action in ("cut", "stir"):
        runs = [list(t.boxes) for t in tubes if t.action_id == action]
        assert all(b - a <= gap + 1 for run in runs for a, b in pairwise(run))
        assert all(b[0] - a[-1] > gap + 1 for a, b in pairwise(runs))


@given(labels=labels, data=st.data())
def test_the_order_of_the_records_says_nothing(labels, data):
    case = case_of({"v": labels}, tube_gap_s=1)
    keys = data.draw(st.permutations(list(case.predictions.seconds)))
    shuffled = Predictions(
        System("x"),
        {key: case.predictions.seconds[key] for key in keys},
        case.predictions.points,
    )
    assert implied_tubes(Case(TRUTHS, (), shuffled, case.settings)) == implied_tubes(case)
