"""From folders to narrated videos: whose files meet whose sentences, and what is left out."""

import json
import logging
from pathlib import Path

import pytest

from dataset_builder.errors import InputError, OutputError
from stg_model.config import load_settings
from stg_model.features.encoders import encoder_for
from stg_model.training import learn as learning
from stg_model.training.checkpoint import CONFIG_NAME
from stg_model.training.learn import (
    REFUSED_NAME,
    Sources,
    clear_run,
    learn,
    narrated_videos,
    pairs_of,
    prepare_folder,
    report_problems,
)
from stg_model.training.narrations import Sentence
from stg_model.training.transcripts.found import Transcripts

SPOKEN = (Sentence(0, 1, "stir"),)


def test_captions_that_write_v_before_an_id_find_their_file():
    files = {"abc": Path("abc.mp4"), "v_x": Path("v_x.mp4"), "lone": Path("lone.mp4")}
    other = (Sentence(2, 3, "cut"),)
    paired = pairs_of(files, {"v_abc": SPOKEN, "v_x": other, "gone": SPOKEN}, "here")
    assert paired == {"abc": (files["abc"], SPOKEN), "v_x": (files["v_x"], other)}
    exact = pairs_of({"abc": Path("abc.mp4")}, {"v_abc": other, "abc": SPOKEN}, "here")
    assert exact["abc"][1] == SPOKEN


def test_files_and_transcripts_without_a_common_id_are_refused():
    with pytest.raises(InputError, match=r"here share no video_id \('b', .* and 'a'"):
        pairs_of({"a": Path("a.mp4")}, {"b": SPOKEN}, "here")


def test_every_refused_row_is_written_and_the_first_are_logged(tmp_path, caplog):
    problems = tuple(f"t.csv:{line}: bad" for line in range(2, 60))
    with caplog.at_level(logging.INFO):
        report_problems(
            Transcripts({"v": SPOKEN}, problems, ("3 rows without a word",)), tmp_path / "r"
        )
    assert (tmp_path / "r").read_text().splitlines() == list(problems)
    assert "t.csv:21: bad" in caplog.text
    assert "t.csv:22: bad" not in caplog.text
    assert "58 rows of the narration were refused" in caplog.text
    for _ in range(2):
        report_problems(Transcripts({"v": SPOKEN}), tmp_path / "refused")
        assert not (tmp_path / "refused").exists()
        (tmp_path / "refused").write_text("an earlier run's\n")


def test_a_file_in_place_of_the_folder_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "p.jsonl").touch()
    for force in (False, True):
        with pytest.raises(OutputError, match=r"p\.jsonl: is a file; name a folder"):
            prepare_folder(tmp_path / "p.jsonl", force=force)


def test_a_finished_folder_is_refused_or_cleared(tmp_path):
    names = (CONFIG_NAME, "metrics.jsonl", "resume.pt", "README.md", "curves.png")
    for name in (*names, "mine.txt"):
        (tmp_path / name).touch()
    (tmp_path / "tensorboard").mkdir()
    with pytest.raises(OutputError, match="holds a checkpoint"):
        prepare_folder(tmp_path, force=False)
    prepare_folder(tmp_path, force=True)
    assert all((tmp_path / name).exists() for name in names)
    clear_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture
def sources(planted, tmp_path, monkeypatch):
    """Five planted videos with transcripts; features come from memory."""
    videos = {v.features.video_id: v for v in planted.videos(5, seed=0)}
    transcripts = {
        video_id: {
            "start": [s.start_s for s in v.sentences],
            "end": [s.end_s for s in v.sentences],
            "text": [s.text for s in v.sentences],
        }
        for video_id, v in videos.items()
    }
    (tmp_path / "videos").mkdir()
    for video_id in videos:
        (tmp_path / f"videos/{video_id}.mp4").touch()
    (tmp_path / "t.json").write_text(json.dumps(transcripts | {"bad": [1]}))
    monkeypatch.setattr(
        learning,
        "extract_features",
        lambda files, *_: (videos[video_id].features for video_id in files),
    )
    return Sources(tmp_path / "videos", tmp_path / "t.json", tmp_path / "features")


def ids(tmp_path, sources):
    settings = load_settings(None)
    encoder = encoder_for(settings)
    return [v.video_id for v in narrated_videos(tmp_path, sources, encoder, settings)]


def test_a_list_and_exclusions_choose_the_videos(tmp_path, sources, caplog):
    assert ids(tmp_path, sources) == ["v0", "v1", "v2", "v3", "v4"]
    (tmp_path / "l.txt").write_text("v3 v1 gone")
    only = Sources(sources.videos, sources.transcripts, sources.features, tmp_path / "l.txt")
    assert ids(tmp_path, only) == ["v1", "v3"]
    assert "1 of 3 listed videos have no file or no narration, such as gone" in caplog.text
    without = Sources(*(only.videos, only.transcripts, only.features, only.only), frozenset(["v1"]))
    assert ids(tmp_path, without) == ["v3"]
    (tmp_path / "l.txt").write_text("gone")
    with pytest.raises(InputError, match="none of its 1 videos has a file and narration"):
        ids(tmp_path, only)


def test_a_trained_checkpoint_says_what_it_was_trained_on(tmp_path, sources):
    (tmp_path / "l.txt").write_text("v3 v1 v2")
    changes = ("steps=2", "batch=3", "local_batch=2", "tensorboard=false")
    settings = load_settings(None, [f"training.{change}" for change in changes])
    found = learn(
        *(tmp_path / "out", sources.videos, sources.transcripts, settings, sources.features),
        only=tmp_path / "l.txt",
    )
    assert found.trained_on["n_videos"] == 3
    assert found.trained_on["video_list_sha256"]
    assert found.trained_on["processes"] == 1
    assert (tmp_path / "out" / REFUSED_NAME).read_text().count("video 'bad'") == 1


def test_sentences_after_a_videos_end_are_named_in_the_file_of_refused_rows(
    tmp_path, sources, caplog
):
    told = json.loads(sources.transcripts.read_text())
    told["v1"] = {"start": [1, 900], "end": [2, 902], "text": ["stir", "cut"]}
    sources.transcripts.write_text(json.dumps(told))
    assert len(ids(tmp_path, sources)) == 5
    bad, late = (tmp_path / REFUSED_NAME).read_text().splitlines()
    assert "bad" in bad
    assert late.startswith("v1: 1 of 2 sentences begin after the video's end at 30 s")
    assert late in caplog.text
