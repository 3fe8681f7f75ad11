import json
import os
from pathlib import Path

import pytest

from dataset_builder.errors import InputError
from stg_model.features.words import vocabulary_of, words_of
from stg_model.training.narrations import Sentence, read_transcripts

REAL = (
    Path(os.environ.get("SHARED_DATA", "../shared/data"))
    / "captions/asr_howto100m_format_sample.json"
)


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def test_sentences_come_with_their_times(tmp_path):
    entry = {"start": [1, 4.5], "end": [3.0, 6], "text": ["first we cut", "then we stir"]}
    found = read_transcripts(write(tmp_path / "t.json", {"v1": entry}))
    assert found == {"v1": (Sentence(1.0, 3.0, "first we cut"), Sentence(4.5, 6.0, "then we stir"))}
    assert found["v1"][1].middle_s == 5.25


def test_sentences_without_text_or_words_are_left_out(tmp_path):
    path = tmp_path / "t.json"
    path.write_text('{"v": {"start": [0, 1, 2], "end": [1, 2, 3], "text": [NaN, "?!", "stir"]}}')
    assert [sentence.text for sentence in read_transcripts(path)["v"]] == ["stir"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "expected an object from video_id to start, end and text, got list"),
        ({}, "expected an object"),
        ({"v9": ["a"]}, "video 'v9' needs the lists start, end and text"),
        ({"v9": {"start": [], "end": []}}, "video 'v9' needs the lists"),
        ({"v9": {"start": [1], "end": [2], "text": "ab"}}, "video 'v9' needs the lists"),
        (
            {"v9": {"start": [1, 2], "end": [2], "text": ["a"]}},
            r"video 'v9': .* equally long, got \{'start': 2, 'end': 1, 'text': 1\}",
        ),
        (
            {"v9": {"start": [0, "1"], "end": [2, 2], "text": ["a", "b"]}},
            "video 'v9', sentence 1: start must be seconds, got '1'",
        ),
        (
            {"v9": {"start": [5], "end": [2], "text": ["a"]}},
            "video 'v9', sentence 0: start 5 must not come after end 2",
        ),
    ],
)
def test_a_wrong_file_is_one_line_with_file_video_and_sentence(tmp_path, content, message):
    path = write(tmp_path / "t.json", content)
    with pytest.raises(InputError, match=message) as caught:
        read_transcripts(path)
    assert str(path) in str(caught.value)


def test_times_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "t.json"
    path.write_text('{"v": {"start": [0], "end": [Infinity], "text": ["stir"]}}')
    with pytest.raises(InputError, match="sentence 0: start 0 must not come after end inf"):
        read_transcripts(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: cannot be read as JSON"):
        read_transcripts(tmp_path / "none.json")


def test_words_are_lower_case_and_numbered_from_one():
    vocabulary = vocabulary_of(["Stir the SOUP", "the don't"])
    assert vocabulary.words == ("don't", "soup", "stir", "the")
    assert vocabulary.ids("the unheard Soup, stir_soup") == [4, 2, 3, 2]
    assert words_of("") == []


@pytest.mark.skipif(not REAL.is_file(), reason=f"no {REAL}; set SHARED_DATA to run this")
def test_real_transcripts_of_this_layout_are_read():
    found = read_transcripts(REAL)
    assert len(found) == 30
    assert all(len(sentences) > 1 for sentences in found.values())
    assert (
        len(vocabulary_of(s.text for sentences in found.values() for s in sentences).words) > 1000
    )
