import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box
from dataset_builder.predictions import Predictions, System, TubePrediction
from stg_model.evaluation import evaluate
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, value_of
from stg_model.evaluation.settings import CHOICES, EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth, read_truth
from stg_model.evaluation.video_map import metrics, score

BOX, ELSEWHERE = Box(0.2, 0.2, 0.4, 0.4), Box(0.6, 0.6, 0.8, 0.8)
N_SECONDS = 12
NAMES = tuple(metrics(EvaluationSettings()))


def tube(action_id, seconds, score=0.5, *, box=BOX, video_id="v"):
    return TubePrediction(video_id, action_id, score, dict.fromkeys(seconds, box))


def clip(action_id, seconds, boxed=None, *, is_scored=True, box=BOX):
    boxes = dict.fromkeys(seconds if boxed is None else boxed, box)
    name = f"{action_id}-{min(seconds)}"
    return TrueClip(name, action_id, frozenset(seconds), boxes, is_scored)


def case_of(tubes, *clips, **rules):
    """Return a case of one video "v" with these clips, or of several given as a mapping."""
    videos = clips[0] if isinstance(clips[0], dict) else {"v": clips}
    truths = tuple(VideoTruth(v, N_SECONDS, tuple(mine)) for v, mine in videos.items())
    predictions = Predictions(System("x", pool="video"), tubes=tuple(tubes))
    return Case(truths, (), predictions, EvaluationSettings(**rules))


def values_of(case):
    found = score(case)
    return {name: value_of(m, len(case.truths)) for name, m in found.measures.items()}


CUT_THEN_STIR = (clip("cut", range(1, 3)), clip("stir", range(5, 9)))


def test_tubes_that_repeat_the_truth_score_one_by_both_forms_at_every_threshold(two_videos):
    truths = read_truth(two_videos)
    tubes = [
        TubePrediction(truth.video_id, c.action_id, 0.5, c.boxes)
        for truth in truths
        for c in truth.clips
    ]
    case = Case(truths, (), Predictions(System("x"), tubes=tuple(tubes)), EvaluationSettings())
    assert values_of(case) == dict.fromkeys(NAMES, 1.0)


def test_tubes_elsewhere_score_zero():
    tubes = [tube("cut", range(1, 3), box=ELSEWHERE), tube("stir", range(9, 12))]
    assert values_of(case_of(tubes, *CUT_THEN_STIR)) == dict.fromkeys(NAMES, 0.0)


def test_no_tubes_score_zero():
    case = case_of([tube("cut", [1], video_id="other")], *CUT_THEN_STIR)
    assert values_of(case) == dict.fromkeys(NAMES, 0.0)


def test_a_case_worked_by_hand():
    # "cut" lasts two seconds. The surer tube covers one of them and two others (IoU 1/4), the other
    # tube both (IoU 1). Up to .2 the surer tube takes the truth: AP 1. From .3 on it is wrong and
    # the second one right: AP 1/2. "stir" is never found.
    tubes = [tube("cut", range(2, 5), 0.9), tube("cut", range(1, 3), 0.4)]
    found = score(case_of(tubes, *CUT_THEN_STIR))
    assert found.per_action["video_map_volume@0.2"] == {"cut": 1.0, "stir": 0.0}
    assert found.per_action["video_map_volume@0.3"] == {"cut": 0.5, "stir": 0.0}
    assert found.per_action["video_map_act@mean"] == pytest.approx({"cut": 0.7, "stir": 0})
    values = {name: value_of(measure, 1) for name, measure in found.measures.items()}
    assert values["video_map_volume@0.2"] == 0.5
    assert values["video_map_volume@0.5"] == 0.25
    assert values["video_map_act@mean"] == pytest.approx(0.35)
    curve = found.curves["video_map_volume@0.3"]["cut"]
    assert (curve.recall.tolist(), curve.precision.tolist()) == ([0, 1], [0, 0.5])
    assert found.counts == {
        "true_tubes": 2,
        "tubes": 2,
        "tubes_answering_a_clip": 0,
        "tubes_left_aside": 0,
        "tubes_of_actions_without_truth": 0,
    }


def test_the_two_forms_are_told_apart():
    # One of two seconds right, the wrong one tiny: most of the volume, half of the seconds.
    boxes = {1: BOX, 2: Box(0.9, 0.9, 0.91, 0.91)}
    case = case_of([TubePrediction("v", "cut", 1.0, boxes)], clip("cut", [1]))
    found = values_of(replace(case, settings=EvaluationSettings(tube_iou_thresholds=(0.6,))))
    assert found == {
        "video_map_volume@0.6": 1,
        "video_map_volume@mean": 1,
        "video_map_act@0.6": 0,
        "video_map_act@mean": 0,
    }


