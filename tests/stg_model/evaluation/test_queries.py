from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Action
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import (
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
    TubePrediction,
)
from stg_model.evaluation import given_time
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, Scored, value_of
from stg_model.evaluation.pools import to_video_pools
from stg_model.evaluation.queries import (
    answers,
    mean_box_iou,
    metrics,
    score,
    span_iou,
    volume_iou,
)
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth

BOX = Box(0.2, 0.2, 0.4, 0.4)
BESIDE = Box(0.3, 0.2, 0.5, 0.4)  # IoU with BOX: 1/3
ELSEWHERE = Box(0.6, 0.6, 0.8, 0.8)

RULES = EvaluationSettings()

spans = st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda s: (s[0], s[0] + s[1]))
corners = st.lists(st.integers(0, 6), min_size=2, max_size=2, unique=True).map(sorted)
boxes = st.builds(lambda x, y: Box(x[0] / 6, y[0] / 6, x[1] / 6, y[1] / 6), x=corners, y=corners)


def clip(name: str, action_id: str, first: int, boxes: Mapping[int, Box], n: int = 4) -> TrueClip:
    return TrueClip(name, action_id, frozenset(range(first, first + n)), boxes)


def truth(*clips: TrueClip, video_id: str = "v") -> VideoTruth:
    return VideoTruth(video_id, 20, clips)


def tube(first: int, n: int = 4, box: Box = BOX, **named: Any) -> TubePrediction:
    """Return a tube of "cut" in video "v", one box throughout."""
    seconds = range(first, first + n)
    fields = {"video_id": "v", "action_id": "cut", "score": 0.5, **named}
    return TubePrediction(boxes=dict.fromkeys(seconds, box), **fields)


def scored(truths: list[VideoTruth], *tubes: TubePrediction, **rules: Any) -> Scored:
    settings = EvaluationSettings(**rules)
    names = {c.action_id for t in truths for c in t.clips}
    actions = tuple(Action(name, name) for name in sorted(names))
    return score(Case(tuple(truths), actions, Predictions(System("s"), tubes=tubes), settings))


def values(found: Scored, n_videos: int = 1) -> dict[str, float]:
    return {name: value_of(measure, n_videos) for name, measure in found.measures.items()}


CUT = clip("c", "cut", 2, dict.fromkeys(range(2, 6), BOX))


def test_the_true_tube_scores_one_in_every_metric():
    found = scored([truth(CUT)], tube(2))
    assert values(found) == dict.fromkeys(metrics(EvaluationSettings()), 1)
    assert found.counts == {
        "questions": 1,
        "questions_without_box": 0,
        "questions_without_answer": 0,
    }


def test_a_tube_at_another_time_scores_zero_and_one_elsewhere_has_its_time():
    assert set(values(scored([truth(CUT)], tube(8))).values()) == {0}
    found = values(scored([truth(CUT)], tube(2, box=ELSEWHERE)))
    assert found == {"m_tiou": 1, "m_viou": 0, "viou@0.3": 0, "viou@0.5": 0}


def test_two_questions_by_hand():
    """Spans [2, 6) and [4, 8) share 2 of 6 seconds; boxes beside one another have IoU 1/3."""
    other = clip("d", "stir", 10, dict.fromkeys(range(10, 14), BOX))
    found = values(scored([truth(CUT, other)], tube(4), tube(10, box=BESIDE, action_id="stir")))
    assert found["m_tiou"] == pytest.approx((1 / 3 + 1) / 2)
    assert found["m_viou"] == pytest.approx((2 / 6 + 1 / 3) / 2)
    assert (found["viou@0.3"], found["viou@0.5"]) == (1, 0)


def test_a_question_without_an_answer_scores_zero_and_is_counted():
    other = clip("d", "stir", 10, {10: BOX})
    found = scored([truth(CUT, other)], tube(2))
    assert values(found) == dict.fromkeys(metrics(EvaluationSettings()), 0.5)
    assert found.counts["questions_without_answer"] == 1


def test_every_question_weighs_alike_and_videos_can_be_drawn_anew():
    more = truth(clip("d", "cut", 2, {2: BOX}, 1), clip("e", "stir", 4, {4: BOX}, 1), video_id="w")
    found = scored([truth(CUT), more], tube(2), tube(2, 1, video_id="w"))
    assert values(found, 2)["m_tiou"] == pytest.approx(2 / 3)
    drawn = found.measures["m_tiou"].values(np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]]))
    assert drawn.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert found.per_action["m_viou"] == {"cut": 1, "stir": 0}


