"""The commands extract-features, train, ground and prelabel on four small video files."""

import json
from dataclasses import replace

import av
import numpy as np
import pytest
from click.testing import CliRunner

from dataset_builder.domain import (
    Clip,
    Segment,
    Video,
    action_id_for,
    clip_id_for,
    frame_seconds,
)
from dataset_builder.predictions import read_predictions
from dataset_builder.prelabels import read_prelabels
from dataset_builder.release import Consensus, Release, write_release
from dataset_builder.tables import sha256_file
from stg_model.cli import main
from stg_model.inference.predicting import actions_from
from stg_model.training.checkpoint import load_checkpoint

SMALL = [
    *("--set", "training.steps=4"),
    *("--set", "training.save_every=2"),
    *("--set", "training.log_every=1"),
]


def write_video(path, pixels):
    """Write the two pictures of each second at four pictures a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 112, 112, "yuv420p"
        for second in pixels:
            for picture in (second[0], second[1], second[1], second[1]):
                image = picture.repeat(2, axis=0).repeat(2, axis=1)
                for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.fixture(scope="module")
def world(planted, tmp_path_factory):
    """A set's folder: videos/, clips.csv and truth/ of four planted videos.

    Three have narration in transcripts.json; the fourth is the set in validation/.
    """
    folder = tmp_path_factory.mktemp("world")
    (folder / "videos").mkdir()
    transcripts, rows = {}, ["video_id,start_s,end_s,action"]
    videos, clips, boxes, frames = [], [], {}, []
    for planted_video in planted.videos(4, seed=3):
        video_id = planted_video.features.video_id
        path = folder / "videos" / f"{video_id}.mp4"
        write_video(path, planted_video.features.values)
        videos.append(Video(video_id, 112, 112, 30.0, sha256_file(path)))
        transcripts[video_id] = {
            "start": [s.start_s for s in planted_video.sentences],
            "end": [s.end_s for s in planted_video.sentences],
            "text": [s.text for s in planted_video.sentences],
        }
        starts = [s for s in planted_video.truth if s - 1 not in planted_video.truth]
        for start in starts:
            action_id, _ = planted_video.truth[start]
            segment = Segment(start, start + 4)
            clip = Clip(clip_id_for(video_id, segment, action_id), video_id, action_id, segment)
            clips.append(clip)
            rows.append(f"{video_id},{start},{start + 4},{action_id.replace('-', ' ')}")
            for second in frame_seconds(segment)[0]:
                boxes[clip.clip_id, second] = planted_video.truth[second][1]
                frames.append(frame_of(clip, second))
    del transcripts["v3"]
    (folder / "transcripts.json").write_text(json.dumps(transcripts))
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    release = Release(
        name="planted",
        version="1.0.0",
        derivation="none",
        videos=tuple(videos),
        actions=planted.actions(),
        clips=tuple(clips),
        frames=tuple(frames),
        answers=(),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
        tubes=(),
    )
    write_release(folder / "truth", release)
    (folder / "validation/videos").mkdir(parents=True)
    (folder / "validation/videos/v3.mp4").hardlink_to(folder / "videos/v3.mp4")
    write_release(folder / "validation/truth", part_of(release, "v3"))
    return folder


def part_of(release, video_id):
    clips = tuple(clip for clip in release.clips if clip.video_id == video_id)
    ids = {clip.clip_id for clip in clips}
    boxes = {key: box for key, box in release.boxes.items() if key[0] in ids}
    return replace(
        release,
        videos=tuple(video for video in release.videos if video.video_id == video_id),
        clips=clips,
        frames=tuple(frame for frame in release.frames if frame.clip_id in ids),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
    )


def frame_of(clip, second):
    return Consensus(
        clip_id=clip.clip_id,
        second=second,
        timestamp_s=float(second),
        image_sha256="",
        width=112,
        height=112,
        redundancy=5,
        n_answers=0,
        n_clicks=0,
        mean=None,
        peak=None,
        spread=None,
        kept=True,
        reason="",
    )


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    """A checkpoint that four steps made of three videos, calibrated on the fourth."""
    out = tmp_path_factory.mktemp("model") / "out"
    result = run(*train_command(world, out), "--validation", world / "validation", *SMALL, "--json")
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def train_command(world, out):
    return (
        *("train", out, "--videos", world / "videos"),
        *("--transcripts", world / "transcripts.json", "--features", world / "features"),
    )


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


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
    other = tmp_path / "other.json"
    other.write_text('{"elsewhere": {"start": [0], "end": [1], "text": ["stir"]}}')
    result = run(*("train", tmp_path / "out", "--videos", world / "videos", "--transcripts", other))
    assert result.exit_code == 1
    assert "share no video_id ('elsewhere', ... and 'v0', ...)" in result.stderr


def test_extract_features_makes_one_file_a_video_and_runs_again(world, tmp_path):
    for _ in range(2):
        result = run("extract-features", world / "videos", tmp_path)
        assert result.exit_code == 0, result.output
        assert "4 of 4 videos" in result.stdout
    assert len(list(tmp_path.glob("*.safetensors"))) == 4


def test_ground_predicts_every_second_and_every_frame_of_a_release(
    trained, world, tmp_path, caplog
):
    output = tmp_path / "predictions.jsonl"
    command = ("ground", trained[0], "--videos", world / "videos", "--release", world / "truth")
    result = run(*command, "--output", output)
    assert result.exit_code == 0, result.output
    predictions = read_predictions(output)
    assert len(predictions.seconds) == 4 * 30
    assert predictions.system.checkpoint_digest == trained[1]["digest"]
    assert "background threshold: validation planted 1.0.0" in predictions.system.supervision
    assert "was trained on 3 of these 4 videos (v0, v1, v2)" in caplog.text
    assert "was validated on 1 of these 4 videos (v3)" in caplog.text
    rows = [line.split(",") for line in (world / "clips.csv").read_text().splitlines()[1:]]
    asked = {
        (video_id, second, action_id_for(action))
        for video_id, start, end, action in rows
        for second in range(int(start), int(end))
    }
    assert asked <= set(predictions.points)
    for key, second in predictions.seconds.items():
        assert set(second.scores) == {action for video, _, action in asked if video == key[0]}
        if second.action_id is not None:
            assert (*key, second.action_id) in predictions.points
    assert "exists already" in run(*command, "--output", output).stderr
    first = output.read_bytes()
    assert run(*command, "--output", output, "--force").exit_code == 0
    assert output.read_bytes() == first


def test_ground_chooses_among_all_actions_and_writes_heatmaps(trained, world, tmp_path):
    output = tmp_path / "predictions.jsonl"
    command = ("ground", trained[0], "--videos", world / "videos", "--release", world / "truth")
    command += ("--pool", "all", "--heatmaps", "--output", output)
    result = run(*command)
    assert result.exit_code == 0, result.output
    predictions = read_predictions(output)
    assert predictions.system.pool == "all"
    assert all(point.heatmap is not None for point in predictions.points.values())
    output.unlink()
    result = run(*command)
    assert f"{tmp_path / 'predictions-heatmaps.npy'}: exists already" in result.stderr
    assert run(*command, "--force").exit_code == 0


@pytest.mark.parametrize("option", [("--heatmaps",), ("--pool", "all"), ("--features", "f")])
def test_one_video_has_no_pool_of_a_release_no_heatmaps_and_no_store(
    option, trained, world, tmp_path
):
    result = run(
        *("ground", trained[0], "--video", world / "videos/v2.mp4", "--actions", "cut carrot"),
        *("--output", tmp_path / "p.jsonl", *option),
    )
    assert result.exit_code == 2
    assert "--pool, --heatmaps and --features go with" in result.stderr


def test_ground_names_the_videos_that_it_misses(trained, world, tmp_path):
    (tmp_path / "v0.mp4").write_bytes((world / "videos/v0.mp4").read_bytes())
    result = run(
        *("ground", trained[0], "--videos", tmp_path, "--release", world / "truth"),
        *("--output", tmp_path / "p.jsonl"),
    )
    assert result.exit_code == 1
    assert "lacks 3 of the release's 4 videos (v1, v2, v3)" in result.stderr
    assert not (tmp_path / "p.jsonl").exists()


def test_ground_takes_one_video_and_a_list_of_actions(trained, world, tmp_path):
    phrases = tmp_path / "actions.txt"
    phrases.write_text("stir soup\ncut carrot\n")
    outputs = []
    for number, actions in enumerate((phrases, "cut carrot, stir soup")):
        output = tmp_path / f"{number}.jsonl"
        result = run(
            *("ground", trained[0], "--video", world / "videos/v2.mp4"),
            *("--actions", actions, "--output", output),
        )
        assert result.exit_code == 0, result.output
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]
    predictions = read_predictions(output)
    assert set(predictions.seconds) == {("v2", second) for second in range(30)}
    assert set(predictions.seconds["v2", 0].scores) == {"cut-carrot", "stir-soup"}


def test_a_list_of_actions_may_be_longer_than_a_file_name():
    phrases = [f"cut vegetable {number}" for number in range(30)]
    found = actions_from(", ".join(phrases))
    assert {action.description for action in found} == set(phrases)


@pytest.mark.parametrize(
    ("video", "message"),
    [
        ("v0.mp4", "latin.txt: cannot be read as UTF-8 text"),
        ("", "is no file; give one video"),
        ("none.mp4", "none.mp4: is no file; give one video"),
    ],
)
def test_ground_refuses_what_is_no_video_or_no_text_in_one_clear_line(
    trained, world, tmp_path, video, message
):
    latin = tmp_path / "latin.txt"
    latin.write_bytes("cut purée".encode("latin-1"))
    result = run(
        *("ground", trained[0], "--video", world / "videos" / video),
        *("--actions", latin if video == "v0.mp4" else "cut carrot"),
        *("--output", tmp_path / "p.jsonl"),
    )
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_ground_needs_a_release_or_a_video(trained, tmp_path):
    result = run("ground", trained[0], "--output", tmp_path / "p.jsonl")
    assert result.exit_code == 2
    assert "give VIDEO, --actions and --out (or --output), or --videos" in result.stderr


def test_prelabel_suggests_a_centre_for_each_frame_of_the_clips(trained, world, tmp_path, caplog):
    clips = tmp_path / "clips.csv"
    rows = (world / "clips.csv").read_text()
    clips.write_text(rows + "v9,1,3,cut carrot\nv0,5,4,cut carrot\n")
    output = tmp_path / "prelabels.jsonl"
    command = ("prelabel", trained[0], "--videos", world / "videos", "--clips", clips)
    result = run(*command, "--output", output)
    assert result.exit_code == 0, result.output
    assert "was trained on 3 of these 4 videos (v0, v1, v2)" in caplog.text
    prelabels = read_prelabels(output)
    n_clips = len(rows.splitlines()) - 1
    assert len(prelabels.items) == 4 * n_clips
    assert prelabels.checkpoint_digest == trained[1]["digest"]
    clip_ids = {item.clip_id for item in prelabels.items}
    assert len(clip_ids) == n_clips
    assert f"{n_clips * 4} frames" in result.stdout
    assert "exists already" in run(*command, "--output", output).stderr


def test_prelabels_are_the_points_of_ground(trained, world, tmp_path):
    points, centres = tmp_path / "p.jsonl", tmp_path / "c.jsonl"
    videos = ("--videos", world / "videos")
    run("ground", trained[0], *videos, "--release", world / "truth", "--output", points)
    run("prelabel", trained[0], *videos, "--clips", world / "clips.csv", "--output", centres)
    found = read_predictions(points).points
    for item in read_prelabels(centres).items:
        video_id, _, action_id = item.clip_id.split("_")
        point = found[video_id, item.second, action_id]
        assert (item.point, item.score) == (point.point, point.score)


def test_prelabel_without_any_usable_clip_is_an_error(trained, world, tmp_path):
    clips = tmp_path / "clips.csv"
    clips.write_text("video_id,start_s,end_s,action\nv9,1,3,cut carrot\n")
    result = run(
        *("prelabel", trained[0], "--videos", world / "videos", "--clips", clips),
        *("--output", tmp_path / "out.jsonl"),
    )
    assert result.exit_code == 1
    assert "no clip with a video in" in result.stderr


def test_an_unknown_setting_is_refused_before_anything_is_read(tmp_path):
    result = run(
        *("train", tmp_path / "out", "--videos", "none", "--transcripts", "none"),
        *("--set", "network.cross_atention=cosine"),
    )
    assert result.exit_code == 1
    assert "the nearest is network.cross_attention" in result.stderr
