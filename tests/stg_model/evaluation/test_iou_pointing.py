from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import PointPrediction, Predictions, SecondPrediction, System
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.iou_pointing import score_iou_pointing
from stg_model.evaluation.truth import TrueClip, VideoTruth, read_truth

BOX = Box(0.2, 0.2, 0.4, 0.4)
INSIDE, OUTSIDE = Point(0.3, 0.3), Point(0.9, 0.9)
N_SECONDS = 8
ACTIONS = ("cut", "pour", "stir")


def clip(action_id: str, seconds: range | set[int], boxed: set[int]) -> TrueClip:
    boxes = {second: BOX for second in boxed}
    return TrueClip(f"{action_id}-{min(seconds)}", action_id, frozenset(seconds), boxes)


def video(*clips: TrueClip, video_id: str = "v") -> VideoTruth:
    return VideoTruth(video_id, N_SECONDS, clips)


def saying(
    *labels: str | None, place: Point = INSIDE, misplaced: Set[int] = frozenset()
) -> Predictions:
    """Return predictions for video "v": one label a second, every action at one place."""
    points = {}
    for second in range(N_SECONDS):
        for action_id in ACTIONS:
            at = OUTSIDE if second in misplaced else place
            points["v", second, action_id] = PointPrediction("v", second, action_id, at)
    seconds = {
        ("v", second): SecondPrediction("v", second, label, {})
        for second, label in enumerate(labels)
    }
    return Predictions(System("x"), seconds, points)


CUT_THEN_STIR = video(clip("cut", range(1, 3), {1, 2}), clip("stir", range(4, 6), {4, 5}))
RIGHT = (None, "cut", "cut", None, "stir", "stir", None, None)


def test_perfect_predictions_score_one(two_videos, make_perfect):
    score = score_iou_pointing(read_truth(two_videos), make_perfect(two_videos))
    assert (score.macro, score.micro) == (1, 1)
    assert (score.n_videos, score.n_actions, score.n_seconds, score.n_ignored) == (2, 3, 13, 2)


def test_the_right_actions_at_the_wrong_places_score_zero():
    score = score_iou_pointing([CUT_THEN_STIR], saying(*RIGHT, place=OUTSIDE))
    assert (score.macro, score.micro) == (0, 0)


def test_the_right_places_at_the_wrong_seconds_score_zero():
    shifted = ("cut", None, None, "stir", None, None, "cut", None)
    assert score_iou_pointing([CUT_THEN_STIR], saying(*shifted)).micro == 0


def test_saying_background_throughout_scores_zero():
    score = score_iou_pointing([CUT_THEN_STIR], saying(*[None] * N_SECONDS))
    assert (score.macro, score.micro) == (0, 0)


def test_macro_weighs_actions_alike_and_micro_weighs_seconds():
    truth = video(clip("cut", range(4), {0, 1, 2, 3}), clip("stir", range(5, 6), {5}))
    score = score_iou_pointing([truth], saying("cut", "cut", "cut", "cut"))
    assert (score.macro, score.micro) == (0.5, 0.8)


def test_macro_weighs_videos_alike_however_many_actions_they_have():
    other = video(clip("pour", range(1), {0}), video_id="w")
    score = score_iou_pointing([CUT_THEN_STIR, other], saying(*RIGHT))
    assert (score.macro, score.micro, score.n_videos) == (0.5, 0.8, 2)


def test_a_false_alarm_on_background_counts_in_the_union():
    labels = (None, "cut", "cut", "cut", "stir", "stir", None, None)
    score = score_iou_pointing([CUT_THEN_STIR], saying(*labels))
    assert score.macro == pytest.approx((2 / 3 + 1) / 2)
    assert score.micro == pytest.approx(4 / 5)


def test_an_action_that_the_video_does_not_hold_counts_in_micro_only():
    labels = ("pour", "cut", "cut", None, "stir", "stir", None, None)
    score = score_iou_pointing([CUT_THEN_STIR], saying(*labels))
    assert (score.macro, score.micro) == (1, 0.8)


def test_seconds_without_a_box_count_on_neither_side_whatever_is_said():
    truth = video(clip("cut", range(1, 4), {1, 2}))
    for third in ("cut", "stir", None):
        score = score_iou_pointing([truth], saying(None, "cut", "cut", third))
        assert (score.macro, score.micro, score.n_ignored) == (1, 1, 1)


def test_a_video_whose_clips_have_no_box_is_left_out_of_the_mean():
    bare = video(clip("pour", range(3), set()), video_id="w")
    score = score_iou_pointing([CUT_THEN_STIR, bare], saying(*RIGHT))
    assert (score.macro, score.n_videos, score.n_ignored) == (1, 1, 3)


SHARED = video(clip("cut", range(3), {0, 1, 2}), clip("stir", range(2, 5), {2, 3, 4}))


@pytest.mark.parametrize("named", ["cut", "stir"])
def test_a_second_of_two_clips_is_right_when_either_action_is_named(named):
    score = score_iou_pointing([SHARED], saying("cut", "cut", named, "stir", "stir"))
    assert (score.macro, score.micro) == (1, 1)


@pytest.mark.parametrize(("named", "union"), [(None, 6), ("pour", 7)])
def test_a_second_of_two_clips_is_missed_by_both_when_neither_is_named(named, union):
    score = score_iou_pointing([SHARED], saying("cut", "cut", named, "stir", "stir"))
    assert score.micro == pytest.approx(4 / union)
    assert score.macro == pytest.approx(2 / 3)


