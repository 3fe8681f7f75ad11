from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.predictions import SecondPrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.temporal import align, score_alignment
from stg_model.evaluation.truth import TrueClip, VideoTruth, read_truth

SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
ALIGNMENT = SHARED_DATA / "oracles" / "mining_alignment"

score = st.floats(-5, 5)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[int]]:
    shortest = draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
    n_seconds = draw(st.integers(sum(shortest), 8))
    rows = draw(
        st.lists(
            st.lists(score, min_size=len(shortest), max_size=len(shortest)),
            min_size=n_seconds,
            max_size=n_seconds,
        )
    )
    return np.array(rows, dtype=float).reshape(n_seconds, len(shortest)), shortest


def total(scores: np.ndarray, bounds: tuple[int, ...]) -> float:
    runs = itertools.pairwise(bounds)
    return sum(scores[start:end, m].sum() for m, (start, end) in enumerate(runs))


def every_alignment(n_seconds: int, shortest: list[int]) -> list[tuple[int, ...]]:
    inner = itertools.combinations_with_replacement(range(n_seconds + 1), len(shortest) - 1)
    found = ((0, *cuts, n_seconds) for cuts in inner)
    return [
        bounds
        for bounds in found
        if all(b - a >= n for (a, b), n in zip(itertools.pairwise(bounds), shortest, strict=True))
    ]


@given(problems())
def test_no_alignment_scores_higher_than_the_one_found(problem):
    scores, shortest = problem
    found = tuple(align(scores, shortest).tolist())
    tried = every_alignment(len(scores), shortest)
    assert found in tried
    assert total(scores, found) == pytest.approx(max(total(scores, t) for t in tried))


@given(problems(), st.floats(-9, 9))
def test_what_all_positions_of_a_second_share_changes_nothing(problem, shift):
    """So the normaliser of a log-softmax would not either."""
    scores, shortest = problem
    shifted = scores + shift * np.arange(1, len(scores) + 1)[:, None]
    found, other = align(scores, shortest), align(shifted, shortest)
    assert total(scores, tuple(found)) == pytest.approx(total(scores, tuple(other)), abs=1e-9)


def test_of_equal_alignments_the_last_positions_begin_earliest():
    assert align(np.zeros((5, 3)), [1, 1, 1]).tolist() == [0, 1, 2, 5]
    assert align(np.zeros((5, 3)), [0, 1, 0]).tolist() == [0, 0, 1, 5]


def test_positions_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 positions need 4 of 3 seconds"):
        align(np.zeros((3, 2)), [2, 2])
    with pytest.raises(ValueError, match="2 positions but 3 shortest lengths"):
        align(np.zeros((3, 2)), [0, 0, 0])


@pytest.mark.skipif(not ALIGNMENT.exists(), reason="needs the alignment oracle (SHARED_DATA)")
def test_the_plain_alignment_of_the_public_toy_has_the_known_share_of_right_frames():
    """The public decoder is off by one and reaches .781 here; the plain form reaches .875."""
    toy = json.loads((ALIGNMENT / "toy_fs1_None.json").read_text(encoding="utf-8"))
    logp = np.loadtxt(ALIGNMENT / "toy_fs1_None.logp.txt")
    columns = [toy["labels"].index(label) for label in toy["transcript"]]
    bounds = align(logp[:, columns], [1] * len(columns))
    labels = np.repeat(toy["transcript"], np.diff(bounds)).tolist()
    n_right = sum(a == b for a, b in zip(labels, toy["gt"], strict=True))
    assert n_right / len(toy["gt"]) == 0.875


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


@pytest.mark.parametrize("scores", [{"cut": 1.5}, {"cut": -0.1}, {"cut": 0.2, "stir": 2.0}])
def test_the_default_background_needs_scores_within_0_and_1(scores):
    truth = VideoTruth("v", 2, (clip("cut", 0, 1),))
    records = {("v", 0): SecondPrediction("v", 0, None, scores)}
    with pytest.raises(UndefinedMetricError, match=r"v/0: no background score, and its default"):
        score_alignment([truth], records)
    with_background = {key: replace(r, background=0.0) for key, r in records.items()}
    assert score_alignment([truth], with_background).n_clips == 1


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
