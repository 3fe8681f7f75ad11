from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Segment, frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.importers.frame_times import second_of, segment_of

rates = st.sampled_from([Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25)]) | (
    st.fractions(1, 120, max_denominator=1001)
)


def test_the_picture_of_a_second_is_the_earlier_of_two_frames_that_are_equally_near():
    assert [second_of(frame, Fraction(5, 2)) for frame in range(6)] == [0, None, 1, None, None, 2]


@given(st.integers(0, 10**5), rates)
def test_no_frame_is_nearer_to_a_second_than_its_picture(second, fps):
    near = math.floor(second * fps)
    frame = min((near, near + 1), key=lambda n: (abs(n / fps - second), n))
    assert second_of(frame, fps) == second


@given(st.integers(0, 10**5), st.integers(1, 500), rates)
def test_a_segment_holds_the_seconds_whose_pictures_are_among_its_frames(first, length, fps):
    end = first + length
    seconds = [second_of(frame, fps) for frame in range(first, end)]
    held, is_middle = frame_seconds(segment_of(first, end, fps))
    assert ([] if is_middle else held) == [second for second in seconds if second is not None]


def test_a_segment_is_its_frames_time_where_no_limit_is_a_seconds_picture():
    assert segment_of(1, 7, Fraction(4)) == Segment(0.25, 1.75)


def test_a_segment_without_a_frame_is_refused():
    with pytest.raises(InputError, match="start_s < end_s"):
        segment_of(7, 7, Fraction(25))