def test_the_best_scored_tube_answers_and_of_equal_ones_the_first_by_content():
    low, high, again = tube(2, score=0.1), tube(8, score=0.9), tube(12, score=0.9)
    wider = TubePrediction("v", "cut", 0.9, high.boxes | {10: ELSEWHERE})
    named = [tube(3, clip_id="d"), tube(2, clip_id="d"), tube(2, clip_id="d", box=ELSEWHERE)]
    questions = [truth(CUT, clip("d", "cut", 10, {10: BOX}))]
    for order in itertools.permutations([low, high, again, wider]):
        for more in itertools.permutations(named):
            assert answers(questions, [*order, *more]) == {"c": high, "d": named[1]}


def test_a_tube_that_names_the_clip_answers_it_and_no_other():
    again = clip("d", "cut", 10, dict.fromkeys(range(10, 14), BOX))
    named, loud = tube(10, score=0.1, clip_id="d"), tube(2, score=0.9)
    assert answers([truth(CUT, again)], [loud, named]) == {"c": loud, "d": named}
    assert answers([truth(CUT, again)], [named]) == {"d": named}


def test_tubes_of_another_video_or_action_answer_nothing():
    assert answers([truth(CUT)], [tube(2, video_id="w"), tube(2, action_id="stir")]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"clip_id": "nowhere"},
        {"clip_id": "o"},
        {"video_id": "w"},
        {"action_id": "stir"},
        {"action_id": "fry"},
    ],
)
@pytest.mark.parametrize("header", ["video", "all"])
def test_a_tube_must_name_a_clip_of_its_video_and_action(change, header):
    """Clip "o" is not scored, and of "stir"; a header of "all" drops no tube that names a clip."""
    clips = truth(CUT, TrueClip("o", "stir", frozenset({9}), {9: BOX}, is_scored=False))
    wrong = tube(2, **{"clip_id": "c", **change})
    case = Case((clips,), (), Predictions(System("s", pool=header), tubes=(tube(2), wrong)), RULES)
    case = replace(case, predictions=to_video_pools(case.truths, case.predictions)[0])
    for scorer in (score, given_time.score):
        with pytest.raises(InputError, match=f"names clip '{wrong.clip_id}', but the release has"):
            scorer(case)


def test_a_tube_may_name_a_clip_that_is_not_scored_and_one_of_a_video_that_is_not():
    open_clip = TrueClip("o", "stir", frozenset({9}), {9: BOX}, is_scored=False)
    named = tube(9, clip_id="o", action_id="stir"), tube(9, clip_id="x", video_id="other")
    found = scored([truth(CUT, open_clip)], tube(2), *named)
    assert values(found) == dict.fromkeys(metrics(RULES), 1)


def test_clips_that_are_not_scored_ask_nothing():
    open_clip = TrueClip("o", "stir", frozenset({9}), {9: BOX}, is_scored=False)
    assert scored([truth(CUT, open_clip)], tube(2)).counts["questions"] == 1


def test_seconds_without_a_box_are_left_out_or_count_as_elsewhere():
    half = truth(clip("c", "cut", 2, {2: BOX, 3: BOX}))
    ignored, background = (
        values(scored([half], tube(2), unlabelled_tube_seconds=rule))
        for rule in ("ignored", "background")
    )
    assert (ignored["m_viou"], background["m_viou"]) == (1, 0.5)
    assert ignored["m_tiou"] == background["m_tiou"] == 1


def test_a_false_alarm_in_time_costs_viou_though_unlabelled_seconds_are_ignored():
    half = truth(clip("c", "cut", 2, {2: BOX, 3: BOX}))
    assert values(scored([half], tube(0, 8)))["m_viou"] == pytest.approx(2 / 6)


def test_a_clip_without_any_box_counts_for_the_time_alone():
    found = scored([truth(CUT, clip("d", "stir", 10, {}))], tube(2))
    assert (values(found)["m_tiou"], values(found)["m_viou"]) == (0.5, 1)
    assert found.counts["questions_without_box"] == 1


def test_a_tube_with_a_hole_has_the_span_from_end_to_end():
    holed = TubePrediction("v", "cut", 0.5, {2: BOX, 5: BOX})
    found = values(scored([truth(CUT)], holed))
    assert (found["m_tiou"], found["m_viou"]) == (1, 0.5)


