"""A frame's point and box, and the values that a validation set gives them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dataset_builder.geometry import Box, Point
from stg_model.inference.calibration import best_boxes
from stg_model.inference.grounding import VideoScores
from stg_model.inference.heatmaps import enlarged, fine_grid, place_of, stretched
from stg_model.settings import InferenceSettings
from tests.stg_model.inference.conftest import ACTIONS

CUT = ACTIONS[0]


def hot_patch():
    heat = np.zeros((10, 20))
    heat[4:6, 10:14] = 0.6
    heat[4, 12] = 1.0
    heat[0, 0] = 0.9  # hot, but not joined to the peak
    return heat


def reading(**values):
    return InferenceSettings(**values)


def read_place(heat, settings):
    return place_of(heat, heat, settings)


def test_the_papers_point_is_the_peak_and_its_box_the_mask_round_it():
    heat = hot_patch()
    place = read_place(heat, reading(box_from="mask"))
    assert place.point == Point(12.5 / 20, 4.5 / 10)
    assert place.box == Box(10 / 20, 4 / 10, 14 / 20, 6 / 10)
    narrow = read_place(heat, reading(box_from="mask", mask_threshold=0.8))
    assert narrow.box == Box(12 / 20, 4 / 10, 13 / 20, 5 / 10)


def test_the_masks_middle_is_the_mean_of_its_places():
    for box_from in ("mask", "point"):
        place = read_place(hot_patch(), reading(point_from="mask_centroid", box_from=box_from))
        assert place.point == Point(12 / 20, 5 / 10)
    assert place.box.centre == place.point
    narrow = reading(point_from="mask_centroid", mask_threshold=0.8)
    assert read_place(hot_patch(), narrow).point == Point(12.5 / 20, 4.5 / 10)


@pytest.mark.parametrize(
    ("row", "column", "box"),
    [
        (4, 9, (0.375, 0.25, 0.575, 0.65)),  # round the point
        (0, 0, (0, 0, 0.2, 0.4)),  # moved into the frame, not cut
        (9, 19, (0.8, 0.6, 1, 1)),
    ],
)
def test_a_box_round_the_point_has_its_size_everywhere_in_the_frame(row, column, box):
    heat = np.zeros((10, 20))
    heat[row, column] = 1
    found = read_place(heat, reading(box_width=0.2, box_height=0.4)).box
    assert (found.x1, found.y1, found.x2, found.y2) == pytest.approx(box)
    assert found.contains(read_place(heat, reading()).point)


def test_without_a_size_a_box_round_the_point_has_the_default_one():
    box = read_place(hot_patch(), reading()).box
    assert (box.x2 - box.x1, box.y2 - box.y1) == pytest.approx((0.35, 0.35))


def test_a_box_may_be_the_whole_frame():
    whole = reading(box_width=1.0, box_height=1.0)
    assert read_place(hot_patch(), whole).box == Box(0, 0, 1, 1)


def test_a_flat_map_has_a_place_all_the_same():
    place = read_place(np.zeros((4, 4)), reading(box_from="mask"))
    assert place.point == Point(0.5, 0.5)
    assert place.box == Box(0, 0, 1, 1)


@pytest.mark.parametrize("row", [0, 1, 3, 6])
@pytest.mark.parametrize("column", [0, 2, 5, 6])
def test_maps_are_enlarged_without_moving_their_peak(row, column):
    heat = torch.zeros(2, 7, 7)
    heat[:, row, column] = 2.0
    heat[1] = heat[1].flip(0, 1)
    cell = Point((column + 0.5) / 7, (row + 0.5) / 7)
    repeated = fine_grid(heat.reshape(2, 49, 1).expand(-1, -1, 4))
    for maps in (heat, repeated):
        both = zip(stretched(maps).numpy(), enlarged(maps), strict=True)
        here, turned = (place_of(*one, reading(box_from="mask")) for one in both)
        assert (here.point.x, here.point.y) == pytest.approx((cell.x, cell.y))
        assert (turned.point.x, turned.point.y) == pytest.approx((1 - cell.x, 1 - cell.y))
        assert here.box.contains(cell)


def test_the_mask_threshold_is_the_one_with_the_best_boxes():
    heat = torch.zeros(1, 1, 14, 14)
    heat[0, 0, 2:8, 2:8] = 0.42
    heat[0, 0, 4:6, 4:6] = 1.0
    scores = VideoScores("v1", (CUT,), np.full((1, 1), 0.5), heat)
    wide = {"v1": {(0, "cut-carrot"): Box(2 / 14, 2 / 14, 8 / 14, 8 / 14)}}
    narrow = {"v1": {(0, "cut-carrot"): Box(4 / 14, 4 / 14, 6 / 14, 6 / 14)}}
    found_wide, overlap = best_boxes([scores], wide, reading())
    found_narrow, _ = best_boxes([scores], narrow, reading())
    assert found_wide.mask_threshold < 0.42 < found_narrow.mask_threshold
    assert overlap["mask"] > 0.75
    assert best_boxes([scores], wide, reading(mask_threshold=0.9))[0].mask_threshold == 0.9
    assert best_boxes([scores], {}, reading()) == (reading(), None)


@pytest.mark.parametrize("point_from", ["peak", "mask_centroid"])
def test_the_size_is_the_mean_of_the_true_boxes_whatever_the_points(point_from):
    heat = torch.zeros(1, 2, 14, 14)
    heat[0, 0, 6, 6] = 1.0
    heat[0, 1, 13, 13] = 1.0
    scores = VideoScores("v1", (CUT,), np.full((2, 1), 0.5), heat)
    x, y = 6.5 / 14, 6.5 / 14
    boxes = [Box(x - 0.1, y - 0.2, x + 0.1, y + 0.2), Box(0, 0, 0.4, 0.4)]  # one is missed
    truth = {"v1": {(second, "cut-carrot"): box for second, box in enumerate(boxes)}}
    found, overlap = best_boxes([scores], truth, reading(point_from=point_from))
    assert (found.box_width, found.box_height) == (0.3, 0.4)
    assert overlap["point"] == pytest.approx((0.08 / 0.12) / 2, abs=0.01)
    given, _ = best_boxes([scores], truth, reading(point_from=point_from, box_width=0.6))
    assert (given.box_width, given.box_height) == (0.6, 0.4)
