"""A system that chose among all actions, scored among each video's own, and the other way round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.geometry import Box
from dataset_builder.predictions import Predictions, SecondPrediction, System, TubePrediction
from stg_model.evaluation import EvaluationSettings, evaluate
from stg_model.evaluation.pools import to_video_pools
from stg_model.evaluation.truth import TrueClip, VideoTruth

BOX = Box(0.2, 0.2, 0.4, 0.4)
TRUTHS = [
    VideoTruth(
        "v",
        4,
        tuple(TrueClip(a, a, frozenset({s}), {s: BOX}) for s, a in enumerate(("cut", "stir"))),
    )
]


def said(action_id, scores, pool="all", background=None):
    record = SecondPrediction("v", 0, action_id, scores, background)
    return Predictions(System("x", pool=pool), {("v", 0): record})


@pytest.mark.parametrize(
    ("action_id", "scores", "chosen"),
    [
        ("fry", {"fry": 0.9, "cut": 0.2, "stir": 0.3}, "stir"),
        ("fry", {"fry": 0.9, "stir": 0.3, "cut": 0.3}, "cut"),
        ("fry", {"fry": 0.9}, None),
        ("cut", {"fry": 0.9, "cut": 0.2, "stir": 0.3}, "cut"),
        (None, {"cut": 0.2}, None),
    ],
)
def test_the_best_of_the_videos_own_actions_is_taken(action_id, scores, chosen):
    found, counts = to_video_pools(TRUTHS, said(action_id, scores))
    assert found.seconds["v", 0].action_id == chosen
    assert counts["seconds_chosen_anew"] == (action_id == "fry")


@pytest.mark.parametrize(
    ("background", "chosen"), [(0.29, "stir"), (0.3, None), (0.8, None), (None, "stir")]
)
def test_background_takes_part_in_the_new_choice_where_it_has_a_score(background, chosen):
    scores = {"fry": 0.9, "cut": 0.2, "stir": 0.3}
    found, _ = to_video_pools(TRUTHS, said("fry", scores, background=background))
    assert found.seconds["v", 0].action_id == chosen
    found, _ = to_video_pools(TRUTHS, said("cut", scores, background=background))
    assert found.seconds["v", 0].action_id == "cut", "only a new choice is made by scores"


def test_tubes_of_other_actions_are_left_out_and_counted():
    tubes = tuple(TubePrediction("v", a, 1.0, {0: BOX}) for a in ("cut", "fry"))
    found, counts = to_video_pools(TRUTHS, Predictions(System("x", pool="all"), tubes=tubes))
    assert ([t.action_id for t in found.tubes], counts["tubes_outside_the_pool"]) == (["cut"], 1)


def test_a_system_with_tubes_of_other_actions_alone_is_wrong_and_gets_no_others(
    two_videos, make_perfect
):
    right = make_perfect(two_videos)
    system = replace(right.system, pool="all")
    wrong = tuple(replace(t, action_id="fry", clip_id=None) for t in right.tubes)
    (row,) = evaluate(two_videos, replace(right, system=system, tubes=wrong)).systems
    assert row.metrics["video_map_volume@0.1"] == 0


@pytest.mark.parametrize("pool", ["", "video"])
def test_who_chose_among_the_videos_own_actions_keeps_false_alarms(pool):
    predictions = said("fry", {"fry": 0.9, "cut": 0.2}, pool)
    assert to_video_pools(TRUTHS, predictions) == (predictions, {})


def test_the_pool_of_all_actions_needs_a_system_that_used_it(two_videos, make_perfect):
    right, harder = make_perfect(two_videos), EvaluationSettings(pool="all")
    (row,) = evaluate(two_videos, right, harder).systems
    assert row.metrics["iou_pointing"] is None
    assert row.missing["iou_pointing"].startswith("the pool of all actions needs a system that")
    assert row.metrics["temporal_iou"] == 1, "the transcript is given: the pool plays no part"
    open_pool = replace(right, system=replace(right.system, pool="all"))
    (row,) = evaluate(two_videos, open_pool, harder).systems
    assert row.metrics["iou_pointing"] == 1


def test_a_false_alarm_outside_the_pool_hurts_only_among_all_actions(two_videos, make_perfect):
    right = make_perfect(two_videos)
    open_pool = replace(right, system=replace(right.system, pool="all"))
    record = open_pool.seconds["b", 4]
    scores = dict.fromkeys(record.scores, 0.5) | {"fry": 0.9}
    wrong = replace(record, action_id="fry", scores=scores)
    found = replace(open_pool, seconds={**open_pool.seconds, ("b", 4): wrong})
    own, among_all = (
        evaluate(two_videos, found, EvaluationSettings(pool=p)).systems[0] for p in ("video", "all")
    )
    assert own.counts["seconds_chosen_anew"] == 1
    assert among_all.metrics["iou_pointing_micro"] < 1
    assert "seconds_chosen_anew" not in among_all.counts
