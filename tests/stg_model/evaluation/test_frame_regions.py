from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box, Point, box_iou
from dataset_builder.predicted_heatmaps import write_heatmaps
from dataset_builder.predictions import PointPrediction, Predictions, System
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.frame_regions import metrics, score
from stg_model.evaluation.measures import Case, value_of
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth

BOX = Box(0.2, 0.2, 0.4, 0.4)
FAR = Box(0.6, 0.6, 0.8, 0.8)
# Shares .02 of .04 + .04 - .02 with BOX: an IoU of 1/3.
NEAR = Box(0.3, 0.2, 0.5, 0.4)
SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
OFFICIAL = SHARED_DATA / "groundingyoutube" / "GoundingYouTubeBox.json"
SHARE, MAP = "frame_iou_share@0.3", "spatial_map@0.3"
PLAIN = EvaluationSettings()


def truth_of(video="v", **boxes) -> VideoTruth:
    """Return a video with a clip for each action, `action=(box by second)`; None: no box there."""
    clips = tuple(
        TrueClip(f"{video}-{action}", action, frozenset(range(len(mine))),
                 {second: box for second, box in enumerate(mine) if box})
        for action, mine in boxes.items()
    )  # fmt: skip
    return VideoTruth(video, 20, clips)


def point_of(video, second, action, box, score=None, *, heatmap=None) -> PointPrediction:
    return PointPrediction(video, second, action, Point(0.5, 0.5), box, score, heatmap)


def case_of(truths, points, settings=PLAIN, folder=None) -> Case:
    by_key = {(p.video_id, p.second, p.action_id): p for p in points}
    return Case(tuple(truths), (), Predictions(System("x"), {}, by_key, folder=folder), settings)


def values(case: Case) -> tuple[float, float]:
    scored = score(case)
    return tuple(value_of(measure, len(case.truths)) for measure in scored.measures.values())


def test_true_boxes_score_one_and_disjoint_ones_zero():
    truths = [truth_of(cut=[BOX, FAR], stir=[BOX]), truth_of("w", cut=[BOX])]
    keys = [("v", 0, "cut", BOX), ("v", 1, "cut", FAR), ("v", 0, "stir", BOX), ("w", 0, "cut", BOX)]
    assert values(case_of(truths, [point_of(*key) for key in keys])) == (1, 1)
    wrong = [point_of(*key[:3], Box(0.8, 0, 1, 0.1)) for key in keys]
    assert values(case_of(truths, wrong)) == (0, 0)


def test_a_case_by_hand():
    """Ranked: right, wrong, right of three frames of one action; the other action is missed.

    Points of the curve (1/3, 1), (1/3, 1/2), (2/3, 2/3): area 1/3 + 1/3 * 2/3 = 5/9.
    """
    truth = truth_of(cut=[BOX, BOX, BOX, None], stir=[BOX])
    points = [
        point_of("v", 0, "cut", BOX, 0.9),
        point_of("v", 1, "cut", FAR, 0.8),
        point_of("v", 2, "cut", NEAR, 0.7),
        point_of("v", 3, "cut", FAR, 1.0),
        point_of("v", 1, "stir", BOX, 1.0),
    ]
    scored = score(case_of([truth], points))
    assert scored.per_action[SHARE] == {"cut": pytest.approx(2 / 3), "stir": 0}
    assert scored.per_action[MAP] == {"cut": pytest.approx(5 / 9), "stir": 0}
    assert value_of(scored.measures[SHARE], 1) == pytest.approx(2 / 4)
    assert value_of(scored.measures[MAP], 1) == pytest.approx(5 / 18)
    assert scored.counts == {"frames_without_region": 1}
    curve = scored.curves[MAP]["cut"]
    np.testing.assert_allclose(curve.recall, [1 / 3, 1 / 3, 2 / 3])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.scores, [0.9, 0.8, 0.7])
    assert curve.n_true == 3


def test_the_threshold_and_its_comparison_are_rules_and_stand_in_the_names():
    settings = EvaluationSettings(frame_iou_threshold=0.5)
    at_half = replace(settings, iou_comparison=">=")
    # Half of a box that is half the frame: .25 / .5 is 1/2 exactly.
    case = case_of(
        [truth_of(cut=[Box(0, 0, 0.5, 1)])],
        [point_of("v", 0, "cut", Box(0, 0, 0.5, 0.5))],
        settings,
    )
    assert values(case) == (0, 0)
    assert values(replace(case, settings=at_half)) == (1, 1)
    assert list(score(case).measures) == list(metrics(settings))
    assert metrics(at_half) == {
        "frame_iou_share@0.5": "frame IoU>=0.5 share",
        "spatial_map@0.5": "spatial mAP, IoU>=0.5",
    }


