"""Narration in every layout, good and bad."""

import json
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from stg_model.training.narrations import Sentence
from stg_model.training.transcripts.reading import SUFFIXES, digest_of, read_transcripts

REAL = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "captions"
GOOD = {"v1": (Sentence(1.0, 3.0, "first we cut"), Sentence(4.5, 6.0, "then we stir"))}
HOWTO = {"v1": {"start": [1, 4.5], "end": [3.0, 6], "text": ["first we cut", "then we  stir"]}}
DENSE = {
    "v1": {
        "duration": 9,
        "timestamps": [[1, 3], [4.5, 6]],
        "sentences": ["first we cut", "then we stir"],
    }
}
DATABASE = {
    "database": {
        "v1": {
            "annotations": [
                {"segment": [1, 3], "id": 0, "sentence": "first we cut"},
                {"segment": [4.5, 6], "id": 1, "sentence": "then we stir"},
            ]
        }
    }
}
SRT = (
    "1\n00:00:01,000 --> 00:00:03,000\nfirst we cut\n\n"
    "2\n00:00:04,500 --> 00:00:06,000\nthen we\nstir\n"
)
VTT = (
    "WEBVTT\nKind: captions\n\nNOTE a\nb\n\n"
    "00:01.000 --> 00:03.000 align:start\nfirst we <c>cut</c>\n\n"
    "name\n00:00:04.500 --> 00:00:06.000\nthen we\nstir\n"
)


def refused(path):
    with pytest.raises(InputError) as caught:
        read_transcripts(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("all.json", json.dumps(HOWTO).encode()),
        ("all.json", json.dumps(DENSE).encode()),
        ("all.json", json.dumps(DATABASE).encode()),
        ("all.pickle", pickle.dumps(HOWTO)),
        ("all.pkl", pickle.dumps(DENSE, 0)),
        (
            "all.csv",
            b"end,start,task,text,video_id\n3,1,7,first we cut,v1\n6,4.5,7,then we stir,v1\n",
        ),
        ("v1.csv", b'start,end,text\n1,3,first we cut\n4.5,6,"then\nwe stir"\n'),
        ("v1.srt", SRT.encode()),
        ("v1.en.srt", ("\ufeff" + SRT).replace("\n", "\r\n").encode()),
        ("v1.en-US.vtt", VTT.encode()),
        ("v1.vtt", VTT.replace("\n", "\r").encode()),
    ],
)
def test_each_layout_gives_the_same_sentences(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    found = read_transcripts(tmp_path / name)
    assert found.videos == GOOD
    assert found.problems == ()


def test_a_folder_gives_all_its_videos_in_the_order_of_names(tmp_path):
    (tmp_path / "b.srt").write_text(SRT)
    (tmp_path / "a.csv").write_text("start,end,text\n0,1,stir\n")
    (tmp_path / "c.json").write_text(json.dumps(HOWTO))
    (tmp_path / "README.txt").write_text("nothing")
    found = read_transcripts(tmp_path)
    assert list(found.videos) == ["a", "b", "v1"]
    assert found.notes == ("1 files of other kinds passed over",)


def test_a_video_in_two_files_is_taken_from_the_first_and_said_once(tmp_path):
    (tmp_path / "v1.srt").write_text(SRT)
    (tmp_path / "v1.vtt").write_text(VTT)
    found = read_transcripts(tmp_path)
    assert found.videos == GOOD
    (problem,) = found.problems
    assert "v1.vtt:7: video 'v1' stands in" in problem
    assert "v1.srt too" in problem


def test_a_damaged_file_in_a_folder_is_a_problem_and_alone_an_error(tmp_path):
    (tmp_path / "a.srt").write_text(SRT)
    (tmp_path / "b.json").write_text("{")
    (problem,) = read_transcripts(tmp_path).problems
    assert "b.json: cannot be read as JSON" in problem
    assert "b.json: cannot be read as JSON" in refused(tmp_path / "b.json")


def test_rows_without_words_are_counted_and_not_refused(tmp_path):
    path = tmp_path / "t.json"
    path.write_text('{"v": {"start": [0, 1, 2], "end": [1, 2, 3], "text": [NaN, "?!", "stir"]}}')
    found = read_transcripts(path)
    assert [sentence.text for sentence in found.videos["v"]] == ["stir"]
    assert found.notes == ("2 rows without a word left out",)
    table = tmp_path / "w.csv"
    table.write_text("start,end,text\n0,1,\n1,2,nan\n2,3,stir\n")
    found = read_transcripts(table)
    assert [sentence.text for sentence in found.videos["w"]] == ["stir"]
    assert found.problems == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (["a"], "video 'v9' needs start, end and text, got list"),
        ({"start": [], "end": []}, "video 'v9' needs the lists start, end, text"),
        ({"start": [1], "end": [2], "text": "ab"}, "video 'v9' needs the lists start, end, text"),
        (
            {"start": [1, 2], "end": [2], "text": ["a"]},
            "video 'v9' needs lists of one length, got start 2, end 1, text 1",
        ),
        (
            {"start": [0, "x"], "end": [2, 2], "text": ["a", "b"]},
            "video 'v9', sentence 1: start must be a number of seconds, got 'x'",
        ),
        (
            {"start": [0], "end": [True], "text": ["a"]},
            "sentence 0: end must be a number of seconds, got True",
        ),
        (
            {"start": [0], "end": [10**400], "text": ["a"]},
            "sentence 0: end must be a number of seconds, got 1000",
        ),
        (
            {"start": [5], "end": [2], "text": ["a"]},
            "sentence 0: start 5.0 must not come after end 2.0",
        ),
        ({"timestamps": [[1, 2]], "sentences": []}, "needs lists of one length, got timestamps 1"),
        (
            {"timestamps": [7], "sentences": ["a"]},
            "sentence 0: start must be a number of seconds, got [7]",
        ),
        ({"annotations": [7]}, "video 'v9' has an annotation that is no object, 7"),
    ],
)
def test_a_wrong_entry_is_one_problem_with_its_place_and_the_rest_goes_in(tmp_path, entry, problem):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"v9": entry, **HOWTO}))
    found = read_transcripts(path)
    assert found.videos["v1"] == GOOD["v1"]
    assert problem in found.problems[0]
    assert found.problems[0].startswith(str(path))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x,2,stir", ":3: start must be a number of seconds, got 'x'"),
        ("3,2,stir", ":3: start 3.0 must not come after end 2.0"),
        ("1,nan,stir", ":3: end must be a number of seconds, got 'nan'"),
        ("1,2,stir,9", ":3: has more fields than the header"),
        ("1", ":3: "),
    ],
)
def test_a_wrong_row_of_a_table_is_named_by_its_line(tmp_path, row, problem):
    path = tmp_path / "v.csv"
    path.write_text(f"start,end,text\n0,1,cut\n{row}\n2,3,stir\n")
    found = read_transcripts(path)
    assert [s.text for s in found.videos["v"]] == ["cut", "stir"]
    if row != "1":  # a row that ends early has no text, so it is no sentence
        assert found.problems[0].startswith(f"{path}{problem}")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.json", "[1]", "expected an object from video_id to start, end and text, got list"),
        ("t.json", "{}", "got an empty one"),
        ("t.json", '{"v": {"start": [], "end": [], "text": []}}', "holds no sentence (0 problems)"),
        ("t.csv", "a,b\n1,2\n", "the header lacks start, end, text"),
        ("t.srt", "", "holds no sentence"),
        ("t.txt", "x", "expected a .json .pickle .pkl .csv .srt .vtt file"),
        ("t.pickle", "x", "is no pickle, or a damaged one"),
    ],
)
def test_a_file_that_is_none_of_this_is_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    assert message in refused(tmp_path / name)


