from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import (
    HeatmapReference,
    PointPrediction,
    Predictions,
    System,
    TubePrediction,
)
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.given_time import score
from stg_model.evaluation.measures import Case, value_of
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth

BOX = Box(0.2, 0.2, 0.4, 0.4)
BESIDE = Box(0.3, 0.2, 0.5, 0.4)  # IoU with BOX: 1/3
ELSEWHERE = Box(0.6, 0.6, 0.8, 0.8)
CUT = TrueClip("c", "cut", frozenset({2, 3, 4}), {2: BOX, 3: BOX})


def points(boxes: dict[int, Box | None], action_id: str = "cut") -> dict:
    keys = {second: ("v", second, action_id) for second in boxes}
    return {keys[s]: PointPrediction(*keys[s], Point(0.5, 0.5), box) for s, box in boxes.items()}


def scored(clips, said, *tubes, folder=None, **rules):
    truths = (VideoTruth("v", 20, tuple(clips)),)
    predictions = Predictions(System("s"), points=said, tubes=tubes, folder=folder)
    return score(Case(truths, (), predictions, EvaluationSettings(**rules)))


def value(found) -> float:
    return value_of(found.measures["gt_viou"], 1)


def test_the_true_boxes_score_one_and_others_zero():
    assert value(scored([CUT], points({2: BOX, 3: BOX}))) == 1
    assert value(scored([CUT], points({2: ELSEWHERE, 3: ELSEWHERE}))) == 0


def test_by_hand_a_second_without_a_box_scores_zero_and_is_counted():
    found = scored([CUT], points({2: BESIDE, 3: None}))
    assert value(found) == pytest.approx(1 / 6)
    assert found.counts == {"asked_frames_without_predicted_box": 1}


def test_only_seconds_with_a_true_box_are_asked():
    said = points({second: BOX for second in (2, 3)} | {4: ELSEWHERE, 9: ELSEWHERE})
    assert value(scored([CUT], said)) == 1


def test_clips_weigh_alike_and_those_without_a_box_are_not_asked():
    long = TrueClip("d", "stir", frozenset(range(6, 12)), dict.fromkeys(range(6, 12), BOX))
    bare = TrueClip("e", "pour", frozenset({15}), {})
    found = scored([CUT, long, bare], points({2: BOX, 3: BOX}))
    assert value(found) == 0.5
    assert found.per_action["gt_viou"] == {"cut": 1, "stir": 0}


def test_boxes_of_the_tube_that_answers_come_first_and_points_fill_its_gaps():
    tube = TubePrediction("v", "cut", 0.5, {2: BOX})
    assert value(scored([CUT], points({2: ELSEWHERE, 3: BOX}), tube)) == 1
    assert value(scored([CUT], {}, tube)) == 0.5


def test_a_tube_past_the_end_of_the_video_answers_nothing():
    """The surer tube begins within the video's 20 seconds, the surest one behind them."""
    inside = TubePrediction("v", "cut", 0.5, {2: BOX, 3: BOX})
    past = TubePrediction("v", "cut", 0.9, {20: BOX, 21: BOX})
    across = TubePrediction("v", "cut", 0.7, {19: BOX, 20: BOX})
    assert value(scored([CUT], {}, inside, past)) == 1
    assert value(scored([CUT], {}, inside, past, across)) == 0


def test_boxes_of_another_action_do_not_count():
    found = scored([CUT], points({2: BOX, 3: BOX}, action_id="stir"))
    assert (value(found), found.counts["asked_frames_without_predicted_box"]) == (0, 2)


def test_by_the_mask_rule_the_box_is_that_of_the_heatmap(tmp_path):
    """Heat in the left half of the frame, the true box there, the stated boxes elsewhere."""
    np.save(tmp_path / "heat.npy", np.array([[[1.0, 1.0, 0.0, 0.0]]]))
    said = {
        key: replace(found, heatmap=HeatmapReference("heat.npy", 0))
        for key, found in points({2: ELSEWHERE, 3: ELSEWHERE}).items()
    }
    left = TrueClip("c", "cut", frozenset({2, 3}), dict.fromkeys((2, 3), Box(0, 0, 0.5, 1)))
    assert value(scored([left], said)) == 0
    assert value(scored([left], said, folder=tmp_path, region="mask")) == pytest.approx(1, abs=0.01)
    bare = {key: replace(found, box=None) for key, found in said.items()}
    assert value(scored([left], bare, folder=tmp_path, region="mask")) > 0.9
    with pytest.raises(UndefinedMetricError, match=r"no regions \(region = box\)"):
        scored([left], bare)


def test_systems_without_boxes_and_truth_without_boxes_have_no_value():
    with pytest.raises(UndefinedMetricError, match="no tube records and no regions"):
        scored([CUT], points({2: None}))
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        scored([TrueClip("e", "pour", frozenset({15}), {})], points({2: BOX}))