@pytest.mark.parametrize(("comparison", "found"), [(">", 0), (">=", 1)])
def test_an_iou_on_the_threshold(comparison, found):
    rules = {"iou_comparison": comparison, "tube_iou_thresholds": (0.5,)}
    case = case_of([tube("cut", [1, 2])], clip("cut", [1]), **rules)
    assert values_of(case)["video_map_volume@0.5"] == found


def test_a_tube_of_an_action_that_is_true_nowhere_changes_nothing():
    right = [tube("cut", range(1, 3)), tube("stir", range(5, 9))]
    case = case_of([*right, tube("pour", range(1, 3), 0.9)], *CUT_THEN_STIR)
    assert values_of(case) == dict.fromkeys(NAMES, 1.0)
    assert score(case).counts["tubes_of_actions_without_truth"] == 1


def test_a_tube_is_compared_with_the_truth_of_its_own_video():
    truths = {"v": [clip("cut", range(1, 3))], "w": [clip("stir", range(5, 9))]}
    case = case_of([tube("cut", range(1, 3), video_id="w")], truths)
    assert values_of(case)["video_map_volume@mean"] == 0


def test_ranks_go_over_all_videos():
    truths = {"v": [clip("cut", range(1, 3))], "w": [clip("stir", range(5, 9))]}
    wrong = tube("cut", range(1, 3), 0.9, video_id="w")
    case = case_of([wrong, tube("cut", range(1, 3), 0.1)], truths)
    assert score(case).per_action["video_map_volume@0.5"] == {"cut": 0.5, "stir": 0}


def test_a_truth_without_boxes_has_no_tube_and_what_is_said_there_is_left_aside():
    bare = clip("stir", range(5, 9), boxed=[])
    right, there = tube("cut", range(1, 3), 0.1), tube("stir", range(5, 9), 0.9)
    found = score(case_of([right, there], clip("cut", range(1, 3)), bare))
    assert found.per_action["video_map_volume@0.5"] == {"cut": 1}
    assert (found.counts["true_tubes"], found.counts["tubes_left_aside"]) == (1, 1)


@pytest.mark.parametrize(("rule", "found"), [("ignored", 1.0), ("background", 0.5)])
def test_a_tube_in_the_unlabelled_seconds_of_its_action(rule, found):
    truth = clip("cut", range(1, 6), boxed=[1, 2])
    tubes = [tube("cut", range(1, 3), 0.1), tube("cut", range(3, 6), 0.9)]
    values = values_of(case_of(tubes, truth, unlabelled_tube_seconds=rule))
    assert values == dict.fromkeys(NAMES, pytest.approx(found))
    # Another action's tube there is a false alarm by either rule.
    other = [tube("cut", range(1, 3), 0.1), tube("stir", range(3, 6), 0.9), tube("stir", [8], 0.5)]
    case = case_of(other, truth, clip("stir", [8]), unlabelled_tube_seconds=rule)
    assert score(case).per_action["video_map_act@0.5"] == {"cut": 1, "stir": 0.5}


def test_seconds_of_clips_that_are_not_scored_count_on_neither_side():
    unscored = clip("stir", range(3, 6), is_scored=False)
    sure = tube("cut", range(3, 6), 0.9)
    across = tube("cut", range(1, 6), 0.5)
    case = case_of([sure, across], clip("cut", range(1, 3)), unscored)
    assert values_of(case) == dict.fromkeys(NAMES, 1.0)
    assert score(case).counts["tubes_left_aside"] == 1
    # A scored clip of any action at the same seconds makes them count again,
    scored = [clip("cut", range(1, 3)), clip("pour", range(3, 6))]
    case = case_of([sure, across], unscored, *scored)
    assert score(case).per_action["video_map_volume@0.5"]["cut"] == 0
    # but not for the action that the other clip says is there.
    there = clip("cut", range(3, 6), is_scored=False)
    case = case_of([sure, across], there, *scored)
    assert score(case).per_action["video_map_volume@0.5"]["cut"] == 1