def test_masks_are_compared_where_the_rules_say_so(tmp_path):
    heatmaps = write_heatmaps(tmp_path, "v.npy", [[[0, 1]], [[1, 0]]])
    truth = truth_of(cut=[Box(0.5, 0, 1, 1)] * 3)
    points = [point_of("v", n, "cut", None, heatmap=heat) for n, heat in enumerate(heatmaps)]
    points.append(point_of("v", 2, "cut", Box(0.5, 0, 1, 1)))
    masks = EvaluationSettings(region="mask")
    assert values(case_of([truth], points, masks, tmp_path))[0] == pytest.approx(2 / 3)
    assert values(case_of([truth], points, folder=tmp_path))[0] == pytest.approx(1 / 3)


def test_two_boxes_of_one_second_and_action_are_two_frames_and_one_detection():
    twins = [
        TrueClip(name, "cut", frozenset({0}), {0: box}) for name, box in (("a", BOX), ("b", NEAR))
    ]
    middle = Box(0.25, 0.2, 0.45, 0.4)
    scored = score(case_of([VideoTruth("v", 1, tuple(twins))], [point_of("v", 0, "cut", middle)]))
    assert scored.per_action == {SHARE: {"cut": 1}, MAP: {"cut": 0.5}}


def test_records_without_a_score_rank_last_as_equals():
    truth = truth_of(cut=[BOX] * 3)
    mixed = [
        point_of("v", 0, "cut", FAR, -1e300),
        point_of("v", 1, "cut", BOX),
        point_of("v", 2, "cut", FAR),
    ]
    # Wrong, then one right and one wrong together: (0, 0), (1/3, 1/3).
    assert values(case_of([truth], mixed))[1] == pytest.approx(1 / 9)
    without = [replace(point, score=None) for point in mixed]
    assert values(case_of([truth], without))[1] == pytest.approx(1 / 9)
    assert score(case_of([truth], without)).curves[MAP]["cut"].scores.tolist() == [0]


def test_a_resampled_video_brings_its_frames_as_often_as_it_was_drawn():
    truths = [truth_of(cut=[BOX, BOX]), truth_of("w", cut=[BOX], stir=[BOX])]
    points = [
        point_of("v", 0, "cut", FAR, 0.9),
        point_of("v", 1, "cut", BOX, 0.8),
        point_of("w", 0, "cut", BOX, 0.7),
        point_of("w", 0, "stir", FAR, 0.7),
    ]
    measures = score(case_of(truths, points)).measures
    weights = np.array([[1, 1], [2, 0], [0, 2], [0, 0]], float)
    # "stir" has frames in w alone: only where w was drawn does it pull the mean down.
    np.testing.assert_allclose(measures[SHARE].values(weights), [2 / 4, 1 / 2, 1 / 2, np.nan])
    np.testing.assert_allclose(
        measures[MAP].values(weights), [(2 / 3) * (2 / 3) / 2, 1 / 4, 1 / 2, np.nan]
    )


@pytest.mark.parametrize("region", ["box", "mask"])
def test_without_boxes_or_regions_there_is_no_value(region):
    settings = EvaluationSettings(region=region)
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        score(case_of([truth_of(cut=[None])], [point_of("v", 0, "cut", BOX)], settings))
    reason = {"box": "has a box$", "mask": "has a heatmap or a box$"}[region]
    for points in ([], [point_of("v", 0, "cut", None)]):
        with pytest.raises(UndefinedMetricError, match=f"no point record .* {reason}"):
            score(case_of([truth_of(cut=[BOX])], points, settings))


def test_regions_elsewhere_only_are_a_score_of_zero():
    case = case_of([truth_of(cut=[BOX])], [point_of("w", 0, "cut", BOX)])
    assert values(case) == (0, 0)


frames = st.lists(
    st.tuples(
        st.sampled_from("vw"),
        st.sampled_from(["cut", "stir"]),
        st.sampled_from([BOX, NEAR, FAR, None]),
        st.sampled_from([None, 0.1, 0.2, 0.3]),
    ),
    min_size=1,
    max_size=12,
)


