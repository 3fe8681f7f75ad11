"""A whole world on disk: reproducible, resumable, and true to its own files."""

import dataclasses
import json

import pytest
from click.testing import CliRunner

from dataset_builder import tables
from dataset_builder.domain import frame_seconds
from dataset_builder.errors import OutputError
from dataset_builder.frames import probe_video
from dataset_builder.importers.clip_csv import action_of, clip_of, read_clip_csv
from dataset_builder.release import read_release
from stg_model.cli import main
from stg_model.world import WorldSettings, render_world
from stg_model.world.settings import SETS

SMALL = WorldSettings(
    seed=2,
    train=3,
    validation=1,
    held_out=2,
    open=1,
    train_size=(128, 96),
    annotated_size=(160, 120),
    video_s=(30.0, 45.0),
    segment_s=(4.0, 6.0),
    gap_s=(2.0, 4.0),
    hidden_share=0.3,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "world"
    render_world(out, SMALL, processes=1)
    return out


@pytest.fixture(scope="module")
def truths(world):
    return {name: read_release(world / name / "truth") for name in SETS}


def contents(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_the_same_seed_gives_the_same_bytes_at_any_number_of_processes(world, tmp_path):
    render_world(tmp_path / "again", SMALL, processes=2)
    assert contents(tmp_path / "again") == contents(world)


def test_another_seed_gives_other_videos(world, tmp_path):
    other = dataclasses.replace(SMALL, seed=3, train=0, validation=0, held_out=1, open=0)
    render_world(tmp_path / "other", other, processes=1)
    (mine,) = (tmp_path / "other/held-out/videos").iterdir()
    assert mine.name == "w3-held-out-000.mp4"
    theirs = world / "held-out/videos/w2-held-out-000.mp4"
    assert mine.read_bytes() != theirs.read_bytes()


def test_the_sets_share_no_video(truths):
    videos = [v for truth in truths.values() for v in truth.videos]
    assert [len(truths[name].videos) for name in SETS] == [3, 1, 2, 1]
    assert len({v.video_id for v in videos}) == len({v.sha256 for v in videos}) == len(videos)


def test_the_truth_describes_the_files(world, truths):
    for name, truth in truths.items():
        files = {p.stem: p for p in (world / name / "videos").iterdir()}
        assert {v.video_id for v in truth.videos} == set(files)
        for video in truth.videos:
            probe = probe_video(files[video.video_id])
            assert (probe.width, probe.height) == (video.width, video.height)
            assert probe.duration_s == pytest.approx(video.duration_s)
            assert tables.sha256_file(files[video.video_id]) == video.sha256


def test_every_second_of_every_clip_is_a_frame_with_a_box_or_a_reason(truths):
    for name, truth in truths.items():
        wanted = {(c.clip_id, s) for c in truth.clips for s in frame_seconds(c.segment)[0]}
        assert {(f.clip_id, f.second) for f in truth.frames} == wanted
        for frame in truth.frames:
            assert frame.timestamp_s == frame.second
            assert frame.kept == ((frame.clip_id, frame.second) in truth.boxes)
            assert frame.reason == ("" if frame.kept else "not_visible")
        assert set(truth.rules.values()) == {"exact"}
        assert {f.kept for f in truth.frames} == {True, False}, name
        boxes = {(t.clip_id, s): box for t in truth.tubes for s, box in t.boxes.items()}
        assert boxes == truth.boxes
        assert {c.split for c in truth.clips} == {name}


def test_importing_the_clip_list_gives_the_clips_of_the_truth(world, truths):
    for name, truth in truths.items():
        table = read_clip_csv(world / name / "clips.csv")
        assert not table.problems
        benchmark = name in ("held-out", "validation")
        clips = {clip_of(row, name, benchmark) for row in table.rows}
        assert clips == set(truth.clips)
        assert {action_of(row) for row in table.rows} <= set(truth.actions)
        assert len(truth.actions) == 12


def test_every_action_occurs_in_training(truths):
    truth = truths["train"]
    assert {c.action_id for c in truth.clips} == {a.action_id for a in truth.actions}


def test_transcripts_have_the_layout_of_howto100m(world, truths):
    for name, truth in truths.items():
        transcripts = json.loads((world / name / "transcripts.json").read_text())
        assert set(transcripts) == {v.video_id for v in truth.videos}
        for said in transcripts.values():
            assert set(said) == {"start", "end", "text"}
            assert len(said["start"]) == len(said["end"]) == len(said["text"]) > 0


def test_an_interrupted_world_is_finished_and_whole_videos_are_kept(world, tmp_path):
    few = dataclasses.replace(SMALL, train=2, validation=0, held_out=0, open=0)
    out = tmp_path / "world"
    render_world(out, few, processes=1)
    before = contents(out)
    kept, broken = sorted((out / "train/videos").iterdir())
    broken.write_bytes(broken.read_bytes()[:1000])
    stamp = kept.stat().st_mtime_ns
    render_world(out, few, processes=1)
    assert contents(out) == before
    assert kept.stat().st_mtime_ns == stamp


def test_a_world_of_other_settings_is_replaced_only_when_told(tmp_path):
    two = dataclasses.replace(SMALL, train=2, validation=0, held_out=0, open=0)
    slower = dataclasses.replace(two, train=1, frames_per_second=4)
    render_world(tmp_path / "world", two, processes=1)
    before = contents(tmp_path / "world")
    with pytest.raises(OutputError, match="world of other settings"):
        render_world(tmp_path / "world", slower)
    assert contents(tmp_path / "world") == before
    render_world(tmp_path / "world", slower, force=True, processes=1)
    render_world(tmp_path / "fresh", slower, processes=1)
    assert contents(tmp_path / "world") == contents(tmp_path / "fresh")


def test_a_folder_that_holds_something_else_is_never_touched(tmp_path):
    (tmp_path / "train/videos").mkdir(parents=True)
    (tmp_path / "train/videos/holiday.mp4").write_bytes(b"mine")
    with pytest.raises(OutputError, match="holds no world"):
        render_world(tmp_path, SMALL, force=True)
    assert contents(tmp_path) == {"train/videos/holiday.mp4": b"mine"}


def test_the_command_renders_a_world_and_names_the_folder(tmp_path):
    out = tmp_path / "world"
    counts = ["--train", "0", "--validation", "0", "--held-out", "0", "--open", "0"]
    result = CliRunner().invoke(main, ["render-world", str(out), "--seed", "6", *counts])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert json.loads((out / "world.json").read_text())["settings"]["seed"] == 6
    again = CliRunner().invoke(main, ["render-world", str(out), "--seed", "7", *counts])
    assert again.exit_code == 1
    assert "pass --force" in again.output
