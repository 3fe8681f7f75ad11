from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point, box_iou
from dataset_builder.predicted_heatmaps import write_heatmaps
from dataset_builder.predictions import HeatmapReference, PointPrediction, Predictions, System
from stg_model.evaluation.measures import Case
from stg_model.evaluation.regions import mask_boxes, mask_iou, masks, region_boxes, region_ious
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import VideoTruth

BOX = Box(0.2, 0.2, 0.4, 0.4)
LEFT, RIGHT = Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)

sides = st.tuples(st.integers(1, 9), st.integers(1, 9))
heatmaps = sides.flatmap(lambda s: hnp.arrays(np.float64, s, elements=st.floats(0, 1, width=16)))
thresholds = st.floats(0, 0.99)
pair = st.lists(st.integers(0, 60), min_size=2, max_size=2, unique=True).map(sorted)
coarse_boxes = st.builds(lambda x, y: Box(x[0] / 60, y[0] / 60, x[1] / 60, y[1] / 60), pair, pair)


def case_of(folder, region="mask", videos=("v",), **points) -> Case:
    """Return a case of point records `{second: (box, heatmap)}` by video."""
    found = {
        (video, second, "cut"): PointPrediction(
            video, second, "cut", Point(0.5, 0.5), box, None, heatmap
        )
        for video, mine in points.items()
        for second, (box, heatmap) in enumerate(mine)
    }
    truths = tuple(VideoTruth(video, 9, ()) for video in videos)
    predictions = Predictions(System("x"), {}, found, folder=folder)
    return Case(truths, (), predictions, EvaluationSettings(region=region))


def keys(n):
    return [("v", second, "cut") for second in range(n)]


@given(heatmaps, thresholds)
def test_masks_are_scipys_bilinear_enlargement_scaled_and_cut(heat, threshold):
    zoom = 160 / max(heat.shape)
    shape = [round(side * zoom) for side in heat.shape]
    larger = scipy.ndimage.zoom(
        heat, [new / old for new, old in zip(shape, heat.shape, strict=True)],
        order=1, mode="nearest", grid_mode=True,
    )  # fmt: skip
    low, high = larger.min(), larger.max()
    (found,) = masks(heat[None], threshold)
    assert found.shape == larger.shape == tuple(shape)
    if high - low <= 1e-8 * high:
        assert found.all()
        return
    scaled = (larger - low) / (high - low)
    sure = np.abs(scaled - threshold) > 1e-6
    np.testing.assert_array_equal(found[sure], scaled[sure] >= threshold)


@given(heatmaps, thresholds, st.floats(0.01, 1e6), st.floats(0, 0.5))
def test_only_the_order_of_a_frames_heat_counts_not_its_scale(heat, threshold, factor, offset):
    scaled = np.round(heat * 64) * factor
    moved = scaled + offset * 64 * factor
    np.testing.assert_array_equal(masks(scaled[None], threshold), masks(moved[None], threshold))


@given(heatmaps, thresholds, thresholds)
def test_a_higher_threshold_gives_a_smaller_mask_that_is_never_empty(heat, one, other):
    larger, smaller = (masks(heat[None], t)[0] for t in sorted((one, other)))
    assert smaller.any()
    assert not (smaller & ~larger).any()


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 1e300, 5e-324])
def test_a_constant_heatmap_says_the_whole_frame(value):
    flat = np.full((1, 7, 3), value)
    assert masks(flat, 0.5).all()
    assert mask_boxes(flat, 0.99) == [Box(0, 0, 1, 1)]


def test_a_range_that_is_nothing_but_rounding_is_none():
    heat = 0.1 + 1e-13 * np.random.default_rng(0).random((1, 7, 7))
    assert masks(heat, 0.5).all()
    assert not masks(heat - 0.1, 0.5).all()


def test_a_map_finer_than_the_grid_keeps_its_cells():
    heat = np.zeros((1, 100, 250))
    heat[0, 30, 200] = 2.0
    assert masks(heat, 0.5).sum() == 1
    assert mask_boxes(heat, 0.5) == [Box(0.8, 0.3, 0.804, 0.31)]


