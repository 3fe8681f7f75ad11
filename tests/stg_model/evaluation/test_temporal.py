from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.predictions import SecondPrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.temporal import score_alignment
from stg_model.evaluation.truth import TrueClip, VideoTruth, read_truth


def clip(action_id: str, *span: int, is_scored: bool = True) -> TrueClip:
    name = f"{action_id}-{span[0]}"
    return TrueClip(name, action_id, frozenset(range(*span)), {}, is_scored)


def said(*labels: str, background: float | None = None) -> dict[tuple[str, int], SecondPrediction]:
    """Return records for video "v" that give 1 to one action a second, "-" being background."""
    return {
        ("v", second): SecondPrediction(
            "v",
            second,
            None,
            {action: float(action == label) for action in ("cut", "pour", "stir")},
            background,
        )
        for second, label in enumerate(labels)
    }


CUT_THEN_STIR = VideoTruth("v", 8, (clip("cut", 1, 3), clip("stir", 4, 7)))


def test_perfect_predictions_score_one(two_videos, make_perfect):
    found = score_alignment(read_truth(two_videos), make_perfect(two_videos).seconds)
    assert (found.iou, found.iod, found.mof) == (1, 1, 1)
    assert (found.n_videos, found.n_clips, found.n_seconds) == (2, 3, 15)


def test_scores_in_the_wrong_places_score_zero():
    truth = VideoTruth("v", 8, (clip("cut", 0, 4),))
    found = score_alignment([truth], said(*"----", *["cut"] * 4))
    assert (found.iou, found.iod, found.mof) == (0, 0, 0)


def test_a_segment_inside_the_true_one_has_all_of_iod_but_not_of_iou():
    found = score_alignment([CUT_THEN_STIR], said("-", "cut", "-", "-", "-", "stir", "-", "-"))
    assert (found.iou, found.iod, found.mof) == (pytest.approx((1 / 2 + 1 / 3) / 2), 1, 5 / 8)


def test_clips_without_background_between_them_can_be_found():
    truth = VideoTruth("v", 5, (clip("cut", 0, 2), clip("stir", 2, 4), clip("cut", 4, 5)))
    found = score_alignment([truth], said("cut", "cut", "stir", "stir", "cut"))
    assert (found.iou, found.iod, found.mof) == (1, 1, 1)


def test_the_order_is_given_so_scores_against_it_move_a_clip():
    found = score_alignment([CUT_THEN_STIR], said("stir", "stir", "stir", "-", "cut", "cut"))
    assert found.iou < 0.5


def test_positions_weigh_alike_in_a_video_and_videos_in_the_release():
    other = VideoTruth("w", 3, (clip("pour", 0, 1),))
    records = {**said("-", "cut", "cut", "-", *["stir"] * 3, "-")}
    records |= {
        ("w", second): replace(record, video_id="w")
        for (_, second), record in said("-", "-", "pour").items()
    }
    found = score_alignment([CUT_THEN_STIR, other], records)
    assert (found.iou, found.iod, found.mof) == (0.5, 0.5, pytest.approx(9 / 11))


def test_a_second_that_two_clips_share_counts_for_the_one_it_was_aligned_to():
    truth = VideoTruth("v", 5, (clip("cut", 0, 3), clip("stir", 2, 5)))
    for third in ("cut", "stir"):
        found = score_alignment([truth], said("cut", "cut", third, "stir", "stir"))
        assert (found.iou, found.iod, found.mof) == (1, 1, 1)


def test_clips_that_are_not_scored_keep_their_place_in_the_order():
    both = said("-", "cut", "cut", "-", "-", "-", "stir", "-")
    truth = replace(CUT_THEN_STIR, clips=(clip("cut", 1, 3), clip("stir", 4, 7, is_scored=False)))
    found = score_alignment([truth], both)
    assert (found.iou, found.n_clips) == (1, 1)


