"""Subtitles: what a cue is, and what rolling captions say twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stg_model.training.transcripts.subtitles import Cue, cues_of, without_repeats

ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.000 align:start position:0%
 
hi<00:00:00.400><c> now</c><00:00:00.800><c> we</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
hi now we
 

00:00:02.010 --> 00:00:04.500 align:start position:0%
hi now we
crack<00:00:02.300><c> the</c><00:00:02.900><c> egg</c>

00:00:04.500 --> 00:00:04.510 align:start position:0%
crack the egg
 

00:00:04.510 --> 00:00:06.000 align:start position:0%
crack the egg
and<00:00:04.800><c> stir</c>
"""  # noqa: W293 (the lines of one space are what such files hold)


def read(text):
    problems = []
    return list(cues_of("f", text, problems)), problems


def lines(text):
    return [list(cue.lines) for cue in read(text)[0]]


def test_rolling_captions_are_said_once_each_at_its_own_time():
    cues, problems = read(ROLLING)
    assert problems == []
    once = list(without_repeats(cues))
    assert [(cue.start_s, cue.end_s, cue.text) for cue in once] == [
        (0.16, 2.0, "hi now we"),
        (2.01, 4.5, "crack the egg"),
        (4.51, 6.0, "and stir"),
    ]


def test_growing_captions_leave_only_what_is_new():
    cues = [Cue(1, 0, 2, ("now we",)), Cue(2, 1, 3, ("now we crack",)), Cue(3, 2, 4, ("now",))]
    assert [cue.text for cue in without_repeats(cues)] == ["now we", "crack", "now"]


def test_the_same_words_in_other_lines_are_a_repetition():
    cues = [Cue(1, 0, 2, ("now we", "stir")), Cue(2, 2, 3, ()), Cue(3, 2, 3, ("now", "we stir"))]
    assert [cue.line for cue in without_repeats(cues)] == [1]


def test_a_line_said_again_after_a_pause_is_said_again():
    cues = [Cue(1, 0, 2, ("stir",)), Cue(2, 2.2, 3, ("stir",)), Cue(3, 3, 4, ("stir",))]
    assert [cue.line for cue in without_repeats(cues)] == [1, 2]


def test_a_cue_earlier_in_the_video_repeats_nothing():
    cues = [Cue(1, 50, 52, ("stir",)), Cue(2, 0, 2, ("stir",))]
    assert list(without_repeats(cues)) == cues


def test_a_first_word_alike_is_no_repetition():
    cues = [Cue(1, 0, 2, ("peel the onion",)), Cue(2, 2, 3, ("onion is next",))]
    assert list(without_repeats(cues)) == cues


@given(st.lists(st.lists(st.sampled_from(("a", "b", "c d")), max_size=3), max_size=8))
def test_what_is_left_ends_each_cue_and_pauses_leave_all(shown):
    apart = [Cue(n, 10 * n, 10 * n + 1, tuple(found)) for n, found in enumerate(shown)]
    assert list(without_repeats(apart)) == [cue for cue in apart if cue.lines]
    rolling = {n: Cue(n, n, n + 1, tuple(found)) for n, found in enumerate(shown)}
    for cue in without_repeats(list(rolling.values())):
        assert rolling[cue.line].text.endswith(cue.text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("00:01.5 --> 00:02\n<i>a</i> &amp; {\\an8}b\n", [["a & b"]]),
        (
            "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:02,000 --> 00:00:03,000\nb",
            [["a"], ["b"]],
        ),
        ("00:00:01,0 --> 00:00:02,0\na\n12\n\n", [["a", "12"]]),
        ("00:00:01,0 --> 00:00:02,0\n\n", [[]]),
        ("WEBVTT title\n\nSTYLE\n::cue {}\n\nname\n00:01.000 --> 00:02.000 line:0\na\n", [["a"]]),
    ],
)
def test_marks_names_and_other_blocks_are_no_text(text, wanted):
    assert lines(text) == wanted
    assert read(text)[1] == []


def test_times_count_hours_and_fractions():
    (cue,), _ = read("01:02:03,5 --> 01:02:04.25")
    assert (cue.start_s, cue.end_s) == (3723.5, 3724.25)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1\n00:00:61,000 --> 00:00:02,000\na\n", "f:2: expected times such as"),
        ("\n00:00:01,000 -> 00:00:02,000\na", "f:2: '00:00:01,000 -> 00:00:02,000' has no times"),
        ("00:01.000 --> 00:02.000\na\n\nb\n", "f:4: 'b' has no times; is there an empty line"),
        ("-00:01.000 --> 00:02.000\na\n", "f:1: expected times such as"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text, problem):
    cues, problems = read(text + "\n\n00:00:07,000 --> 00:00:08,000\nlast\n")
    assert cues[-1].text == "last"
    assert problems[0].startswith(problem)