@given(
    hnp.arrays(np.bool_, st.tuples(st.sampled_from([1, 4, 6]), st.sampled_from([2, 5]))),
    coarse_boxes,
)
def test_the_overlap_of_mask_and_box_is_that_of_finer_cells_counted(mask, box):
    """Boxes on a grid of 60 x 60, of which each cell of the mask covers a whole number of cells."""
    rows, columns = mask.shape
    fine = np.repeat(np.repeat(mask, 60 // rows, axis=0), 60 // columns, axis=1)
    in_box = np.zeros((60, 60), bool)
    in_box[round(box.y1 * 60) : round(box.y2 * 60), round(box.x1 * 60) : round(box.x2 * 60)] = True
    expected = (fine & in_box).sum() / (fine | in_box).sum()
    assert mask_iou(mask, box) == pytest.approx(expected, abs=1e-12)


@given(coarse_boxes, coarse_boxes)
def test_a_mask_that_is_a_box_overlaps_as_the_box_does(one, other):
    mask = np.zeros((60, 60), bool)
    mask[round(one.y1 * 60) : round(one.y2 * 60), round(one.x1 * 60) : round(one.x2 * 60)] = True
    assert mask_iou(mask, other) == pytest.approx(box_iou(one, other), abs=1e-12)
    assert mask_iou(mask, one) == pytest.approx(1, abs=1e-12)


def fine(*cells):
    """Return heat on 200 x 200, where a cell stays a cell: `{(row, column): heat}`."""
    heat = np.zeros((1, 200, 200))
    for row, column, value in cells:
        heat[0, row, column] = value
    return heat


def test_the_box_holds_the_part_with_the_highest_heat_alone():
    heat = fine((10, 10, 0.8), (10, 11, 0.8), (50, 60, 1.0), (51, 60, 0.7), (52, 60, 0.4))
    assert masks(heat, 0.5).sum() == 4
    assert mask_boxes(heat, 0.5) == [Box(60 / 200, 50 / 200, 61 / 200, 52 / 200)]


def test_cells_that_touch_at_a_corner_do_not_hang_together():
    heat = fine((10, 10, 1.0), (11, 11, 0.9))
    assert mask_boxes(heat, 0.5) == [Box(10 / 200, 10 / 200, 11 / 200, 11 / 200)]


def test_of_equally_high_parts_the_first_in_reading_order_counts():
    heat = fine((50, 10, 1.0), (20, 90, 1.0 - 1e-12))
    assert mask_boxes(heat, 0.5) == [Box(90 / 200, 20 / 200, 91 / 200, 21 / 200)]


def test_boxes_of_several_maps_are_those_of_each_alone():
    stack = np.random.default_rng(0).random((5, 4, 4))
    assert mask_boxes(stack, 0.6) == [mask_boxes(one[None], 0.6)[0] for one in stack]


def test_a_record_says_its_mask_or_its_box_or_nothing(tmp_path):
    (heatmap,) = write_heatmaps(tmp_path, "v.npy", [[[0, 1]]])
    case = case_of(tmp_path, v=[(LEFT, heatmap), (LEFT, None), (None, heatmap), (None, None)])
    wanted = [(key, RIGHT) for key in keys(5)]
    np.testing.assert_allclose(region_ious(case, wanted), [1, 0, 1, np.nan, np.nan])
    assert region_boxes(case) == dict(zip(keys(3), [RIGHT, LEFT, RIGHT], strict=True))


def test_the_grid_of_the_masks_is_a_rule(tmp_path):
    """A cold and a hot cell: where heat reaches .8 of its range falls between cells of a grid."""
    (heatmap,) = write_heatmaps(tmp_path, "v.npy", [[[0, 1]]])
    case = case_of(tmp_path, v=[(None, heatmap)])
    for grid, left in ((2, 0.5), (20, 0.65), (160, 0.65), (4, 0.75)):
        settings = replace(case.settings, mask_threshold=0.8, mask_grid=grid)
        (box,) = region_boxes(replace(case, settings=settings)).values()
        assert box == Box(left, 0, 1, 1)
        found = region_ious(replace(case, settings=settings), [(keys(1)[0], box)])
        np.testing.assert_allclose(found, [1])


def test_with_boxes_as_regions_no_heatmap_is_read(tmp_path):
    missing = HeatmapReference("missing.npy", 0)
    case = case_of(tmp_path, "box", v=[(LEFT, missing), (None, missing)])
    np.testing.assert_allclose(region_ious(case, [(key, LEFT) for key in keys(2)]), [1, np.nan])
    assert region_boxes(case) == {keys(1)[0]: LEFT}


def test_heatmaps_of_several_files_and_shapes_keep_their_records(tmp_path):
    """Blocks end where the shape changes and where they are full."""
    rng = np.random.default_rng(1)
    shapes = {"a": (7, 7), "b": (7, 7), "c": (5, 9)}
    heat = {video: rng.random((9, *shape)) for video, shape in shapes.items()}
    points = {
        video: [(None, reference) for reference in write_heatmaps(tmp_path, f"{video}.npy", mine)]
        for video, mine in heat.items()
    }
    case = case_of(tmp_path, videos="abc", **points)
    wanted = [((video, second, "cut"), BOX) for second in range(9) for video in "cab"]
    expected = [mask_iou(masks(heat[v][s : s + 1], 0.5)[0], BOX) for (v, s, _), _ in wanted]
    np.testing.assert_allclose(region_ious(case, wanted), expected)
    assert region_boxes(case) == {
        key: mask_boxes(heat[key[0]][key[1]][None], 0.5)[0] for key, _ in wanted
    }


def test_records_may_share_a_heatmap_and_a_record_may_meet_two_boxes(tmp_path):
    (heatmap,) = write_heatmaps(tmp_path, "v.npy", [[[0, 1]]])
    case = case_of(tmp_path, v=[(None, heatmap), (None, heatmap)])
    first, second = keys(2)
    found = region_ious(case, [(first, RIGHT), (second, RIGHT), (first, LEFT)])
    np.testing.assert_allclose(found, [1, 1, 0])


def test_regions_of_videos_that_are_not_scored_are_not_read(tmp_path):
    case = case_of(tmp_path, v=[(BOX, None)], other=[(BOX, HeatmapReference("missing.npy", 0))])
    assert region_boxes(case) == {("v", 0, "cut"): BOX}


def test_a_heatmap_that_cannot_be_read_stops_the_evaluation(tmp_path):
    (good,) = write_heatmaps(tmp_path, "v.npy", [[[0, 1]]])
    case = case_of(tmp_path, v=[(None, good), (None, HeatmapReference("v.npy", 1))])
    with pytest.raises(InputError, match=r"v\.npy: holds 1 heatmaps"):
        region_boxes(case)
    with pytest.raises(InputError, match=r"'x' name heatmaps, but no folder"):
        region_boxes(case_of(None, v=[(None, good)]))