@pytest.mark.parametrize("third", ["stir", "-"])
def test_seconds_that_only_clips_that_are_not_scored_hold_do_not_count_for_mof(third):
    open_clip = clip("stir", 4, 7, is_scored=False)
    truth = replace(CUT_THEN_STIR, clips=(clip("cut", 1, 3), open_clip))
    records = said("-", "cut", "-", "-", "stir", third, third, "-")
    found = score_alignment([truth], records)
    assert (found.mof, found.n_seconds) == (4 / 5, 5)  # 0, 1, 3 and 7 of 0 to 3 and 7


def test_a_second_that_a_scored_clip_shares_with_another_counts_for_mof():
    both = (clip("cut", 0, 3), clip("stir", 2, 5, is_scored=False))
    found = score_alignment([VideoTruth("v", 6, both)], said(*["cut"] * 3, "stir", "stir", "-"))
    assert (found.mof, found.n_seconds) == (1, 4)


def test_a_second_without_a_record_takes_no_side_and_is_counted():
    records = said("-", "cut", "cut", "-", *["stir"] * 3, "-")
    del records["v", 2], records["v", 5]
    found = score_alignment([CUT_THEN_STIR], records)
    assert (found.iod, found.n_missing) == (1, 2)


def test_the_background_score_of_the_record_is_used_where_it_has_one():
    labels = ("-", "cut", "cut", "-", *["stir"] * 3, "-")
    high = score_alignment([CUT_THEN_STIR], said(*labels, background=5.0))
    assert high.mof == pytest.approx(5 / 8)  # one second for each clip, the rest background
    low = score_alignment([CUT_THEN_STIR], said(*labels, background=-5.0))
    assert low.mof < 1


@pytest.mark.parametrize("scores", [{"cut": 1.5}, {"cut": -0.1}])
def test_the_default_background_needs_scores_within_0_and_1(scores):
    truth = VideoTruth("v", 2, (clip("cut", 0, 1),))
    records = {("v", 0): SecondPrediction("v", 0, None, scores)}
    with pytest.raises(UndefinedMetricError, match=r"v/0: no background score, and its default"):
        score_alignment([truth], records)
    with_background = {key: replace(r, background=0.0) for key, r in records.items()}
    assert score_alignment([truth], with_background).n_clips == 1


@pytest.mark.parametrize("other", [0.1, 0.9, 2.0, -3.0])
def test_the_default_background_is_that_of_the_videos_own_actions(other):
    """By hand: cut has .6 at seconds 1 and 2 and .2 elsewhere, background .4 there and .8."""
    truth = VideoTruth("v", 5, (clip("cut", 1, 3),))
    records = {
        ("v", s): SecondPrediction("v", s, None, {"cut": 0.6 if s in (1, 2) else 0.2, "fry": other})
        for s in range(5)
    }
    found = score_alignment([truth], records)
    assert (found.iou, found.iod, found.mof) == (1, 1, 1)


def test_a_record_without_scores_has_no_default_background():
    records = {("v", 0): SecondPrediction("v", 0, "cut", {})}
    with pytest.raises(UndefinedMetricError, match=r"v/0: no background score"):
        score_alignment([CUT_THEN_STIR], records)


def test_an_action_of_the_video_without_a_score_is_named():
    records = {("v", 0): SecondPrediction("v", 0, "cut", {"cut": 0.5}, 0.5)}
    with pytest.raises(UndefinedMetricError, match=r"v/0: no score for 'stir'"):
        score_alignment([CUT_THEN_STIR], records)


def test_systems_without_scores_and_releases_without_clips_have_no_value():
    with pytest.raises(UndefinedMetricError, match="no second records"):
        score_alignment([CUT_THEN_STIR], {})
    with pytest.raises(UndefinedMetricError, match="no video of the release has clips"):
        score_alignment([VideoTruth("v", 8, ())], said("cut"))


def test_a_video_with_more_clips_than_seconds_is_left_out_and_counted():
    crowded = VideoTruth("w", 1, (clip("cut", 0, 1), clip("stir", 0, 1)))
    found = score_alignment([CUT_THEN_STIR, crowded], said("-", "cut", "cut", "-", *["stir"] * 3))
    assert (found.n_videos, found.n_left_out, found.iou) == (1, 1, 1)