@pytest.mark.parametrize(("named", "micro"), [("stir", 1 / 2), (None, 1 / 2), ("pour", 1 / 3)])
def test_naming_the_clip_without_a_box_misses_the_other_and_is_no_false_alarm(named, micro):
    truth = video(clip("cut", range(2), {0, 1}), clip("stir", range(1, 2), set()))
    found = score_iou_pointing([truth], saying("cut", named))
    assert (found.macro, found.micro, found.n_ignored) == (0.5, pytest.approx(micro), 0)


def test_no_answer_takes_an_action_out_of_the_mean():
    """Its one second with a box is shared with an unlabelled clip, whose action is no way out."""
    truth = video(clip("cut", range(1), {0}), clip("stir", {2}, {2}), clip("pour", {2}, set()))
    for named in ("pour", None, "cut", "stir"):
        found = score_iou_pointing([truth], saying("cut", None, named, misplaced={2}))
        assert (found.n_actions, found.macro <= 0.5) == (2, True)


@pytest.mark.parametrize(("misplaced", "score"), [(set(), 1), ({0}, 0.5), ({0, 1}, 0)])
def test_an_action_that_gave_all_its_seconds_away_scores_what_they_got(misplaced, score):
    """By hand: cut is named at both shared seconds and hit at none, one or both."""
    truth = video(clip("cut", range(2), {0, 1}), clip("stir", range(2), {0, 1}))
    found = score_iou_pointing([truth], saying("cut", "cut", misplaced=misplaced))
    assert (found.macro, found.micro, found.n_actions) == (score, score, 2)


def test_of_two_clips_of_one_action_in_one_second_either_box_is_right():
    other = replace(clip("cut", range(1), {0}), boxes={0: Box(0.8, 0.8, 1, 1)})
    truth = video(clip("cut", range(1), {0}), other)
    assert score_iou_pointing([truth], saying("cut", misplaced=frozenset({0}))).macro == 1
    assert score_iou_pointing([truth], saying("cut")).macro == 1


def test_seconds_without_a_record_are_background_and_counted():
    found = saying(*RIGHT)
    kept = {key: record for key, record in found.seconds.items() if key[1] != 1}
    score = score_iou_pointing([CUT_THEN_STIR], replace(found, seconds=kept))
    assert (score.macro, score.n_missing) == (0.75, 1)


def test_an_action_named_without_a_point_is_no_hit():
    found = saying(*RIGHT)
    points = {key: point for key, point in found.points.items() if key[1] != 1}
    assert score_iou_pointing([CUT_THEN_STIR], replace(found, points=points)).macro == 0.75


def test_systems_that_name_no_actions_or_no_places_have_no_score():
    found = saying(*RIGHT)
    with pytest.raises(UndefinedMetricError, match="no second records"):
        score_iou_pointing([CUT_THEN_STIR], replace(found, seconds={}))
    with pytest.raises(UndefinedMetricError, match="no point records"):
        score_iou_pointing([CUT_THEN_STIR], replace(found, points={}))
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        score_iou_pointing([video(clip("cut", range(3), set()))], found)


labels = st.lists(st.sampled_from([None, *ACTIONS]), min_size=N_SECONDS, max_size=N_SECONDS)
seconds = st.frozensets(st.integers(0, N_SECONDS - 1))


@st.composite
def truths(draw: st.DrawFn) -> VideoTruth:
    clips = [clip("cut", range(1), {0})]  # something is scored in every example
    for action_id in draw(st.lists(st.sampled_from(ACTIONS), max_size=4)):
        start = draw(st.integers(0, N_SECONDS - 2))
        span = range(start, draw(st.integers(start + 1, N_SECONDS)))
        clips.append(clip(action_id, span, set(draw(seconds)) & set(span)))
    return video(*clips)


@given(truths(), labels, seconds)
def test_both_averages_lie_in_0_to_1(truth, said, misplaced):
    found = saying(*said, misplaced=misplaced)
    score = score_iou_pointing([truth], found)
    assert 0 <= score.macro <= 1
    assert 0 <= score.micro <= 1
    assert score.n_seconds + score.n_ignored == N_SECONDS


@given(truths(), labels, seconds)
def test_which_actions_and_seconds_count_does_not_depend_on_what_was_said(truth, said, misplaced):
    true_seconds = truth.by_second()
    score = score_iou_pointing([truth], saying(*said, misplaced=misplaced))
    assert score.n_actions == len({action for true in true_seconds for action in true.boxes})
    assert score.n_seconds == sum(bool(true.boxes) or not true.actions for true in true_seconds)


@given(truths(), labels, seconds, st.integers(0, N_SECONDS - 1), st.sampled_from(ACTIONS))
def test_one_more_false_alarm_never_raises_a_score(truth, said, misplaced, at, alarm):
    """Background that becomes an action which is not there, anywhere in the video."""
    if alarm in truth.by_second()[at].actions:
        return
    before = saying(*said[:at], None, *said[at + 1 :], misplaced=misplaced)
    after = saying(*said[:at], alarm, *said[at + 1 :], misplaced=misplaced)
    old = score_iou_pointing([truth], before)
    new = score_iou_pointing([truth], after)
    assert new.macro <= old.macro
    assert new.micro <= old.micro


@given(truths(), labels, seconds, st.randoms(use_true_random=False))
def test_the_order_of_records_and_clips_does_not_matter(truth, said, misplaced, shuffle):
    found = saying(*said, misplaced=misplaced)
    records, points, clips = (
        list(found.seconds.items()),
        list(found.points.items()),
        list(truth.clips),
    )
    for items in (records, points, clips):
        shuffle.shuffle(items)
    expected = score_iou_pointing([truth], found)
    shuffled = replace(found, seconds=dict(records), points=dict(points))
    assert score_iou_pointing([replace(truth, clips=tuple(clips))], shuffled) == expected