def test_the_comparison_decides_at_the_threshold_itself():
    for rule, share in ((">", 0), (">=", 1)):
        found = scored([truth(CUT)], tube(2, 2), iou_comparison=rule)
        assert values(found)["viou@0.5"] == share


def test_the_thresholds_of_the_settings_name_the_metrics():
    found = scored([truth(CUT)], tube(2, 3), query_iou_thresholds=(0.25, 0.8))
    assert values(found) == {"m_tiou": 0.75, "m_viou": 0.75, "viou@0.25": 1, "viou@0.8": 0}


def implied(pool: str = "") -> Predictions:
    """Return seconds that name "cut" at 2 to 4 and, with a better score, at 10, with boxes."""
    seconds = {
        ("v", s): SecondPrediction("v", s, "cut", {"cut": 0.9 if s == 10 else 0.5})
        for s in (2, 3, 4, 10)
    }
    points = {(*key, "cut"): PointPrediction(*key, "cut", Point(0.3, 0.3), BOX) for key in seconds}
    return Predictions(System("s", pool=pool), seconds, points)


def test_tubes_are_made_of_seconds_and_points_where_a_system_writes_none():
    again = clip("d", "cut", 10, {10: BOX}, 1)
    found = score(Case((truth(CUT, again),), (), implied(), EvaluationSettings()))
    assert values(found)["m_tiou"] == 1 / 2  # the run at 10 is the better one, and answers both


def test_tubes_made_of_seconds_need_the_pool_of_the_settings_and_others_do_not():
    settings = EvaluationSettings(pool="all")
    with pytest.raises(UndefinedMetricError, match="the pool of all actions needs a system"):
        score(Case((truth(CUT),), (), implied("video"), settings))
    assert score(Case((truth(CUT),), (), implied("all"), settings)).measures
    assert values(scored([truth(CUT)], tube(2), pool="all"))["m_tiou"] == 1


def test_systems_without_tubes_and_truth_without_boxes_have_no_value():
    with pytest.raises(UndefinedMetricError, match="no tube records"):
        scored([truth(CUT)])
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        scored([truth(clip("d", "cut", 2, {}))], tube(2))


@given(spans, spans)
def test_tiou_is_that_of_the_seconds(one, other):
    first, second = set(range(*one)), set(range(*other))
    assert span_iou(one, other) == pytest.approx(len(first & second) / len(first | second))
    assert span_iou(one, other) == span_iou(other, one)
    assert span_iou(one, one) == 1


@given(spans, spans, st.lists(boxes, min_size=16, max_size=16), st.lists(boxes, min_size=16))
def test_viou_is_at_most_tiou_and_at_most_the_place_given_the_time(one, other, first, second):
    there, said = dict(enumerate(first)), dict(enumerate(second))
    found = volume_iou(one, other, there, said, range(20))
    assert 0 <= found <= span_iou(one, other) + 1e-12
    seconds = range(*one)
    assert found <= mean_box_iou(there, said, seconds) + 1e-12
    assert volume_iou(one, one, there, said, seconds) == mean_box_iou(there, said, seconds)


@pytest.mark.parametrize("n", range(1, 6))
def test_a_viou_of_exactly_a_threshold_is_neither_above_nor_below_it(n):
    """Of a column a tenth wide, a few tenths of the height are said: 3 n tenths in 3 seconds."""
    for left, *parts in itertools.product(range(10), *[range(1, 11)] * 3):
        if sum(parts) == 3 * n:
            heights = [Box(left / 10, 0, (left + 1) / 10, height / 10) for height in (10, *parts)]
            true, said = dict.fromkeys(range(3), heights[0]), dict(enumerate(heights[1:]))
            assert volume_iou((0, 3), (0, 3), true, said, range(3)) == n / 10
            assert mean_box_iou(true, said, range(3)) == n / 10


@given(st.permutations(range(6)))
def test_the_order_of_tubes_with_different_scores_does_not_matter(order):
    tubes = [tube(first, score=first / 10) for first in range(6)]
    assert answers([truth(CUT)], [tubes[n] for n in order]) == {"c": tubes[5]}


def test_no_frame_to_compare_gives_zero():
    assert volume_iou((0, 2), (0, 2), {0: BOX}, {0: BOX}, [5]) == 0
    assert mean_box_iou({}, {0: BOX}, []) == 0
