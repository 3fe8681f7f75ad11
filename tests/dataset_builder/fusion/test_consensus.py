from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.fusion.consensus import fuse as fuse_project
from dataset_builder.geometry import Box, Point
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow

FRAME = FrameRow("clip", 7, 7.02, "ab" * 32, 640, 480, 5)
coordinates = st.floats(0, 1, allow_nan=False)
answers = st.lists(st.none() | st.builds(Point, coordinates, coordinates), max_size=7)


def fuse(places, frame=FRAME, **settings):
    given_answers = [
        AnswerRow(frame.clip_id, frame.second, f"person-{i}", place)
        for i, place in enumerate(places)
    ]
    key = (frame.clip_id, frame.second)
    return fuse_project([frame], {key: given_answers}, BuildSettings(**settings)).frames[0]


@given(answers, st.randoms())
def test_the_order_of_answers_changes_nothing(places, random):
    assert fuse(places) == fuse(random.sample(places, len(places)))


@given(answers)
def test_a_box_stands_exactly_where_enough_people_clicked(places):
    fused = fuse(places)
    n_clicks = sum(place is not None for place in places)
    assert fused.consensus.kept == (n_clicks >= 3) == (fused.box is not None)
    assert fused.consensus.n_clicks == n_clicks
    assert fused.consensus.n_answers == len(places)


@given(answers)
def test_every_number_is_rounded_to_a_millionth(places):
    fused = fuse(places)
    numbers = [fused.consensus.spread]
    for point in (fused.consensus.mean, fused.consensus.peak):
        numbers += [point.x, point.y] if point else []
    numbers += [fused.box.x1, fused.box.y1, fused.box.x2, fused.box.y2] if fused.box else []
    assert all(n is None or n == round(n, 6) for n in numbers)


@given(answers)
def test_rounding_the_clicks_first_changes_nothing(places):
    assert fuse(places) == fuse([place.rounded() if place else None for place in places])


def test_mean_spread_and_box_of_three_clicks_worked_by_hand():
    fused = fuse([Point(0.4, 0.5), Point(0.5, 0.5), Point(0.6, 0.5), None])
    assert fused.consensus.mean == Point(0.5, 0.5)
    # Distances to the mean: 64, 0 and 64 px of an 800 px diagonal.
    assert fused.consensus.spread == pytest.approx(128 / 3 / 800, abs=1e-6)
    assert fused.box == Box(0.24375, 0.291667, 0.75625, 0.708333)
    assert fused.consensus.reason == ""


def test_a_frame_that_nobody_answered_says_so():
    fused = fuse([])
    assert fused.consensus.reason == "unanswered"
    assert (fused.consensus.mean, fused.consensus.peak, fused.consensus.spread) == (None,) * 3


def test_a_frame_where_nobody_who_answered_clicked_is_not_visible():
    assert fuse([None, None]).consensus.reason == "not_visible"


def test_too_few_clicks_give_a_mean_but_no_box():
    fused = fuse([Point(0.5, 0.5), Point(0.5, 0.5), None, None, None])
    assert fused.consensus.reason == "too_few_clicks"
    assert fused.consensus.mean == Point(0.5, 0.5)
    assert fused.box is None


def test_the_number_of_clicks_needed_is_a_setting():
    places = [Point(0.5, 0.5), Point(0.6, 0.5)]
    assert fuse(places, min_clicks=2).box is not None
    assert fuse([*places, *places], min_clicks=5).box is None


def test_frames_without_answers_between_others_keep_their_places():
    frames = [FrameRow("clip", s, float(s), "ab" * 32, 640, 480, 5) for s in range(3)]
    given_answers = {
        ("clip", s): [AnswerRow("clip", s, "p", Point(0.1 + 0.8 * (s > 0), 0.5))] for s in (0, 2)
    }
    fused = fuse_project(frames, given_answers, BuildSettings()).frames
    assert [f.consensus.second for f in fused] == [0, 1, 2]
    assert fused[1].consensus.peak is None
    peaks_x = (fused[0].consensus.peak.x, fused[2].consensus.peak.x)
    assert peaks_x == pytest.approx((0.1, 0.9), abs=0.01)


def test_the_frame_s_own_shape_decides_distances():
    wide = FrameRow("clip", 7, 7.0, "ab" * 32, 2000, 500, 5)
    places = [Point(0.4, 0.5), Point(0.6, 0.5)]
    assert fuse(places, wide).consensus.spread == pytest.approx(
        200 / math.hypot(2000, 500), abs=1e-6
    )
