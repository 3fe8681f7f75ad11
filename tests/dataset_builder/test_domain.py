from __future__ import annotations

import math
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import (
    Segment,
    action_id_for,
    check_video_id,
    clip_id_for,
    frame_seconds,
)
from dataset_builder.errors import InputError

segments = st.tuples(st.floats(0, 10_000), st.floats(0.001, 500)).map(
    lambda pair: Segment(pair[0], pair[0] + pair[1])
)


@given(segments)
def test_the_frames_of_a_clip_are_exactly_its_whole_seconds(segment: Segment) -> None:
    seconds, is_middle = frame_seconds(segment)
    inside = [
        second
        for second in range(math.floor(segment.start_s), math.ceil(segment.end_s) + 1)
        if segment.start_s <= second < segment.end_s
    ]
    if inside:
        assert (seconds, is_middle) == (inside, False)
    else:
        assert (seconds, is_middle) == ([math.floor(segment.start_s)], True)


def test_the_end_of_a_clip_is_not_part_of_it() -> None:
    assert frame_seconds(Segment(2, 5)) == ([2, 3, 4], False)
    assert frame_seconds(Segment(2, 5.001)) == ([2, 3, 4, 5], False)


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(-1, 2), (2, 2), (3, 2), (math.nan, 2), (1, math.nan), (1, math.inf)]
)
def test_a_segment_that_cannot_be_is_refused_with_its_times(start_s: float, end_s: float) -> None:
    with pytest.raises(InputError, match=rf"got {start_s}\.\.{end_s}; times are seconds"):
        Segment(start_s, end_s)


@given(st.text())
def test_an_action_id_is_its_own_id_or_the_text_is_refused(text: str) -> None:
    try:
        found = action_id_for(text)
    except InputError:
        held_back = any(category(c) == "Cc" or c in "\ufffe\uffff" for c in text)
        assert held_back or not any(character.isalnum() for character in text)
    else:
        assert action_id_for(found) == found
        assert not any(character.isspace() or character in "_/" for character in found)


def test_spelling_does_not_make_another_action() -> None:
    ids = {action_id_for(text) for text in ("Crack egg", "crack  egg ", "CRACK_EGG", "crack-egg!")}
    assert ids == {"crack-egg"}


def test_clips_of_one_video_differ_by_segment_and_action() -> None:
    ids = {
        clip_id_for(video_id, segment, action_id)
        for video_id in ("v1", "v2")
        for segment in (Segment(1, 2), Segment(1, 2.001), Segment(0.999, 2))
        for action_id in ("cut", "stir")
    }
    assert len(ids) == 12


@pytest.mark.parametrize(
    "video_id", ["qeWv9YqBXAM", "-zmeFbD-gTY", "a.b+c_d", "_x", "9", "a" * 128]
)
def test_an_id_that_can_be_a_file_name_is_returned(video_id: str) -> None:
    assert check_video_id(video_id) == video_id


@pytest.mark.parametrize(
    "video_id", ["", "a/b", "a\\b", "..", ".x", "+x", "a b", "a\n", "é", "a" * 129]
)
def test_an_id_that_cannot_be_a_file_name_is_refused(video_id: str) -> None:
    with pytest.raises(InputError, match="rename the video"):
        check_video_id(video_id)
