from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import PointPrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.pointing import score_pointing

BOX = Box(0.2, 0.2, 0.4, 0.4)
SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
OFFICIAL = SHARED_DATA / "groundingyoutube" / "GoundingYouTubeBox.json"

place = st.floats(0, 1)
places = st.lists(st.tuples(place, place), min_size=1, max_size=8)


def points_at(*found: tuple[float, float]) -> dict[tuple[str, int, str], PointPrediction]:
    return {
        ("v", second, "cut"): PointPrediction("v", second, "cut", Point(*xy))
        for second, xy in enumerate(found)
    }


def boxes_of(n: int) -> list[tuple[tuple[str, int, str], Box]]:
    return [(("v", second, "cut"), BOX) for second in range(n)]


def test_points_in_every_box_score_one_and_outside_of_every_box_zero():
    assert score_pointing(boxes_of(3), points_at(*[(0.3, 0.3)] * 3)).accuracy == 1
    assert score_pointing(boxes_of(3), points_at(*[(0.5, 0.3)] * 3)).accuracy == 0


def test_all_four_borders_belong_to_the_box():
    border = [(0.2, 0.3), (0.4, 0.3), (0.3, 0.2), (0.3, 0.4)]
    assert score_pointing(boxes_of(4), points_at(*border)).n_hits == 4


def test_a_frame_without_a_point_is_a_miss_and_counted_apart():
    score = score_pointing(boxes_of(4), points_at((0.3, 0.3)))
    assert (score.accuracy, score.n_frames, score.n_missing) == (0.25, 4, 3)


def test_the_point_of_another_action_or_video_answers_nothing():
    points = {
        ("v", 0, "stir"): PointPrediction("v", 0, "stir", Point(0.3, 0.3)),
        ("w", 0, "cut"): PointPrediction("w", 0, "cut", Point(0.3, 0.3)),
    }
    score = score_pointing(boxes_of(1), points)
    assert (score.n_hits, score.n_missing) == (0, 1)


def test_two_clips_that_share_a_second_and_an_action_are_two_frames():
    boxes = [*boxes_of(1), (("v", 0, "cut"), Box(0.6, 0.6, 0.8, 0.8))]
    score = score_pointing(boxes, points_at((0.3, 0.3)))
    assert (score.n_frames, score.n_hits) == (2, 1)


def test_without_boxes_or_without_points_there_is_no_accuracy():
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        score_pointing([], points_at((0.3, 0.3)))
    with pytest.raises(UndefinedMetricError, match="the predictions hold no point records"):
        score_pointing(boxes_of(1), {})


@given(places, st.randoms(use_true_random=False))
def test_the_order_of_boxes_and_points_does_not_matter(found, shuffle):
    boxes, points = boxes_of(len(found) + 1), points_at(*found)
    score = score_pointing(boxes, points)
    items = list(points.items())
    shuffle.shuffle(boxes)
    shuffle.shuffle(items)
    assert score_pointing(boxes, dict(items)) == score


@given(places, places)
def test_points_that_nobody_asked_for_change_nothing(found, extra):
    points = points_at(*found)
    others = {
        ("w", second, "cut"): PointPrediction("w", second, "cut", Point(*xy))
        for second, xy in enumerate(extra)
    }
    boxes = boxes_of(len(found))
    assert score_pointing(boxes, {**points, **others}) == score_pointing(boxes, points)


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
    score = score_pointing([(("v", n, "cut"), box) for n, box in enumerate(boxes)], points)
    assert (len(corners), n_plain, score.n_hits) == (17_316, 11_627, 11_627)
