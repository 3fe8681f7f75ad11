from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import HeatmapReference, PointPrediction, Predictions, System
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, value_of
from stg_model.evaluation.pointing import score
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth

BOX = Box(0.2, 0.2, 0.4, 0.4)
SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
OFFICIAL = SHARED_DATA / "groundingyoutube" / "GoundingYouTubeBox.json"

PLAIN = EvaluationSettings()
BY_ACTION = EvaluationSettings(pointing_average="actions")

place = st.floats(0, 1)
places = st.lists(st.tuples(place, place), min_size=1, max_size=8)


def points_at(*found, video="v", action="cut"):
    """Return a point record for each second that has a place."""
    keys = [(video, second, action) for second in range(len(found))]
    return {
        key: PointPrediction(*key, Point(*xy))
        for key, xy in zip(keys, found, strict=True)
        if xy is not None
    }


def clip_of(*boxes, action="cut", name="c"):
    found = {second: box for second, box in enumerate(boxes) if box is not None}
    return TrueClip(name, action, frozenset(range(len(boxes))), found)


def case_of(points, *clips, settings=PLAIN):
    """Return a case of one video "v"; without clips, one of as many boxes as there are points."""
    clips = clips or (clip_of(*[BOX] * len(points)),)
    predictions = Predictions(System("x"), {}, points)
    return Case((VideoTruth("v", 20, clips),), (), predictions, settings)


def accuracy(case):
    return value_of(score(case).measures["pointing"], len(case.truths))


def test_points_in_every_box_score_one_and_outside_of_every_box_zero():
    assert accuracy(case_of(points_at(*[(0.3, 0.3)] * 3))) == 1
    assert accuracy(case_of(points_at(*[(0.5, 0.3)] * 3))) == 0


def test_all_four_borders_belong_to_the_box():
    border = [(0.2, 0.3), (0.4, 0.3), (0.3, 0.2), (0.3, 0.4)]
    assert score(case_of(points_at(*border))).counts["frames_hit"] == 4


def test_a_frame_without_a_point_is_a_miss_and_counted_apart():
    case = case_of(points_at((0.3, 0.3)), clip_of(BOX, BOX, BOX, BOX))
    assert accuracy(case) == 0.25
    assert score(case).counts == {"frames_hit": 1, "frames_without_point": 3}


def test_frames_without_a_box_are_not_scored():
    points = points_at((0.3, 0.3), (0.3, 0.3), (0.9, 0.9))
    assert accuracy(case_of(points, clip_of(BOX, None, None))) == 1


def test_clips_that_are_not_scored_ask_nothing():
    other = replace(clip_of(BOX, BOX, BOX), is_scored=False)
    assert accuracy(case_of(points_at((0.3, 0.3)), clip_of(BOX), other)) == 1


def test_the_point_of_another_action_or_video_answers_nothing():
    points = points_at((0.3, 0.3), action="stir") | points_at((0.3, 0.3), video="w")
    counts = score(case_of(points, clip_of(BOX))).counts
    assert counts == {"frames_hit": 0, "frames_without_point": 1}


def test_two_clips_that_share_a_second_and_an_action_are_two_frames():
    case = case_of(points_at((0.3, 0.3)), clip_of(BOX), clip_of(Box(0.6, 0.6, 0.8, 0.8), name="d"))
    assert accuracy(case) == 0.5


def test_every_frame_or_every_action_weighs_alike():
    points = points_at((0.3, 0.3), (0.3, 0.3), (0.9, 0.9)) | points_at((0.9, 0.9), action="stir")
    clips = clip_of(BOX, BOX, BOX), clip_of(BOX, action="stir", name="d")
    assert accuracy(case_of(points, *clips)) == pytest.approx(2 / 4)
    case = case_of(points, *clips, settings=BY_ACTION)
    assert accuracy(case) == pytest.approx((2 / 3 + 0) / 2)
    assert score(case).per_action == {"pointing": {"cut": pytest.approx(2 / 3), "stir": 0}}


def test_resampled_videos_count_as_often_as_they_were_drawn():
    truths = (VideoTruth("v", 3, (clip_of(BOX, BOX, BOX),)), VideoTruth("w", 3, (clip_of(BOX),)))
    points = points_at((0.3, 0.3)) | points_at((0.3, 0.3), video="w")
    case = replace(case_of(points), truths=truths)
    weights = np.array([[1, 1], [2, 0], [1, 3], [0, 0]], float)
    expected = [2 / 4, 1 / 3, 4 / 6, np.nan]
    np.testing.assert_allclose(score(case).measures["pointing"].values(weights), expected)


def test_a_heatmap_stands_in_for_no_point():
    """Its peak would be a guess at what the system would have pointed at."""
    away = PointPrediction("v", 0, "cut", Point(0.9, 0.9), BOX, 1.0, HeatmapReference("v.npy", 0))
    assert accuracy(case_of({("v", 0, "cut"): away})) == 0


def test_without_boxes_or_without_points_there_is_no_accuracy():
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        score(case_of(points_at((0.3, 0.3)), clip_of(None)))
    with pytest.raises(UndefinedMetricError, match="the predictions hold no point records"):
        score(case_of({}, clip_of(BOX)))


@given(places, st.randoms(use_true_random=False))
def test_the_order_of_clips_and_points_does_not_matter(found, shuffle):
    points = points_at(*found)
    clips = [clip_of(*[BOX] * n, name=str(n)) for n in range(1, len(found) + 2)]
    expected = accuracy(case_of(points, *clips))
    items = list(points.items())
    shuffle.shuffle(clips)
    shuffle.shuffle(items)
    assert accuracy(case_of(dict(items), *clips)) == pytest.approx(expected)


@given(places, places)
def test_points_that_nobody_asked_for_change_nothing(found, extra):
    points = points_at(*found)
    clip = clip_of(*[BOX] * len(found))
    more = points | points_at(*extra, video="w") | points_at(*extra, action="stir")
    assert accuracy(case_of(more, clip)) == accuracy(case_of(points, clip))


@pytest.mark.skipif(not OFFICIAL.exists(), reason="needs the official boxes (SHARED_DATA)")
def test_the_constant_centre_lies_in_11627_of_the_17316_official_boxes():
    """The public file gives pixels of 640x480; the boxes that no `Box` could be hold no centre."""
    rows = json.loads(OFFICIAL.read_text(encoding="utf-8"))
    corners = [row["box"] for frames in rows.values() for row in frames.values()]
    n_plain = sum(x1 <= 320 <= x2 and y1 <= 240 <= y2 for x1, y1, x2, y2 in corners)
    clipped = [
        (x1 / 640, y1 / 480, min(x2 / 640, 1), min(y2 / 480, 1)) for x1, y1, x2, y2 in corners
    ]
    boxes = [Box(*found) for found in clipped if found[0] < found[2] and found[1] < found[3]]
    points = points_at(*[(0.5, 0.5)] * len(boxes))
    hits = score(case_of(points, clip_of(*boxes))).counts["frames_hit"]
    assert (len(corners), n_plain, hits) == (17_316, 11_627, 11_627)
