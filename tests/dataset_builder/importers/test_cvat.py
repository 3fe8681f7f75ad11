from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Segment
from dataset_builder.errors import InputError
from dataset_builder.geometry import Point
from dataset_builder.importers.clip_csv import clip_of, read_clip_csv, write_clip_csv
from dataset_builder.importers.cvat import read_cvat_answers, read_cvat_clips
from dataset_builder.importers.found_answers import FoundAnswer

FPS = Fraction(8)
META = (
    "<meta><task><assignee><username>ann</username></assignee>"
    "<original_size><width>200</width><height>100</height></original_size></task>"
    "<source>v1.mp4</source></meta>"
)


def points(frame: object, where: str = "50.00,25.00", **flags: object) -> str:
    more = "".join(f' {name}="{value}"' for name, value in flags.items())
    return f'<points frame="{frame}" points="{where}"{more}/>\n'


def track(*shapes: str, label: str = "crack_egg", source: str = "manual") -> str:
    return f'<track label="{label}" source="{source}">\n{"".join(shapes)}</track>\n'


@pytest.fixture
def write(tmp_path):
    def write_file(*tracks: str, meta: str = META, name: str = "annotations.xml") -> Path:
        path = tmp_path / name
        head = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{meta}\n'
        path.write_text(head + "".join(tracks) + "</annotations>\n", encoding="utf-8")
        return path

    return write_file


def spans(path: Path) -> list[tuple[float, float]]:
    found = read_cvat_clips(path, FPS)
    assert found.problems == ()
    return [(clip.segment.start_s, clip.segment.end_s) for clip in found.clips]


def test_a_track_is_a_clip_from_its_first_frame_to_the_end_of_its_last(write):
    path = write(track(points(8), points(9), points(15)))
    (clip,) = read_cvat_clips(path, FPS).clips
    assert (clip.where, clip.video_id) == (f"{path}:3", "v1")
    assert (clip.segment, clip.description) == (Segment(1, 2), "crack egg")


def test_an_action_that_goes_away_and_comes_back_is_two_clips(write):
    gone = points(16, outside=1)
    path = write(track(points(8), gone, points(20, outside=1), points(24), points(31)))
    assert spans(path) == [(1, 2), (3, 4)]


def test_the_order_of_shapes_in_a_track_does_not_matter(write):
    shapes = [points(8), points(16, outside=1), points(24)]
    assert spans(write(track(*shapes))) == spans(write(track(*shapes[::-1])))


def test_shapes_of_all_kinds_say_when_but_only_points_say_where(write):
    box = '<box frame="8" outside="0" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/>\n'
    path = write(track(box, label="stir"), track(points(8)))
    assert [clip.description for clip in read_cvat_clips(path, FPS).clips] == ["stir", "crack egg"]
    found = read_cvat_answers(path, FPS)
    assert [answer.description for answer in found.answers] == ["crack egg"]
    assert found.notes == ("1 shapes are no points and so no answers",)


def test_a_point_that_a_person_set_at_a_whole_second_is_a_click(write):
    path = write(
        track(points(8), points(0, keyframe=0), points(16, "200,0"), points(24, outside=1))
    )
    first, second = read_cvat_answers(path, FPS).answers
    assert first == FoundAnswer(
        f"{path}:4", "v1", "crack egg", 1, "ann", Point(0.25, 0.25), size_px=(200, 100)
    )
    assert (second.second, second.point) == (2, Point(1, 0))


def test_a_point_corrected_by_a_person_is_assisted_and_a_program_s_is_no_answer(write):
    path = write(track(points(8), source="semi-auto"), track(points(16), source="auto"))
    found = read_cvat_answers(path, FPS)
    assert [(a.second, a.prelabel_shown) for a in found.answers] == [(1, True)]
    assert found.problems == (f"{path}:7: was set by a program; it is no answer",)
    assert spans(path) == [(1, 1.125), (2, 2.125)]


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        (points(17), "frame 17 is not that of a whole second at 8 a second"),
        (points(16, "1,1;2,2"), "an answer is one point x,y in pixels, got '1,1;2,2'"),
        (points(16, "1e3,1"), "an answer is one point x,y in pixels, got '1e3,1'"),
        (points(16, ""), "an answer is one point x,y in pixels, got ''"),
        (points(16, "200.5,1"), "point must satisfy 0 <= x <= 1 and 0 <= y <= 1, got x=1.0025"),
        (points(-1), "frame must be a whole number from 0, got '-1'"),
        (points("9" * 5000), "frame must be a whole number from 0, got '999"),
        (points(16, outside="maybe"), "outside must be 0 or 1, got 'maybe'"),
        (points(8), "a second shape of its track at frame 8"),
    ],
)
def test_a_bad_shape_is_named_by_its_line_and_the_rest_goes_in(write, shape, problem):
    path = write(track(points(8), shape, points(24)))
    found = read_cvat_answers(path, FPS)
    assert [answer.second for answer in found.answers] == [1, 3]
    (refused,) = found.problems
    assert refused.startswith(f"{path}:5: {problem}")


