"""Frames as they are drawn: heatmaps over the right places, shapes to scale, pictures in bounds."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataset_builder.domain import Video
from dataset_builder.errors import InputError
from dataset_builder.report.overlays import HEAT_OPACITY, heat_png
from dataset_builder.report.pictures import small_jpeg
from stg_model.evaluation.html.cases import case_sets
from stg_model.evaluation.html.drawing import draw_sets
from stg_model.evaluation.html.overlays import mask_outline
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import true_boxes

FULL = round(255 * HEAT_OPACITY)


def pixels(png):
    return np.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGBA"))


class Grey:
    """Grey pictures of every frame but those of the video `missing`; counts what it was asked."""

    def __init__(self, missing=None):
        self.missing, self.asked = missing, []

    def jpeg(self, video_id, second):
        self.asked.append((video_id, second))
        image = PIL.Image.new("RGB", (640, 480), (128, 128, 128))
        return None if video_id == self.missing else small_jpeg(image)


def drawn(compared, source=None, videos=None):
    videos = videos or compared.release.videos
    sets = case_sets(true_boxes(compared.truths), compared.submitted, videos)
    return draw_sets(sets, compared.submitted, videos, {"cut": "cut it"}, source)


def test_the_hottest_place_is_the_most_opaque():
    heat = np.zeros((4, 8))
    heat[3, 6] = 5
    found = pixels(heat_png(heat, (640, 320)))
    assert found.shape == (32, 64, 4)
    row, column = np.unravel_index(found[..., 3].argmax(), found.shape[:2])
    assert (row // 8, column // 8) == (3, 6)
    assert 0.8 * FULL <= found[..., 3].max() <= FULL
    assert (found[:8, :8, 3] == 0).all()


@given(arrays(float, (3, 4), elements=st.integers(0, 1000).map(float)))
def test_opacity_follows_the_heat_whatever_its_scale(heat):
    found = pixels(heat_png(heat, (400, 300)))[..., 3]
    if np.ptp(heat) == 0:
        assert (found == 0).all()
    else:
        assert 0.8 * FULL <= found.max() <= FULL
    assert heat_png(heat / 4096, (400, 300)) == heat_png(heat, (400, 300))


def test_boxes_and_points_are_drawn_to_scale(compared):
    (first, *_), _ = drawn(compared)
    frame = next(f for f in first.frames if (f.video_id, f.second) == ("a", 1))
    assert (frame.width, frame.height, frame.action) == (480, 360, "cut it")
    assert (frame.box.x, frame.box.y, frame.box.width, frame.box.height) == (96, 72, 96, 72)
    good, poor = frame.drawings
    assert good.point == (144, 108)
    assert poor.point == (288, 108)
    assert poor.box.x == 240
    assert good.heat.startswith("data:image/png;base64,")
    assert poor.heat == ""
    found = pixels(base64.b64decode(good.heat.partition(",")[2]))
    row, column = np.unravel_index(found[..., 3].argmax(), found.shape[:2])
    assert (row * 4 // found.shape[0], column * 6 // found.shape[1]) == (1, 2)


def test_a_portrait_video_stays_upright(compared):
    videos = tuple(Video(v.video_id, 720, 1280, 10.0, "") for v in compared.release.videos)
    (first, *_), _ = drawn(compared, videos=videos)
    assert (first.frames[0].width, first.frames[0].height) == (270, 480)


def test_each_picture_is_asked_for_and_stored_once(compared):
    source = Grey()
    sets, gallery = drawn(compared, source)
    assert len(source.asked) == len(set(source.asked)) == len(gallery.pictures)
    assert (gallery.n_missing, gallery.n_without_room) == (0, 0)
    used = {frame.picture for found in sets for frame in found.frames}
    assert used == {picture.picture_id for picture in gallery.pictures.values()}


def test_frames_without_a_picture_are_counted_and_drawn_plain(compared):
    sets, gallery = drawn(compared, Grey(missing="b"))
    assert gallery.n_missing == 2
    for frame in (frame for found in sets for frame in found.frames):
        assert (frame.picture == "") == (frame.video_id == "b")


def test_pictures_beyond_the_page_s_room_are_left_out_and_counted(compared, monkeypatch):
    one = len(base64.b64encode(Grey().jpeg("a", 1)))
    monkeypatch.setattr("dataset_builder.report.gallery.MOST_PICTURE_BYTES", 2 * one)
    _, gallery = drawn(compared, Grey())
    assert len(gallery.pictures) == 2
    assert gallery.n_without_room == 4


def test_without_pictures_nothing_is_counted_as_missing(compared):
    _, gallery = drawn(compared)
    assert (gallery.pictures, gallery.n_missing) == ({}, 0)


def test_a_heatmap_that_is_not_there_is_named(compared, tmp_path):
    (tmp_path / "heat.npy").unlink()
    with pytest.raises(InputError, match=r"heat\.npy"):
        drawn(compared)


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_the_outline_runs_along_every_border_of_the_mask_once(mask):
    rows, columns = mask.shape
    edged = np.pad(mask, 1)
    n_borders = sum(int((edged != np.roll(edged, 1, axis)).sum()) for axis in (0, 1))
    path = mask_outline(mask, (columns, rows))
    length = 0.0
    for x, y, direction, end in re.findall(r"M([\d.]+) ([\d.]+)([HV])([\d.]+)", path):
        length += float(end) - float(x if direction == "H" else y)
    assert length == n_borders


def test_with_masks_for_regions_the_mask_is_drawn_in_place_of_the_box(compared):
    settings = EvaluationSettings(region="mask")
    systems = [replace(s, case=replace(s.case, settings=settings)) for s in compared.submitted]
    sets = case_sets(true_boxes(compared.truths), systems, compared.release.videos)
    (first, *_), _ = draw_sets(sets, systems, compared.release.videos, {}, None)
    good, poor = first.frames[0].drawings
    assert good.box is None
    assert good.outline.startswith("M")
    assert poor.box is not None
    assert poor.outline == ""
