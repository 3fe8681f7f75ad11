"""The named rules of the ordered alignment: matching, positions, decoder and length model."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.predictions import Predictions, SecondPrediction, System
from stg_model.evaluation.alignment import align
from stg_model.evaluation.measures import Case, value_of
from stg_model.evaluation.settings import CHOICES, EvaluationSettings
from stg_model.evaluation.temporal import score, score_alignment
from stg_model.evaluation.truth import TrueClip, VideoTruth, read_truth

Records = dict[tuple[str, int], SecondPrediction]


def clip(action_id: str, first: int, end: int) -> TrueClip:
    return TrueClip(f"{action_id}-{first}", action_id, frozenset(range(first, end)), {})


def scores_of(*rows: dict[str, float]) -> Records:
    """Return records for video "v"; "-" is the background's score."""
    return {
        ("v", second): SecondPrediction(
            "v", second, None, {a: s for a, s in row.items() if a != "-"}, row["-"]
        )
        for second, row in enumerate(rows)
    }


def said(*labels: str) -> Records:
    """Return records that give 1 to one action a second, "-" being background."""
    names = ("cut", "pour", "stir", "-")
    return scores_of(*({name: float(name == label) for name in names} for label in labels))


CUT_THEN_STIR = VideoTruth("v", 8, (clip("cut", 1, 3), clip("stir", 4, 7)))


def matched(truth: VideoTruth, records: Records, **rules: str) -> tuple[float, float]:
    """Return temporal IoU and IoD of one video, as the report gets them."""
    predictions = Predictions(System("s"), records)
    measures = score(Case((truth,), (), predictions, EvaluationSettings(**rules))).measures
    return value_of(measures["temporal_iou"], 1), value_of(measures["temporal_iod"], 1)


TWICE = VideoTruth("v", 10, (clip("cut", 0, 4), clip("cut", 6, 10)))
EARLY = said("cut", "-", "-", "cut", "cut", "cut", "cut", "cut", "-", "-")
"""The alignment gives [0, 1) to the first cut and [3, 8) to the second."""


def test_the_rules_of_matching_by_hand():
    """Cut is true at [0, 4) and [6, 10), aligned at [0, 1) and [3, 8).

    By position: IoU 1/4 and 2/7, IoD 1 and 2/5. The best of the same action are these two as well,
    with the hull [3, 10). All seconds together share {0, 3, 6, 7} of ten, six are aligned.
    """
    assert matched(TWICE, EARLY) == (pytest.approx((1 / 4 + 2 / 7) / 2), pytest.approx(1.4 / 2))
    spans = matched(TWICE, EARLY, alignment_match="best_same_action")
    assert spans == (pytest.approx((1 / 4 + 2 / 7) / 2), pytest.approx(1.4 / 2))
    seconds = matched(TWICE, EARLY, alignment_match="action_seconds")
    assert seconds == (pytest.approx(4 / 10), pytest.approx(4 / 6))


def test_the_best_run_of_the_same_action_may_be_another_clips():
    """Both cuts lie within the second one's time: the first run is taken for it, and none is."""
    records = said(*"------", "cut", "-", "cut", "cut")
    assert matched(TWICE, records) == (pytest.approx((0 + 2 / 4) / 2), pytest.approx(1 / 2))
    spans = matched(TWICE, records, alignment_match="best_same_action")
    assert spans == (pytest.approx(1 / 4), pytest.approx(1 / 2))


@pytest.mark.parametrize("match", CHOICES["alignment_match"])
@pytest.mark.parametrize("positions", CHOICES["alignment_positions"])
@pytest.mark.parametrize("lengths", CHOICES["length_model"])
def test_perfect_predictions_score_one_by_every_rule(
    match, positions, lengths, two_videos, make_perfect
):
    settings = EvaluationSettings(
        alignment_match=match, alignment_positions=positions, length_model=lengths
    )
    records = {
        key: replace(
            r, scores={a: 99 * s for a, s in r.scores.items()}, background=99 * r.background
        )
        for key, r in make_perfect(two_videos).seconds.items()
    }
    found = score_alignment(read_truth(two_videos), records, settings)
    assert (found.iou, found.iod, found.mof) == (1, 1, 1)