def test_missing_files_and_empty_folders_are_named(tmp_path):
    assert "none.json: cannot be read as JSON" in refused(tmp_path / "none.json")
    assert "none.srt: cannot be opened" in refused(tmp_path / "none.srt")
    assert "or a folder of such" in refused(tmp_path)


def test_the_digest_follows_names_and_content(tmp_path):
    (tmp_path / "a.srt").write_text(SRT)
    first = digest_of(tmp_path)
    (tmp_path / "notes.txt").write_text("passed over")
    assert digest_of(tmp_path) == first
    (tmp_path / "a.srt").rename(tmp_path / "b.srt")
    assert digest_of(tmp_path) != first


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("start", "end", "text", "timestamps", "sentences", "annotations"))
            | st.text(max_size=9),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(value=st.dictionaries(st.text(max_size=9), plain, max_size=4) | plain, pickled=st.booleans())
def test_any_value_is_read_or_refused_in_one_line(tmp_path, value, pickled):
    path = tmp_path / ("t.pickle" if pickled else "t.json")
    path.write_bytes(pickle.dumps(value) if pickled else json.dumps(value).encode())
    look(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    suffix=st.sampled_from(SUFFIXES),
    seed=st.sampled_from((SRT, VTT, json.dumps(HOWTO), "start,end,text\n0,1,cut\n")),
    junk=st.binary(max_size=30),
    at=st.integers(0, 200),
)
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path, suffix, seed, junk, at):
    content = seed.encode()
    path = tmp_path / f"t{suffix}"
    path.write_bytes(content[: at % (len(content) + 1)] + junk + content[at // 2 :])
    look(path)


def look(path):
    """Read, and see that nothing but good sentences and one-line problems came out."""
    problems: tuple[str, ...] = ()
    videos = {"v": (Sentence(0, 1, "cut"),)}
    try:
        found = read_transcripts(path)
        problems, videos = found.problems, found.videos
    except InputError as error:
        problems = (str(error),)
    assert all("\n" not in problem and str(path) in problem for problem in problems)
    sentences = [s for of_video in videos.values() for s in of_video]
    assert sentences
    assert all(s.start_s <= s.end_s and s.text.split() for s in sentences)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no {REAL}; set SHARED_DATA to run this")
def test_the_real_files_are_read_whole():
    asr = read_transcripts(REAL / "asr_howto100m_format_sample.json")
    assert (len(asr.videos), asr.problems) == (30, ())
    dense = read_transcripts(REAL / "yc2_val_dense_captions.json")
    table = read_transcripts(REAL / "youcook2_val_csv_from_paper_repo.csv")
    assert not dense.problems
    assert not table.problems
    assert len(dense.videos) > 400
    assert {f"v_{video_id}" for video_id in table.videos} <= set(dense.videos)
    together = read_transcripts(REAL)
    assert together.n_sentences == sum(t.n_sentences for t in (asr, dense, table))
