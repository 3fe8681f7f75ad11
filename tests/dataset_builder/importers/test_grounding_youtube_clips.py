from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import VALID_VIDEO_ID, Segment
from dataset_builder.errors import InputError
from dataset_builder.importers.clip_csv import clip_of, read_clip_csv, write_clip_csv
from dataset_builder.importers.found_clips import FoundClip
from dataset_builder.importers.grounding_youtube_clips import read_grounding_youtube_clips

EGG = {"segment": [19, 23], "id": 0, "sentence": "beat_egg"}


@pytest.fixture
def write(tmp_path):
    def write_json(value):
        path = tmp_path / "seg.json"
        path.write_text(json.dumps(value))
        return path

    return write_json


def test_a_clip_ends_a_second_after_its_segment_s_last(write):
    path = write({"v1": [EGG]})
    found = read_grounding_youtube_clips(path)
    assert found.clips == (FoundClip(f"{path}: ['v1'][0]", "v1", Segment(19, 24), "beat egg"),)
    assert found.notes == ()


def test_a_segment_of_zero_length_is_a_clip_of_one_second_and_is_counted(write):
    found = read_grounding_youtube_clips(write({"v1": [EGG, EGG | {"segment": [0, 0.0]}]}))
    assert found.clips[1].segment == Segment(0, 1)
    assert found.notes == ("segments of zero length, now clips of one second: 1",)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (7, "should be an object, got 7"),
        ({"sentence": "a"}, "field 'segment' must be a list of 2 numbers, got None"),
        (EGG | {"segment": [3, 2]}, "segment must be whole seconds in order, got [3, 2]"),
        (EGG | {"segment": [-1, 2]}, "segment must be whole seconds in order, got [-1, 2]"),
        (EGG | {"segment": [1.5, 2]}, "segment must be whole seconds in order, got [1.5, 2]"),
        (EGG | {"sentence": 7}, "field 'sentence' must be str, got 7"),
        (EGG | {"sentence": "Beat  egg"}, "the same clip as"),
    ],
)
def test_a_bad_segment_is_named_by_its_path_and_the_rest_goes_in(write, entry, problem):
    path = write({"v1": [EGG, entry], "v2": [EGG]})
    found = read_grounding_youtube_clips(path)
    assert [clip.video_id for clip in found.clips] == ["v1", "v2"]
    (refused,) = found.problems
    assert refused.startswith(f"{path}: ['v1'][1]: {problem}")


def test_a_bad_video_is_named_and_a_file_of_another_form_refused(write):
    assert (
        read_grounding_youtube_clips(write({"v1": {}}))
        .problems[0]
        .endswith("seg.json: ['v1']: should be a list of segments, got {}")
    )
    with pytest.raises(InputError, match=r"seg\.json: should be an object of videos"):
        read_grounding_youtube_clips(write([]))


numbers = st.integers() | st.floats() | st.none()
entries = st.none() | st.fixed_dictionaries(
    {"segment": st.lists(numbers, max_size=3), "sentence": st.text(max_size=5) | numbers}
)


@given(st.dictionaries(st.text(max_size=3), st.lists(entries, max_size=4) | numbers))
def test_anything_becomes_clips_or_problems_and_the_clips_read_back(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("any")
    path = folder / "seg.json"
    path.write_text(json.dumps(content))
    found = read_grounding_youtube_clips(path)
    write_clip_csv(folder / "clips.csv", found.clips)
    table = read_clip_csv(folder / "clips.csv")
    assert table.problems == ()
    assert [clip_of(row, "test", False).clip_id for row in table.rows] == [
        clip.clip_id for clip in found.clips
    ]


def test_a_video_that_cannot_be_named_so_is_refused_once(write):
    (refused,) = read_grounding_youtube_clips(write({"a/b": [EGG, EGG]})).problems
    assert "['a/b']: video_id 'a/b' must be" in refused


def test_the_published_segments_all_become_clips(shared_data):
    path = shared_data / "groundingyoutube/seg.json"
    videos = json.loads(path.read_text())
    usable = [video_id for video_id in videos if VALID_VIDEO_ID.fullmatch(video_id)]
    found = read_grounding_youtube_clips(path)
    assert sum(map(len, videos.values())) == 5132
    assert len(found.clips) == sum(len(videos[video_id]) for video_id in usable)
    assert len(found.problems) == len(videos) - len(usable)
    assert found.notes == ("segments of zero length, now clips of one second: 41",)