def test_without_true_tubes_and_without_the_pool_there_is_no_score():
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        score(case_of([tube("cut", [1])], clip("cut", range(3), boxed=[])))
    with pytest.raises(UndefinedMetricError, match="pool of all actions needs a system"):
        score(case_of([tube("cut", [1])], *CUT_THEN_STIR, pool="all"))


actions = st.sampled_from(["cut", "stir", "pour"])
spans = st.tuples(st.integers(0, 8), st.integers(1, 4)).map(lambda s: range(s[0], s[0] + s[1]))
places = st.sampled_from([BOX, ELSEWHERE, Box(0.2, 0.2, 0.4, 0.3), Box(0.3, 0.2, 0.5, 0.4)])
said_tubes = st.builds(
    tube,
    actions,
    spans,
    st.sampled_from([0.1, 0.5, 0.9]),
    box=places,
    video_id=st.sampled_from(["v", "w"]),
)
true_clips = st.lists(st.builds(clip, actions, spans, box=places), max_size=4)
rule_names = st.fixed_dictionaries(
    {
        name: st.sampled_from(CHOICES[name])
        for name in ("iou_comparison", "detection_matching", "average_precision", "score_ties")
    }
)


@given(
    tubes=st.lists(said_tubes, min_size=1, max_size=8),
    first=true_clips,
    rules=rule_names,
    data=st.data(),
)
def test_the_order_of_the_file_says_nothing(tubes, first, rules, data):
    truths = {"v": [*first, clip("cut", [0])], "w": [clip("stir", [3, 4])]}
    shuffled = data.draw(st.permutations(tubes))
    assert values_of(case_of(shuffled, truths, **rules)) == pytest.approx(
        values_of(case_of(tubes, truths, **rules))
    )


@given(tubes=st.lists(said_tubes, min_size=1, max_size=8), first=true_clips, rules=rule_names)
def test_values_lie_within_0_and_1_with_their_mean_beside_them(tubes, first, rules):
    truths = {"v": [*first, clip("cut", [0])], "w": [clip("stir", [3, 4])]}
    found = score(case_of(tubes, truths, **rules))
    for form in ("volume", "act"):
        values = [
            value_of(found.measures[f"video_map_{form}@{t:g}"], 2)
            for t in EvaluationSettings().tube_iou_thresholds
        ]
        assert all(0 <= value <= 1 for value in values)
        mean = value_of(found.measures[f"video_map_{form}@mean"], 2)
        assert mean == pytest.approx(np.mean(values))


@given(tubes=st.lists(said_tubes, min_size=1, max_size=6), first=true_clips, rules=rule_names)
def test_an_exact_copy_of_every_tube_below_all_of_them_never_helps(tubes, first, rules):
    truths = {"v": [*first, clip("cut", [0])], "w": [clip("stir", [3, 4])]}
    rules["detection_matching"] = "best_then_unused"
    rules["score_ties"] = "together"
    copies = [replace(t, score=t.score - 1) for t in tubes]
    alone = score(case_of(tubes, truths, **rules)).per_action
    doubled = score(case_of(tubes + copies, truths, **rules)).per_action
    for name in NAMES:
        assert all(doubled[name][a] <= alone[name][a] + 1e-12 for a in alone[name])


@given(tubes=st.lists(said_tubes, min_size=1, max_size=6), first=true_clips)
def test_a_video_drawn_twice_counts_as_two_videos_alike(tubes, first):
    truths = {"v": [*first, clip("cut", [0])], "w": [clip("stir", [3, 4])]}
    drawn = score(case_of(tubes, truths)).measures
    twins = {"v": truths["v"], "v2": truths["v"]}
    copies = [replace(t, video_id="v2") for t in tubes if t.video_id == "v"]
    written = score(case_of(tubes + copies, twins)).measures
    for name in NAMES:
        found = drawn[name].values(np.array([[2.0, 0.0]]))[0]
        assert math.isclose(found, value_of(written[name], 2), abs_tol=1e-12)


def test_answers_to_the_questions_of_clips_find_nothing_by_themselves(two_videos, make_perfect):
    right = make_perfect(two_videos)
    answers = tuple(tube for tube in right.tubes if tube.clip_id)
    (row,) = evaluate(two_videos, replace(right, tubes=answers)).systems
    assert row.metrics["video_map_volume@0.5"] is None
    assert row.missing["video_map_volume@0.5"].startswith("all tubes answer the question of a clip")
    assert row.metrics["m_tiou"] == 1
    (row,) = evaluate(two_videos, right).systems
    assert row.counts["tubes_answering_a_clip"] == len(answers) == 3
