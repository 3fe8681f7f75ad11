from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from annot_server.agreement_overview import read_agreement
from annot_server.errors import NotFoundError
from annot_server.frame_view import fused, letters_of, read_clip
from annot_server.heatmap_picture import heatmap_png
from annot_server.models import Frame
from annot_server.person_view import everybody_seen, read_person
from annot_server.set_aside import set_aside_person
from dataset_builder.geometry import Point
from dataset_builder.settings import BuildSettings


@pytest.fixture
def clip_id(read, two_frames) -> str:
    return read(lambda s: s.get(Frame, two_frames[0]).clip_id)


def test_a_frame_shows_who_said_what_under_letters(read, clip_id) -> None:
    clip = read(read_clip, clip_id)
    said = [[(a.letter, a.point, a.standing) for a in frame.answers] for frame in clip.frames]
    assert said == [
        [("A", Point(0.5, 0.5), "counted"), ("B", Point(0.5, 0.52), "counted")],
        [("A", Point(0.2, 0.2), "counted"), ("B", None, "counted")],
    ]


def test_answers_set_aside_are_shown_and_not_fused(read, server, project, clock, clip_id) -> None:
    server.database.write(
        lambda s: set_aside_person(
            s, person_id=project.person("Ben"), by_person_id=None, reason="bot", now=clock()
        )
    )
    clip = fused(read(read_clip, clip_id), BuildSettings(min_clicks=1))
    frame = clip.frame_at(0)
    assert [a.standing for a in frame.answers] == ["counted", "set_aside"]
    assert frame.consensus.mean == Point(0.5, 0.5)


def test_the_box_is_the_builders_own(read, clip_id) -> None:
    settings = BuildSettings(min_clicks=2)
    clip = fused(read(read_clip, clip_id), settings)
    box = clip.frame_at(0).box
    assert box.y2 == pytest.approx(0.52 + settings.margin_y)
    assert clip.frame_at(1).box is None
    assert clip.frame_at(1).consensus.reason == "too_few_clicks"


def test_there_is_no_view_of_other_clips_and_seconds(read, clip_id) -> None:
    with pytest.raises(NotFoundError):
        read(read_clip, "unknown")
    with pytest.raises(NotFoundError):
        read(read_clip, clip_id).frame_at(99)


def test_the_27th_person_is_aa() -> None:
    assert letters_of(range(27))[26] == "AA"


def test_the_heatmap_is_opaque_where_people_clicked_and_clear_far_away() -> None:
    png = heatmap_png([Point(0.25, 0.5)], (640, 480), BuildSettings())
    picture = np.asarray(PIL.Image.open(io.BytesIO(png)))
    assert picture.shape == (90, 160, 4)
    row, column = np.unravel_index(picture[..., 3].argmax(), (90, 160))
    assert (abs(row - 45) <= 1, abs(column - 40) <= 1) == (True, True)
    assert picture[0, -1, 3] == 0


def test_agreement_is_summed_over_the_complete_frames(read, two_frames) -> None:
    del two_frames
    found = read(read_agreement)
    assert (found.frames, found.frames_with_pairs) == (2, 1)
    assert found.mean_distance == pytest.approx(0.02 * 48 / 80)
    assert (found.visible, found.hidden, found.split) == (1, 0, 1)
    assert found.visibility_agreement == 0.5
    assert found.close == 0
    assert found.distances == [(0.0, 0), (0.01, 1)]
    assert found.clicks == [(0, 0), (1, 1), (2, 1)]


def test_agreement_over_no_frames_is_unknown(read, project) -> None:
    project.add_clip(1)
    found = read(read_agreement)
    assert (found.frames, found.mean_distance, found.close) == (0, None, None)
    assert (found.distances, found.clicks) == ([], [])


def test_a_person_has_a_course_and_was_last_seen(read, project, clock, two_frames) -> None:
    del two_frames
    view = read(read_person, project.person("Ben"), now=clock())
    assert [(d.answers, d.not_visible, d.median_s) for d in view.days] == [(2, 1, 2.05)]
    assert view.last_seen == clock()
    assert read(everybody_seen)[project.person("Ben")] == clock()
    with pytest.raises(NotFoundError):
        read(read_person, 10_000, now=clock())
