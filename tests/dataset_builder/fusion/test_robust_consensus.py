"""Robust mode, and what paper mode now says beside the published rule."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.fusion.consensus import fuse
from dataset_builder.geometry import Point, distance
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow, answers_by_frame

ROBUST = BuildSettings(mode="robust")
coordinates = st.floats(0, 1, allow_nan=False)
answers = st.lists(st.none() | st.builds(Point, coordinates, coordinates), max_size=7)


def project(places_of_frames):
    """Return frames and answers; person n gives answer n of every frame."""
    frames = [
        FrameRow("clip", s, float(s), "ab" * 32, 640, 480, 5) for s in range(len(places_of_frames))
    ]
    rows = [
        AnswerRow("clip", second, f"person-{n}", place)
        for second, places in enumerate(places_of_frames)
        for n, place in enumerate(places)
    ]
    return frames, answers_by_frame(rows)


def robust(places, **settings):
    """Return the one frame of a project whose people have clicked nowhere else."""
    return fuse(*project([places]), replace(ROBUST, **settings)).frames[0]


def ordinary(n_frames=40, error=0.01, seed=0):
    """Return frames on which five people click with some error."""
    rng = random.Random(seed)
    frames = []
    for _ in range(n_frames):
        x, y = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
        frames.append([Point(x + rng.gauss(0, error), y + rng.gauss(0, error)) for _ in range(5)])
    return frames


@given(answers, st.randoms())
def test_the_order_of_answers_changes_nothing(places, rng):
    assert robust(places) == robust(rng.sample(places, len(places)))


@pytest.mark.parametrize("mode", ["paper", "robust"])
def test_other_names_and_another_order_change_no_bit(make_snapshot, mode):
    snapshot = make_snapshot(n_clips=24, assisted=0.0)
    settings = BuildSettings(mode=mode)
    expected = fuse(snapshot.frames, answers_by_frame(snapshot.answers), settings)
    assert any(a.scale for a in expected.annotators) == (mode == "robust")
    rng = random.Random(0)
    ids = sorted({answer.annotator_id for answer in snapshot.answers})
    new_id = dict(zip(ids, rng.sample(range(100), len(ids)), strict=True))
    renamed = [replace(a, annotator_id=f"x{new_id[a.annotator_id]}") for a in snapshot.answers]
    frames = rng.sample(snapshot.frames, len(snapshot.frames))
    found = fuse(frames, answers_by_frame(rng.sample(renamed, len(renamed))), settings)
    assert dict(zip(frames, found.frames, strict=True)) == dict(
        zip(snapshot.frames, expected.frames, strict=True)
    )
    assert found.agreement == expected.agreement
    assert {a.annotator_id: a for a in found.annotators} == {
        f"x{new_id[a.annotator_id]}": replace(a, annotator_id=f"x{new_id[a.annotator_id]}")
        for a in expected.annotators
    }


def test_the_paper_s_boxes_and_points_stand_beside_the_robust_ones(make_snapshot):
    snapshot = make_snapshot(n_clips=12)
    given_answers = answers_by_frame(snapshot.answers)
    paper = fuse(snapshot.frames, given_answers, BuildSettings())
    found = fuse(snapshot.frames, given_answers, ROBUST)
    assert [f.paper_box for f in found.frames] == [f.box for f in paper.frames]
    assert not any(f.paper_box for f in paper.frames)
    same = ("mean", "spread", "p_visible", "agreement", "n_agreeing", "n_answers", "n_clicks")
    for mine, theirs in zip(found.frames, paper.frames, strict=True):
        assert [getattr(mine.consensus, n) for n in same] == [
            getattr(theirs.consensus, n) for n in same
        ]
        assert theirs.consensus.robust is theirs.consensus.scale is None
    assert found.agreement == paper.agreement


@given(answers)
def test_what_a_robust_frame_says_hangs_together(places):
    fused = robust(places)
    frame = fused.consensus
    n_clicks = sum(place is not None for place in places)
    assert (frame.n_clicks, frame.n_not_visible) == (n_clicks, len(places) - n_clicks)
    assert (frame.robust is None) == (frame.scale is None) == (n_clicks == 0)
    assert frame.robust_rule == ("geometric_median" if n_clicks else "")
    assert (frame.p_visible is None) == (not places)
    assert (fused.box is not None) == frame.kept == (frame.reason == "")
    assert (fused.paper_box is not None) == (n_clicks >= 3)
    assert frame.kept == (n_clicks >= 3 and frame.p_visible >= 0.5)
    numbers = [frame.p_visible, frame.scale]
    numbers += [frame.robust.x, frame.robust.y] if frame.robust else []
    assert all(n is None or n == round(n, 6) for n in numbers)


def test_one_stray_click_of_five_is_not_in_the_robust_box_and_hardly_moves_the_point():
    frames = ordinary()
    centre, stray = Point(0.3, 0.3), Point(0.9, 0.9)
    frames.append([*[Point(0.3, 0.3 + 0.002 * n) for n in range(-2, 2)], stray])
    fused = fuse(*project(frames), ROBUST).frames[-1]
    assert fused.consensus.robust_rule == "student_t"
    assert distance(fused.consensus.robust, centre, 640, 480) < 0.01
    assert distance(fused.consensus.mean, centre, 640, 480) > 0.1
    assert not fused.box.contains(stray)
    assert fused.paper_box.contains(stray)


def test_who_spams_has_a_large_scale_in_the_annotators_table():
    rng = random.Random(1)
    frames = [[*places[:4], Point(rng.random(), rng.random())] for places in ordinary()]
    found = {a.annotator_id: a for a in fuse(*project(frames), ROBUST).annotators}
    assert found["person-4"].scale > 5
    assert all(found[f"person-{n}"].scale < 2 for n in range(4))
    assert found["person-4"].n_clicks == 40


def test_a_frame_that_most_reliable_people_cannot_see_has_no_robust_box():
    frames = [[*places, Point(0.5, 0.5), Point(0.5, 0.5)] for places in ordinary()]
    # Two people click on everything; on half of the frames the other five see nothing.
    for places in frames[::2]:
        places[:5] = [None] * 5
    frames.append([None, None, Point(0.5, 0.5), None, None, Point(0.5, 0.5), Point(0.5, 0.5)])
    fused = fuse(*project(frames), ROBUST).frames[-1]
    assert fused.consensus.reason == "probably_not_visible"
    assert fused.consensus.p_visible < 0.5
    assert (fused.box, fused.paper_box is None) == (None, False)
    allowed = fuse(*project(frames), replace(ROBUST, min_p_visible=0.0)).frames[-1]
    assert allowed.consensus.kept


def test_nobody_sees_it_nobody_answers_one_click_and_two():
    assert robust([None] * 5).consensus.reason == "not_visible"
    assert robust([]).consensus.reason == "unanswered"
    for n in (1, 2):
        fused = robust([Point(0.3, 0.4)] * n)
        assert fused.consensus.robust == Point(0.3, 0.4)
        assert fused.consensus.reason == "too_few_clicks"
        assert robust([Point(0.3, 0.4)] * n, min_clicks=1).box is not None


def test_equal_clicks_are_the_point_and_the_middle_of_the_box():
    fused = robust([Point(0.3, 0.4)] * 5)
    assert fused.consensus.robust == Point(0.3, 0.4)
    assert fused.box.centre.x == pytest.approx(0.3)
    assert fused.consensus.agreement == "unimodal"


def test_two_targets_are_called_split_with_the_larger_group_counted():
    places = [Point(0.2, 0.2)] * 3 + [Point(0.8, 0.7)] * 2
    for mode in ("paper", "robust"):
        frame = fuse(*project([places]), BuildSettings(mode=mode)).frames[0].consensus
        assert (frame.agreement, frame.n_agreeing) == ("split", 3)


def test_no_frames_at_all_fuse_to_nothing():
    found = fuse([], {}, ROBUST)
    assert (found.frames, found.annotators, found.agreement) == ((), (), {})
