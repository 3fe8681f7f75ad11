"""Which frames are shown, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.domain import Video
from dataset_builder.geometry import Box, Point, box_iou
from dataset_builder.predictions import PointPrediction, Predictions, System
from stg_model.evaluation.html.cases import N_EVEN, case_sets
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.measures import Case
from stg_model.evaluation.regions import region_ious
from stg_model.evaluation.results import SystemReport
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import true_boxes

BOX = Box(0.2, 0.2, 0.4, 0.4)
KEY = ("v", 3, "cut")


def system(*points, name="s"):
    found = {(p.video_id, p.second, p.action_id): p for p in points}
    case = Case((), (), Predictions(System(name), {}, found), EvaluationSettings())
    return PageSystem(SystemReport(System(name), "submitted", {}, {}, {}), case, "s1")


def answers(*points):
    """What a system says of one frame of a video of 300 x 400 pixels."""
    (found,) = case_sets([(KEY, BOX)], [system(*points)], [Video("v", 300, 400, 5.0, "")])[:1]
    return found.cases[0].answers[0]


def keys(found):
    return [case.key for case in found.cases]


def test_an_answer_by_hand():
    found = answers(PointPrediction(*KEY, Point(0.3, 0.4), Box(0.2, 0.2, 0.3, 0.4)))
    assert found.is_hit
    assert found.iou == pytest.approx(0.5)
    assert found.distance == pytest.approx(0.1 * 400 / 500)


def test_a_frame_without_a_point_is_said_to_have_none():
    found = answers()
    assert (found.record, found.is_hit, found.iou, found.distance) == (None, False, None, None)


def test_the_first_frames_do_not_depend_on_the_systems(compared):
    boxes = true_boxes(compared.truths)
    first = case_sets(boxes, compared.submitted, compared.release.videos)[0]
    other = case_sets(boxes[::-1], compared.submitted[:1], compared.release.videos)[0]
    assert keys(first) == keys(other)
    assert len(first.cases) == min(N_EVEN, len(boxes))


def test_even_frames_reach_from_the_beginning_to_the_end(compared):
    boxes = [(("a", second, "cut"), BOX) for second in range(600)]
    (first,) = case_sets(boxes, [], compared.release.videos)
    assert [key[1] for key in keys(first)] == [50, 150, 250, 350, 450, 550]


def test_best_and_worst_are_ranked_by_the_boxes_and_are_of_different_actions(compared):
    by_title = {
        found.title: keys(found)
        for found in case_sets(
            true_boxes(compared.truths), compared.submitted, compared.release.videos
        )
    }
    # `poor` is right from second 7 on, and 0.3 to the right before; it says nothing of ("b", 0).
    assert by_title["Best of poor"] == [("a", 7, "stir"), ("a", 1, "cut")]
    assert by_title["Worst of poor"] == [("b", 2, "pour"), ("a", 6, "stir"), ("a", 2, "cut")]


def test_systems_differ_most_where_one_is_right_and_the_other_far_off():
    boxes = [((f"v{n}", 0, "cut"), BOX) for n in range(5)]
    videos = [Video(f"v{n}", 400, 300, 1.0, "") for n in range(5)]
    right = system(*(PointPrediction(f"v{n}", 0, "cut", BOX.centre) for n in range(5)))
    off = system(*(PointPrediction(f"v{n}", 0, "cut", Point(0.3 + n / 10, 0.3)) for n in range(4)))
    found = next(s for s in case_sets(boxes, [right, off], videos) if "differ" in s.title)
    assert [key[0] for key in keys(found)] == ["v3", "v2", "v1"]
    assert "among the 4 frames" in found.chosen


def test_a_system_without_points_has_no_best_and_no_worst(compared):
    found = case_sets(true_boxes(compared.truths), [system()], compared.release.videos)
    assert [s.title for s in found] == ["A look at the frames"]


def test_a_release_without_boxes_shows_no_frames(compared):
    assert case_sets([], compared.submitted, compared.release.videos) == []


def test_with_masks_for_regions_the_iou_is_that_of_the_mask(compared):
    settings = EvaluationSettings(region="mask")
    good, poor = (replace(s, case=replace(s.case, settings=settings)) for s in compared.submitted)
    key = ("a", 1, "cut")
    boxes = [(key, BOX)]
    (first, *_) = case_sets(boxes, [good, poor], compared.release.videos)
    by_mask, by_box = (answer.iou for answer in first.cases[0].answers)
    assert by_mask == pytest.approx(region_ious(good.case, boxes)[0])
    assert by_mask != pytest.approx(box_iou(good.case.predictions.points[key].box, BOX))
    assert by_box == box_iou(poor.case.predictions.points[key].box, BOX)