def test_with_all_positions_the_background_counts_where_there_is_some():
    """Aligned [1, 2) and [5, 6) for true [1, 3) and [4, 7); background [2, 5) holds only [3, 4)."""
    records = said("-", "cut", "-", "-", "-", "stir", "-", "-")
    iou, iod = matched(CUT_THEN_STIR, records, alignment_positions="all")
    assert iou == pytest.approx((1 / 2 + 1 / 3 + 1 + 1 / 3 + 1 / 2) / 5)
    assert iod == pytest.approx((1 + 1 + 1 + 1 / 3 + 1 / 2) / 5)
    iou, iod = matched(
        CUT_THEN_STIR, records, alignment_positions="all", alignment_match="action_seconds"
    )
    assert iou == pytest.approx((1 / 2 + 1 / 3 + 3 / 6) / 3)
    assert iod == pytest.approx((1 + 1 + 3 / 6) / 3)


def test_background_that_no_second_has_is_no_position():
    full = VideoTruth("v", 4, (clip("cut", 0, 2), clip("stir", 2, 4)))
    for match in CHOICES["alignment_match"]:
        found = matched(
            full, said("cut", "cut", "stir", "-"), alignment_positions="all", alignment_match=match
        )
        assert found == (pytest.approx(3 / 4), 1)


def test_clips_inside_others_leave_the_background_where_no_clip_is():
    nested = VideoTruth("v", 9, (clip("cut", 1, 6), clip("stir", 2, 4)))
    records = said("-", "cut", "stir", "stir", *"-----")
    found = score_alignment([nested], records, EvaluationSettings(alignment_positions="all"))
    # cut keeps 1, 4, 5; stir is right; background before is right, behind it holds 4 to 8.
    assert found.iou == pytest.approx((1 / 3 + 1 + 1 + 3 / 5) / 4)


@pytest.mark.parametrize("match", ["positions", "action_seconds"])
def test_a_shared_second_belongs_to_the_clip_it_was_aligned_to(match):
    truth = VideoTruth("v", 5, (clip("cut", 0, 3), clip("stir", 2, 5)))
    for third in ("cut", "stir"):
        records = said("cut", "cut", third, "stir", "stir")
        assert matched(truth, records, alignment_match=match) == (1, 1)


def test_actions_weigh_alike_by_action_seconds_and_clips_otherwise():
    truth = VideoTruth("v", 9, (clip("cut", 0, 2), clip("stir", 3, 5), clip("cut", 6, 8)))
    records = said("cut", "cut", "-", "stir", "-", "-", "cut", "cut", "-")
    assert matched(truth, records)[0] == pytest.approx((1 + 1 / 2 + 1) / 3)
    by_action = matched(truth, records, alignment_match="action_seconds")
    assert by_action[0] == pytest.approx((1 + 1 / 2) / 2)


def test_by_action_seconds_clips_that_are_not_scored_are_compared_with_nothing():
    open_clip = replace(clip("cut", 6, 8), is_scored=False)
    truth = VideoTruth("v", 9, (clip("cut", 0, 2), open_clip))
    records = said("cut", "cut", "-", "-", "-", "-", "-", "cut", "-")
    assert matched(truth, records, alignment_match="action_seconds") == (1, 1)


def test_the_released_decoder_reads_one_second_early():
    records = said("-", "cut", "cut", "-", "-", "stir", "stir", "-")
    truth = VideoTruth("v", 8, (clip("cut", 1, 3), clip("stir", 5, 7)))
    assert matched(truth, records) == (1, 1)
    found = score_alignment([truth], records, EvaluationSettings(decoder="released"))
    assert (found.iou, found.iod, found.mof) == (pytest.approx(1 / 3), 1 / 2, 4 / 8)


def test_a_clip_that_the_released_decoder_leaves_without_a_second_scores_zero():
    """The cut at the start has one state, read before the first second; stir is read too early."""
    truth = VideoTruth("v", 4, (clip("cut", 0, 1), clip("stir", 1, 4)))
    found = matched(truth, said("cut", "stir", "stir", "stir"), decoder="released")
    assert found == (pytest.approx((0 + 2 / 4) / 2), pytest.approx((0 + 2 / 3) / 2))