def test_a_track_without_a_phrase_is_named_by_its_line(write):
    path = write(track(points(8), label="?"), track(points(8)))
    found = read_cvat_clips(path, FPS)
    assert [clip.where for clip in found.clips] == [f"{path}:6"]
    assert found.problems[0].startswith(f"{path}:3: action '?' has no letter")


def test_points_need_the_size_of_the_picture_and_clips_do_not(write):
    path = write(track(points(8)), meta="")
    assert len(read_cvat_clips(path, FPS).clips) == 1
    found = read_cvat_answers(path, FPS)
    assert found.answers == ()
    assert "original_size is '' x '', no pixels" in found.problems[0]


def test_without_names_in_it_the_file_s_own_name_stands_for_video_and_person(write):
    size = "<original_size><width>200</width><height>100</height></original_size>"
    path = write(track(points(8)), meta=f"<meta>{size}</meta>", name="v7.xml")
    (answer,) = read_cvat_answers(path, FPS).answers
    assert (answer.video_id, answer.person) == ("v7", "v7")


def test_a_folder_is_read_file_by_file_and_one_clip_of_two_people_is_one(write, tmp_path):
    write(track(points(8)), name="b.xml", meta=META.replace("ann", "bob"))
    write(track(points(8), points(12)), track(points(8)), name="a.xml")
    assert len(read_cvat_clips(tmp_path, FPS).clips) == 2
    people = [answer.person for answer in read_cvat_answers(tmp_path, FPS).answers]
    assert people == ["ann", "ann", "bob"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r":1: is no XML: no element found"),
        ("<annotations>\n<track>\n</annotations>", r":3: is no XML: mismatched tag"),
        ("PK\x03\x04", r":1: is a ZIP file; unpack annotations\.xml"),
        ("<html></html>", r":1: is <html>, not CVAT's annotations"),
        ("<annotations>\n<image/></annotations>", r":2: is no single video's; export the task"),
        ("<annotations><meta><project/></meta></annotations>", ":1: is no single video's"),
        ('<!DOCTYPE a [<!ENTITY e "ee">]>\n<annotations>&e;</annotations>', ":1: has a document"),
        ('<?xml version="1.0" encoding="klingon"?><annotations/>', "unknown encoding"),
    ],
)
def test_what_is_no_file_of_cvat_is_refused(tmp_path, text, problem):
    path = tmp_path / "annotations.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"annotations\.xml.*{problem}"):
        read_cvat_clips(path, FPS)


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no \.xml file"):
        read_cvat_clips(tmp_path, FPS)
    with pytest.raises(InputError, match=r"none\.xml: cannot be opened"):
        read_cvat_clips(tmp_path / "none.xml", FPS)


frames = st.integers(0, 40) | st.sampled_from(["", "x", "-1", "1.5"])
flags = st.fixed_dictionaries(
    {}, optional={"outside": st.sampled_from("012"), "keyframe": st.sampled_from("01")}
)
places = st.sampled_from(["50,25", "0,0", "200,100", "201,1", "nan,1", "1,1;2,2", ""])
shapes = st.builds(lambda f, p, kw: points(f, p, **kw), frames, places, flags)
tracks = st.lists(shapes, max_size=6).map(lambda found: track(*found))


@given(st.lists(tracks, max_size=3), st.data())
def test_any_file_becomes_clips_and_answers_or_problems(tmp_path_factory, found_tracks, data):
    folder = tmp_path_factory.mktemp("any")
    path = folder / "v1.xml"
    content = f"<annotations>{META}\n{''.join(found_tracks)}</annotations>".encode()
    if is_damaged := data.draw(st.booleans(), "damage"):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.binary(max_size=3)) + content[at + 1 :]
    path.write_bytes(content)
    try:
        clips = read_cvat_clips(path, FPS)
    except InputError:
        assert is_damaged
        return
    write_clip_csv(folder / "clips.csv", clips.clips)
    table = read_clip_csv(folder / "clips.csv")
    assert table.problems == ()
    assert [clip_of(row, "test", False).clip_id for row in table.rows] == [
        clip.clip_id for clip in clips.clips
    ]
    answers = read_cvat_answers(path, FPS)
    for answer in answers.answers:
        assert any(
            clip.segment.start_s <= answer.second < clip.segment.end_s for clip in clips.clips
        )
