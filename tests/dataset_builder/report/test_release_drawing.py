"""Frames and tubes as they are drawn: shapes to scale, the heatmap of the release's own mode."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from dataset_builder.build import build_release
from dataset_builder.geometry import Box, Point
from dataset_builder.report.drawing import draw
from dataset_builder.report.examples import FrameSet, TubeStrip, tube_strips


def drawn(release, frame, others=None, source=None):
    sets = [FrameSet("one", "", (frame,), others or {})]
    ((found,),) = (s.frames for s in draw(release, sets, [], source)[0])
    return found


def opacity(address):
    png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGBA"))[..., 3]


@pytest.fixture
def frame(shown):
    """A wide frame that has a box and five clicks."""
    return next(
        f for f in shown.release.frames if f.kept and f.n_clicks == 5 and f.width > f.height
    )


def test_shapes_stand_where_they_are_in_the_frame(shown, frame):
    key = (frame.clip_id, frame.second)
    other = Box(0, 0.25, 0.5, 1)
    found = drawn(shown.release, frame, {key: other})
    assert (found.width, found.height) == (480, round(480 * frame.height / frame.width))
    assert (found.other.x, found.other.width) == (0, 240)
    assert (found.other.y, found.other.height) == (0.25 * found.height, 0.75 * found.height)
    box = shown.release.boxes[key]
    assert found.box.x + found.box.width == pytest.approx(box.x2 * 480, abs=0.11)
    points = sorted(
        (a.point.x, a.point.y)
        for a in shown.release.answers
        if (a.clip_id, a.second) == key and a.point
    )
    dots = sorted((dot.x / found.width, dot.y / found.height) for dot in found.clicks)
    assert np.allclose(dots, points, atol=1e-3)


def test_the_heat_is_highest_at_the_release_s_own_peak(shown, frame):
    heat = opacity(drawn(shown.release, frame).heat)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (column + 0.5) / heat.shape[1] == pytest.approx(frame.peak.x, abs=0.03)
    assert (row + 0.5) / heat.shape[0] == pytest.approx(frame.peak.y, abs=0.05)


def test_robust_heat_is_as_wide_as_the_clicks_are_uncertain(shown, frame):
    wide = drawn(shown.release, replace(frame, scale=0.1)).heat
    narrow = drawn(shown.release, replace(frame, scale=0.02)).heat
    assert opacity(wide).mean() > 1.5 * opacity(narrow).mean()


def test_without_answers_the_mean_is_drawn(shown, frame):
    bare = replace(shown.release, derivation="means", answers=(), annotators=(), settings={})
    found = drawn(bare, replace(frame, mean=Point(0.5, 0.5)))
    assert (found.heat, found.clicks) == ("", ())
    assert (found.mean.x, found.mean.y) == (found.width / 2, found.height / 2)


def test_hints_in_sight_mark_their_clicks(make_snapshot):
    release = build_release(make_snapshot(assisted=1.0), name="demo", version="1.0.0")
    assisted = {(a.clip_id, a.second) for a in release.answers if a.point}
    frame = next(f for f in release.frames if (f.clip_id, f.second) in assisted)
    assert {dot.is_assisted for dot in drawn(release, frame).clicks} == {True}


def test_a_tube_shows_its_seconds_with_their_pictures(shown, red):
    strip = next(s for s in tube_strips(shown.release) if s.tube.filled_seconds)
    without = dict(strip.tube.boxes)
    gone = strip.seconds[0]
    del without[gone]
    cut = TubeStrip(replace(strip.tube, boxes=without), strip.seconds)
    _, (tube,), gallery = draw(shown.release, [], [cut], red)
    assert [second.second for second in tube.seconds] == list(strip.seconds)
    assert [s.second for s in tube.seconds if s.box is None] == [gone]
    assert {s.second for s in tube.seconds if s.is_filled} == set(strip.tube.filled_seconds)
    assert tube.n_boxes == len(without) - len(strip.tube.filled_seconds)
    assert {s.picture for s in tube.seconds} == {p.picture_id for p in gallery.pictures.values()}