def test_what_a_second_gives_to_all_changes_nothing_with_the_length_model_either():
    """The same odds as logits, moved or normalised, give the same alignment."""
    truth = VideoTruth("v", 9, (clip("cut", 1, 3), clip("pour", 4, 5), clip("stir", 5, 8)))
    rng = np.random.default_rng(4)
    for _ in range(20):
        logits = rng.normal(0, 2, (9, 4))
        logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        found = [
            matched(
                truth,
                scores_of(
                    *(dict(zip(("cut", "pour", "stir", "-"), row, strict=True)) for row in rows)
                ),
                length_model="poisson",
            )
            for rows in (logits.tolist(), (logits + np.arange(9)[:, None]).tolist(), logp.tolist())
        ]
        assert found[0] == found[1] == found[2]


def test_the_length_model_decides_where_the_scores_do_not():
    """Nine seconds over five positions: at a mean of 9 / 5 no position takes all that is left."""
    truth = VideoTruth("v", 9, (clip("cut", 2, 4), clip("stir", 6, 8)))
    flat = scores_of(*[{"cut": 0.0, "stir": 0.0, "-": 0.0}] * 9)
    assert matched(truth, flat)[0] == 0
    assert matched(truth, flat, length_model="poisson")[0] > 0.3


def test_each_action_has_the_mean_of_its_clips():
    truths = (CUT_THEN_STIR,)
    predictions = Predictions(System("s"), said("-", "cut", "-", "-", *["stir"] * 3, "-"))
    found = score(Case(truths, (), predictions, EvaluationSettings()))
    assert found.per_action == {
        "temporal_iou": {"cut": 0.5, "stir": 1},
        "temporal_iod": {"cut": 1, "stir": 1},
    }


def runs_of(labels: list[str]) -> list[tuple[str, int, int]]:
    changes = [0, *(i for i in range(1, len(labels)) if labels[i] != labels[i - 1]), len(labels)]
    return [(labels[a], a, b) for a, b in itertools.pairwise(changes)]


@given(st.data())
def test_the_best_of_the_same_action_is_that_of_frame_labels(data):
    """The public code of that rule reads labels by frame; this is its definition, once more."""
    lengths = st.integers(1, 3)
    segments = data.draw(
        st.lists(
            st.tuples(st.sampled_from(["cut", "stir"]), lengths, lengths), min_size=1, max_size=4
        )
    )
    labels, clips = ["-"], []
    for action_id, n, n_behind in segments:
        clips.append(clip(action_id, len(labels), len(labels) + n))
        labels += [action_id] * n + ["-"] * n_behind
    loud = data.draw(st.permutations(labels))
    records = said(*loud)
    truth = VideoTruth("v", len(labels), tuple(clips))
    rule = {"alignment_match": "best_same_action", "alignment_positions": "all"}
    found = matched(truth, records, **rule)
    bounds = align_labels(truth, loud)
    ious, iods = [], []
    for label, start, end in runs_of(labels):
        same = [(s, e) for other, s, e in bounds if other == label and s < e]
        shared = [min(end, e) - max(start, s) for s, e in same]
        hulls = [max(end, e) - min(start, s) for s, e in same]
        ious.append(max([0, *(n / hull for n, hull in zip(shared, hulls, strict=True))]))
        iods.append(max([0, *(n / (e - s) for n, (s, e) in zip(shared, same, strict=True))]))
    assert found == (pytest.approx(np.mean(ious)), pytest.approx(np.mean(iods)))


def align_labels(truth: VideoTruth, loud: list[str]) -> list[tuple[str, int, int]]:
    order = ["-"]
    for true in truth.clips:
        order += [true.action_id, "-"]
    scores = np.array([[float(said_ == label) for label in order] for said_ in loud])
    bounds = align(scores, [m % 2 for m in range(len(order))]).tolist()
    return [(label, *bounds[m : m + 2]) for m, label in enumerate(order)]