def made(found):
    """Return a case in which every frame is BOX and the records are as drawn."""
    seconds: dict[tuple[str, str], int] = {}
    points = []
    for video, action, box, rank in found:
        second = seconds[video, action] = seconds.get((video, action), -1) + 1
        points.append(point_of(video, second, action, box, rank))
    truths = [
        truth_of(video, **{a: [BOX] * (n + 1) for (v, a), n in seconds.items() if v == video})
        for video in "vw"
    ]
    return truths, [*points, point_of("elsewhere", 0, "cut", BOX)]


def plain_ap(found: list[tuple[float, bool]], n_true: int) -> float:
    """Area under the envelope, straight from its definition: ties are one point."""
    curve = []
    for threshold in sorted({rank for rank, _ in found}, reverse=True):
        kept = [is_hit for rank, is_hit in found if rank >= threshold]
        curve.append((sum(kept) / n_true, sum(kept) / len(kept)))
    area, before = 0.0, 0.0
    for recall, _ in curve:
        area += (recall - before) * max(p for r, p in curve if r >= recall)
        before = recall
    return area


@given(frames)
def test_both_metrics_are_what_their_definitions_say(found):
    truths, points = made(found)
    share, spatial_map = values(case_of(truths, points))
    is_hit = [box in (BOX, NEAR) for _, _, box, _ in found]
    assert share == pytest.approx(sum(is_hit) / len(found))
    areas = []
    for action in sorted({action for _, action, _, _ in found}):
        mine = [(row[3] or 0, hit) for row, hit in zip(found, is_hit, strict=True)
                if row[1] == action and row[2]]  # fmt: skip
        areas.append(plain_ap(mine, sum(a == action for _, a, _, _ in found)))
    assert spatial_map == pytest.approx(sum(areas) / len(areas))


@given(frames, st.randoms(use_true_random=False))
def test_the_order_of_records_and_videos_does_not_matter(found, shuffle):
    truths, points = made(found)
    expected = values(case_of(truths, points))
    shuffle.shuffle(points)
    assert values(case_of(truths[::-1], points)) == pytest.approx(expected)


@given(frames)
def test_records_of_frames_that_nobody_asked_for_change_nothing(found):
    truths, points = made(found)
    extra = [point_of("v", 19, "cut", FAR, 9.0), point_of("w", 0, "pour", FAR, 9.0)]
    assert values(case_of(truths, [*points, *extra])) == values(case_of(truths, points))


def test_an_overlap_of_exactly_the_threshold_is_not_above_it():
    """9 of 30 columns: in fractions the IoU comes out as .30000000000000004."""
    assert box_iou(Box(0.01, 0, 0.31, 1), Box(0.01, 0, 0.1, 1)) > 0.3
    points = [point_of("v", 0, "cut", Box(0.01, 0, 0.1, 1))]
    case = case_of([truth_of(cut=[Box(0.01, 0, 0.31, 1)])], points)
    assert values(case) == (0, 0)
    assert values(replace(case, settings=replace(PLAIN, iou_comparison=">="))) == (1, 1)


@pytest.mark.skipif(not OFFICIAL.exists(), reason="needs the official boxes (SHARED_DATA)")
def test_the_constant_box_overlaps_as_many_official_boxes_as_in_whole_pixels():
    """Counted in integers: 3 boxes overlap it by exactly .3."""
    rows = json.loads(OFFICIAL.read_text(encoding="utf-8"))
    corners = np.array([row["box"] for frames in rows.values() for row in frames.values()], int)
    x1, y1, x2, y2 = np.minimum(corners, [640, 480, 640, 480]).T
    kept = (x1 < x2) & (y1 < y2)
    width = np.minimum(x2, 460) - np.maximum(x1, 160)
    height = np.minimum(y2, 400) - np.maximum(y1, 100)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    either = (x2 - x1) * (y2 - y1) + 300 * 300 - shared
    n_above = int((10 * shared > 3 * either)[kept].sum())

    fixed = Box(160 / 640, 100 / 480, 460 / 640, 400 / 480)
    boxes = [
        Box(*(row / (640, 480, 640, 480)).tolist())
        for row in np.stack([x1, y1, x2, y2], axis=1)[kept]
    ]
    clip = TrueClip("c", "cut", frozenset(range(len(boxes))), dict(enumerate(boxes)))
    points = [point_of("v", second, "cut", fixed) for second in range(len(boxes))]
    found = values(case_of([VideoTruth("v", len(boxes), (clip,))], points))
    assert (len(boxes), n_above) == (17_298, 11_385)
    assert found[0] == n_above / len(boxes)
