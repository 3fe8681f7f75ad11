"""The commands train and extract-features on four small video files."""

import json
import shutil

import numpy as np
import pytest

from dataset_builder.predictions import read_predictions
from stg_model.training.checkpoint import load_checkpoint
from tests.stg_model.commands.planted_set import SMALL, run, train_command, write_video


def elsewhere(folder):
    """Write a transcript of a video that is not there."""
    path = folder / "elsewhere.json"
    path.write_text('{"elsewhere": {"start": [0], "end": [1], "text": ["stir"]}}')
    return path


def test_train_writes_a_checkpoint_with_thresholds_and_figures(trained):
    out, printed = trained
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "config.json",
        "curves.png",
        "metrics.jsonl",
        "model.safetensors",
        "tensorboard",
    ]
    checkpoint = load_checkpoint(out)
    assert checkpoint.digest == printed["digest"]
    assert checkpoint.settings.inference.background_threshold is not None
    assert checkpoint.settings.training.steps == 4
    assert "carrot" in checkpoint.encoder.vocabulary.words
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 4]
    assert lines[-1]["validation"] == printed["validation"]
    assert 0 <= printed["validation"]["auc"] <= 1


def test_a_validation_set_is_looked_at_before_training_begins(world, tmp_path):
    command = (*train_command(world, tmp_path / "out"), *SMALL)
    missing = run(*command, "--validation", tmp_path / "none")
    learned = run(*command, "--validation", world)
    for result, message in (
        (missing, "has no SHA256SUMS"),
        (learned, "3 of 4 validation videos are learned from (v0, v1, v2)"),
    ):
        assert result.exit_code == 1
        assert message in result.stderr
        assert not (tmp_path / "out" / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 59.6 GiB"), "not enough memory (Unable to allocate 59.6"),
        (RuntimeError("[x.cpp:1] DefaultCPUAllocator: can't allocate memory: 9"), "not enough mem"),
        (RuntimeError("CUDA out of memory.\nTried to"), "not enough memory (CUDA out of memory."),
    ],
)
def test_too_little_memory_is_one_line_and_other_errors_stay(tmp_path, monkeypatch, error, said):
    def fails(*_):
        raise error

    monkeypatch.setattr("stg_model.config.load_settings", fails)
    command = ("train", tmp_path, "--videos", tmp_path, "--transcripts", tmp_path)
    result = run(*command)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    error = RuntimeError("another")
    assert isinstance(run(*command).exception, RuntimeError)


def test_train_refuses_to_overwrite_a_checkpoint(trained, world):
    out, _ = trained
    before = (out / "config.json").read_bytes()
    result = run(*train_command(world, out), *SMALL)
    assert result.exit_code == 1
    assert "holds a checkpoint; choose another folder or pass --force" in result.stderr
    assert (out / "config.json").read_bytes() == before


def test_a_run_stays_until_all_that_the_new_one_reads_is_found_right(trained, world, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(trained[0], out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    command = (*train_command(world, out), *SMALL, "--force")
    learned = run(*command, "--validation", world)
    other = run(*command, "--transcripts", elsewhere(tmp_path))
    assert (learned.exit_code, other.exit_code) == (1, 1)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_training_twice_gives_the_same_checkpoint(trained, world, tmp_path):
    command = (
        *train_command(world, tmp_path / "out"),
        "--validation",
        world / "validation",
        *SMALL,
        "--json",
    )
    assert json.loads(run(*command).stdout)["digest"] == trained[1]["digest"]
    assert json.loads(run(*command, "--force").stdout)["digest"] == trained[1]["digest"]


def test_without_a_validation_set_the_thresholds_stay_open(world, tmp_path):
    result = run(*train_command(world, tmp_path / "out"), *SMALL)
    assert result.exit_code == 0, result.output
    inference = load_checkpoint(tmp_path / "out").settings.inference
    assert inference.background_threshold is None
    assert inference.mask_threshold is None


def test_a_threshold_set_by_hand_is_said_to_be(world, tmp_path, caplog):
    out, output = tmp_path / "out", tmp_path / "p.jsonl"
    by_hand = ("--set", "inference.background_threshold=0.3")
    assert run(*train_command(world, out), *SMALL, *by_hand).exit_code == 0
    video = world / "videos/v2.mp4"
    run("ground", out, "--video", video, "--actions", "cut carrot", "--output", output)
    said = read_predictions(output).system.supervision
    assert said.endswith("background threshold: set; box width: default; box height: default")
    assert "was trained on 1 of these 1 videos (v2)" in caplog.text
    assert "validated on" not in caplog.text
    caplog.clear()
    other = tmp_path / "other.mp4"
    write_video(other, np.zeros((3, 2, 56, 56, 3), np.uint8))
    command = ("ground", out, "--video", other, "--actions", "cut carrot", "--output", output)
    assert run(*command, "--force").exit_code == 0
    assert "trained on" not in caplog.text


def test_transcripts_of_other_videos_are_one_clear_error(world, tmp_path):
    other = elsewhere(tmp_path)
    result = run(*("train", tmp_path / "out", "--videos", world / "videos", "--transcripts", other))
    assert result.exit_code == 1
    assert "share no video_id ('elsewhere', ... and 'v0', ...)" in result.stderr


def test_an_unknown_setting_is_refused_before_anything_is_read(tmp_path):
    result = run(
        *("train", tmp_path / "out", "--videos", "none", "--transcripts", "none"),
        *("--set", "network.cross_atention=cosine"),
    )
    assert result.exit_code == 1
    assert "the nearest is network.cross_attention" in result.stderr


def test_extract_features_makes_one_file_a_video_and_runs_again(world, tmp_path):
    for _ in range(2):
        result = run("extract-features", world / "videos", tmp_path)
        assert result.exit_code == 0, result.output
        assert "4 of 4 videos" in result.stdout
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
