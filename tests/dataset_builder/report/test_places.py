from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dataset_builder.fusion.agreement import agreement_numbers
from dataset_builder.fusion.answer_table import answer_table
from dataset_builder.geometry import Point
from dataset_builder.report.agreement import agreement
from dataset_builder.report.by_action import action_rows
from dataset_builder.report.by_person import people
from dataset_builder.report.intervals import VideoBootstrap
from dataset_builder.report.places import frame_places, person_places
from dataset_builder.snapshot import AnswerRow, answers_by_frame


def answered(release, points):
    """The release with these clicks (None: not visible) on its first frame, and no others."""
    frame = release.frames[0]
    answers = tuple(
        AnswerRow(frame.clip_id, frame.second, f"p{n}", point) for n, point in enumerate(points)
    )
    return replace(release, answers=answers)


def test_a_case_worked_by_hand(shown):
    frame = shown.release.frames[0]
    diagonal = math.hypot(frame.width, frame.height)
    points = [Point(0.5, 0.5), Point(0.5, 0.5), Point(0.5, 0.75), None]
    found = frame_places(answered(shown.release, points))
    away = 0.25 * frame.height / diagonal
    assert found.distance_f[0] == pytest.approx(2 * away / 3)
    assert found.three_within_f[0] == pytest.approx(away)
    assert found.is_agreed_f[0] == 0
    assert np.isnan(found.distance_f[1:]).all()
    moved = person_places(answered(shown.release, points))["p2"]
    assert moved.distance == pytest.approx(away)
    assert moved.offset == pytest.approx((0, away))
    assert person_places(answered(shown.release, points))["p3"].not_visible == 1


def test_too_few_clicks_say_nothing(shown):
    found = frame_places(answered(shown.release, [Point(0, 0), Point(1, 1)]))
    assert found.distance_f[0] == pytest.approx(1)
    assert np.isnan(found.three_within_f[0])
    alone = answered(shown.release, [Point(0, 0)])
    assert np.isnan(frame_places(alone).distance_f).all()
    assert person_places(alone)["p0"].distance is None


def test_the_numbers_are_those_of_the_manifest(shown):
    release = shown.release
    places = frame_places(release)
    draws = VideoBootstrap([video.video_id for video in release.videos])
    rows = {row.name: row.found for row in agreement(release, places, draws).rows}
    ordered = sorted(release.frames, key=lambda f: (f.clip_id, f.second))
    given = answers_by_frame(release.answers)
    asked = ((f, given.get((f.clip_id, f.second), ())) for f in ordered)
    told = agreement_numbers(answer_table(asked))
    pairs = {
        "distance between two clicks": "distance_mean",
        "three clicks close together": "share_three_close",
        "unimodal": "share_unimodal",
        "split": "share_split",
        "scattered": "share_scattered",
        "same word on visibility": "share_visibility_agreed",
    }
    assert rows.keys() == pairs.keys()
    for name, key in pairs.items():
        assert rows[name].value == pytest.approx(100 * told[key], abs=1e-3)
        low, high = rows[name].interval
        assert low <= rows[name].value <= high
    assert rows["distance between two clicks"].n == told["frames_of_two_clicks"]


def test_actions_and_people_add_up_to_the_release(shown):
    release = shown.release
    places = frame_places(release)
    rows = action_rows(release, places, VideoBootstrap([v.video_id for v in release.videos]))
    assert sum(row.n_clips for row in rows) == len(release.clips)
    assert sum(row.n_frames for row in rows) == len(release.frames)
    assert sum(row.share_boxed * row.n_frames for row in rows) == pytest.approx(len(release.boxes))
    found = people(release)
    assert sum(row.n_answers for row in found.rows) == len(release.answers)
    assert len(found.dots) == len(release.annotators)
    assert all(0 <= x <= 100 for dot in found.dots for x in (dot.x, dot.y))


def test_without_answers_there_is_no_agreement_and_nobody(shown):
    bare = replace(shown.release, answers=(), annotators=())
    draws = VideoBootstrap([video.video_id for video in bare.videos])
    assert agreement(bare, frame_places(bare), draws) is None
    assert people(bare) is None
