from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dataset_builder.build import build_release
from dataset_builder.errors import InputError
from dataset_builder.release_heatmaps import ReleaseHeatmaps
from dataset_builder.settings import BuildSettings


@pytest.fixture(scope="module")
def releases(make_snapshot):
    snapshot = make_snapshot(n_clips=24, assisted=0.0)
    return {
        mode: build_release(
            snapshot, name="demo", version="1.0.0", settings=BuildSettings(mode=mode)
        )
        for mode in ("paper", "robust")
    }


@pytest.mark.parametrize("mode", ["paper", "robust"])
def test_the_maximum_on_the_settings_grid_is_the_peak_of_the_frames_table(releases, mode):
    heatmaps = ReleaseHeatmaps.of(releases[mode])
    grid = (heatmaps.settings.grid_rows, heatmaps.settings.grid_cols)
    clicked = [frame for frame in releases[mode].frames if frame.n_clicks]
    assert len(clicked) > 50
    for frame in clicked:
        found = heatmaps.frame(frame.clip_id, frame.second, grid=grid, normalise="peak")
        row, col = int(frame.peak.y * grid[0]), int(frame.peak.x * grid[1])
        assert found[row, col] == pytest.approx(1, abs=1e-8)


def test_cells_are_square_whatever_the_frame_s_shape(releases):
    heatmaps = ReleaseHeatmaps.of(releases["paper"])
    shapes = {
        (frame.width, frame.height): heatmaps.frame(frame.clip_id, frame.second).shape
        for frame in releases["paper"].frames
        if frame.n_clicks
    }
    assert shapes == {(1280, 720): (90, 160), (640, 480): (120, 160), (720, 1280): (160, 90)}


def test_a_density_sums_to_one_and_a_frame_without_clicks_has_none(releases):
    heatmaps = ReleaseHeatmaps.of(releases["robust"])
    for frame in releases["robust"].frames:
        found = heatmaps.frame(frame.clip_id, frame.second)
        assert (found is None) == (frame.n_clicks == 0)
        if found is not None:
            assert found.sum() == pytest.approx(1)


def test_equal_weights_can_be_asked_for_and_differ_from_those_of_reliable_people(releases):
    robust = ReleaseHeatmaps.of(releases["robust"])
    frame = next(f for f in releases["robust"].frames if f.robust_rule == "student_t")
    key = (frame.clip_id, frame.second)
    assert not np.allclose(robust.frame(*key), robust.frame(*key, weights="equal"))
    paper = ReleaseHeatmaps.of(releases["paper"])
    assert np.allclose(paper.frame(*key), paper.frame(*key, weights="equal"))
    alike = replace(robust, scales={})
    assert np.allclose(alike.frame(*key), robust.frame(*key, weights="equal"))


def test_a_frame_that_is_not_there_and_a_release_without_clicks_are_refused(releases):
    with pytest.raises(InputError, match="no frame nothing/3"):
        ReleaseHeatmaps.of(releases["paper"]).frame("nothing", 3)
    with pytest.raises(InputError, match="holds no clicks"):
        ReleaseHeatmaps.of(replace(releases["paper"], derivation="none"))
