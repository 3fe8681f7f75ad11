"""The commands sample-videos, train and fine-tune, on features that stand in the store."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from dataset_builder.domain import Clip, Segment, Video, clip_id_for
from dataset_builder.geometry import Point
from dataset_builder.release import Consensus, Release, read_release, write_release
from dataset_builder.snapshot import AnswerRow
from dataset_builder.tables import sha256_file
from stg_model.cli import main
from stg_model.config import load_settings
from stg_model.features.encoders import encoder_for
from stg_model.features.store import VideoFeatures, save_features
from stg_model.training.checkpoint import load_checkpoint

SMALL = [
    *("--set", "training.steps=3", "--set", "training.batch=3", "--set", "training.local_batch=2"),
    *("--set", "training.tensorboard=false", "--set", "fine_tuning.steps=2"),
]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(planted, tmp_path_factory):
    """videos/, transcripts.json, features/ and release/ of four videos; v3 is scored.

    The video files hold their names: nothing decodes them, since their features are stored.
    """
    folder = tmp_path_factory.mktemp("commands")
    (folder / "videos").mkdir()
    encoder = encoder_for(load_settings(None))
    transcripts, videos, clips, rows, frames = {}, [], [], [], []
    for planted_video in planted.videos(4, seed=3):
        video_id = planted_video.features.video_id
        path = folder / "videos" / f"{video_id}.mp4"
        path.write_text(video_id)
        features = VideoFeatures(video_id, sha256_file(path), planted_video.features.values)
        save_features(folder / "features" / f"{video_id}.safetensors", features, encoder)
        transcripts[video_id] = {
            "start": [s.start_s for s in planted_video.sentences],
            "end": [s.end_s for s in planted_video.sentences],
            "text": [s.text for s in planted_video.sentences],
        }
        start = min(planted_video.truth)
        action_id = planted_video.truth[start][0]
        segment = Segment(start, start + 4)
        scored = video_id == "v3"
        name = clip_id_for(video_id, segment, action_id)
        videos.append(Video(video_id, 56, 56, 30.0, features.source_sha256))
        clips.append(Clip(name, video_id, action_id, segment, "train", scored))
        for second in range(start, start + 4):
            point = Point(0.25, 0.75) if second > start else None
            rows.append(AnswerRow(name, second, "a", point))
            counts = (1, 1, int(point is not None))
            frames.append(
                Consensus(
                    *(name, second, float(second), "", 56, 56, *counts),
                    *(None, None, None, True, ""),
                )
            )
    (folder / "transcripts.json").write_text(json.dumps(transcripts))
    release = Release(
        name="clicked",
        version="1.0.0",
        derivation="clicks",
        videos=tuple(videos),
        actions=planted.actions(),
        clips=tuple(sorted(clips, key=lambda clip: clip.clip_id)),
        frames=tuple(sorted(frames, key=lambda frame: (frame.clip_id, frame.second))),
        answers=tuple(sorted(rows, key=lambda row: (row.clip_id, row.second))),
        boxes={},
        rules={},
        tubes=(),
    )
    write_release(folder / "release", release)
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    """A checkpoint of three of the videos, chosen from a catalogue, with narration in a CSV."""
    (folder / "all.csv").write_text(
        "video_id,category_1,category_2,rank,task_id\n"
        + "".join(f"v{n},Food,Recipes,{n},1\n" for n in range(3))
        + "v3,Cars,,3,1\n.bad,Food,,1,1\n"
    )
    sampled = run("sample-videos", folder / "all.csv", folder / "list.json", "--category", "Food")
    assert sampled.exit_code == 0, sampled.output
    assert f"{folder / 'all.csv'}:6: video_id '.bad'" in sampled.stderr
    assert sampled.stdout.startswith("3 of 3 videos in")
    result = run(
        *("train", folder / "model", "--videos", folder / "videos", "--features"),
        *(folder / "features", "--transcripts", folder / "transcripts.json"),
        *("--only", folder / "list.json", *SMALL),
    )
    assert result.exit_code == 0, result.output
    return folder / "model"


def tune(folder, out, *more):
    return run(
        *("fine-tune", folder / "model", out, "--release", folder / "release"),
        *("--videos", folder / "videos", "--narrated", folder / "videos", "--transcripts"),
        *(folder / "transcripts.json", "--features", folder / "features", *SMALL, *more),
    )


def test_a_sample_is_not_overwritten_and_must_be_json(trained, folder):
    again = run("sample-videos", folder / "all.csv", folder / "list.json")
    assert again.exit_code == 1
    assert "exists already" in again.output
    assert run("sample-videos", folder / "all.csv", folder / "list.txt").exit_code == 2


def test_training_takes_the_listed_videos_alone(trained):
    assert load_checkpoint(trained).trained_on["n_videos"] == 3
    card = (trained / "README.md").read_text()
    assert "3 videos with" in card
    assert "- `training.steps = 3`" in card
    assert "training.window_s" not in card
    assert all(len(line) <= 100 for line in card.splitlines())


def test_fine_tuning_records_the_release_and_leaves_the_scored_video_out(trained, folder, tmp_path):
    result = tune(folder, tmp_path / "tuned", "--json")
    assert result.exit_code == 0, result.output
    tuned = load_checkpoint(tmp_path / "tuned")
    assert tuned.digest == json.loads(result.stdout)["digest"]
    told = tuned.trained_on
    assert told["release"]["digest"] == read_release(folder / "release").digest
    assert (told["release"]["n_videos"], told["release"]["n_clips"]) == (3, 3)
    assert told["fine_tuned_on"]["n_videos"] == 3
    assert told["started_from"] == load_checkpoint(trained).digest
    assert tuned.settings.training.steps == 3


def test_fine_tuning_keeps_the_validation_set_apart(trained, folder, tmp_path):
    """A video is known by its file. The scored one, v3, is not learned from, so it may be given."""
    for video_id in ("v0", "v3"):
        apart = tmp_path / video_id
        (apart / "videos").mkdir(parents=True)
        release = read_release(folder / "release")
        video = replace(release.videos[0], video_id="other")
        (apart / "videos/other.mp4").write_text(video_id)
        empty = replace(release, videos=(video,), clips=(), frames=(), answers=())
        write_release(apart / "truth", empty)
        result = tune(folder, tmp_path / "tuned", "--validation", apart)
        if video_id == "v0":
            assert result.exit_code == 1
            assert "1 of 1 validation videos are learned from (other)" in result.output
        assert (tmp_path / "tuned" / "metrics.jsonl").exists() == (video_id == "v3")


def test_settings_without_effect_are_named_in_one_line(trained, folder, tmp_path, caplog):
    changes = ("training.steps=9", "training.min_time_s=2.0", "training.log_every=1")
    tune(folder, tmp_path / "tuned", *(text for change in changes for text in ("--set", change)))
    (said,) = [r.getMessage() for r in caplog.records if "without effect" in r.getMessage()]
    assert said == (
        "set, but without effect here: training.steps (fine-tune has settings of its own); "
        "training.min_time_s (training.window_from is middle)"
    )


def test_fine_tuning_with_wrong_arguments_is_one_line(trained, folder, tmp_path):
    for more, message in (
        (("--split", "validation"), "has no video to learn from"),
        (("--set", "network.dim=8"), "fine-tune cannot change [network]"),
        (("--set", "fine_tuning.clip=8"), "nearest is fine_tuning.clips"),
    ):
        result = tune(folder, tmp_path / "x", *more)
        assert (result.exit_code, result.output.count("\n")) == (1, 1)
        assert message in result.output
    taken = tune(folder, folder / "model")
    assert "holds a checkpoint; choose another folder" in taken.output
