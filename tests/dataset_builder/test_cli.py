from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from dataset_builder.release import read_release


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def release(snapshot_folder, tmp_path) -> Path:
    out = tmp_path / "release"
    result = run("build", snapshot_folder, out, "--name", "demo", "--version", "1.0.0")
    assert result.exit_code == 0, result.output
    return out


def test_build_prints_the_funnel_and_the_digest(snapshot_folder, tmp_path):
    out = tmp_path / "out"
    result = run("build", snapshot_folder, out, "--name", "demo", "--version", "1.0.0")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["frames", "26"] in lines
    assert lines[-1][:3] == ["sha256", "of", "SHA256SUMS:"]
    assert len(lines[-1][3]) == 64


def test_build_prints_one_json_object_for_machines(snapshot_folder, tmp_path, release):
    out = tmp_path / "out"
    named = ("--name", "demo", "--version", "1.0.0")
    found = json.loads(run("build", snapshot_folder, out, *named, "--json").stdout)
    assert found.keys() >= {"release_sha256", "frames", "answers", "clicks", "boxes", "tubes"}
    verified = json.loads(run("verify", release, "--json").stdout)
    assert verified["release_sha256"] == found["release_sha256"]


def test_build_counts_each_split_and_warns_of_one_without_videos(snapshot_folder, tmp_path):
    named = ("--name", "demo", "--version", "1.0.0", "--set", "split_salt=a", "--set")
    two = run("build", snapshot_folder, tmp_path / "a", *named, "splits=train=1,test=1", "--json")
    splits = json.loads(two.stdout)["splits"]
    clips = read_release(tmp_path / "a").clips
    for name in ("train", "test"):
        mine = [clip for clip in clips if clip.split == name]
        assert splits[name]["clips"] == len(mine) > 0
        assert splits[name]["videos"] == len({clip.video_id for clip in mine})
    assert sum(counts["frames"] for counts in splits.values()) == 26
    assert "warning: no video" not in two.stderr
    rare = "splits=train=1,test=1,val=0.000001"
    three = run("build", snapshot_folder, tmp_path / "b", *named, rare)
    assert "  split val: 0 videos, 0 clips, 0 frames" in three.stdout.splitlines()
    (warning,) = [line for line in three.stderr.splitlines() if "no video" in line]
    assert warning.startswith("warning: no video is of the split 'val' (train=1,test=1,val=")
    again = run("build", snapshot_folder, tmp_path / "c", *named, rare, "--json")
    assert json.loads(again.stdout)["splits"]["val"] == {"videos": 0, "clips": 0, "frames": 0}


def test_build_settings_come_from_the_command_line(snapshot_folder, tmp_path, release):
    named = ("--name", "demo", "--version", "1.0.0", "--json")
    more = run("build", snapshot_folder, tmp_path / "o", *named, "--set", "benchmark_answers=all")
    strict = run("build", snapshot_folder, tmp_path / "p", *named, "--set", "min_clicks=5")
    assert json.loads(more.stdout)["answers_left_out"] == 0
    assert json.loads(strict.stdout)["boxes"] < json.loads(more.stdout)["boxes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--name", "demo", "--version", "1"), "must look like 1.0.0"),
        (("--name", "a b", "--version", "1.0.0"), "release name 'a b'"),
        (("--name", "a", "--version", "1.0.0", "--set", "sgima=1"), "did you mean 'sigma'"),
    ],
)
def test_a_bad_option_is_one_clear_line_and_leaves_nothing_behind(
    snapshot_folder, tmp_path, options, message
):
    result = run("build", snapshot_folder, tmp_path / "out", *options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["snapshot"]


def test_a_damaged_snapshot_is_one_clear_line(snapshot_folder, tmp_path):
    (snapshot_folder / "data/clips.parquet").write_bytes(b"damaged")
    result = run("build", snapshot_folder, tmp_path / "out", "--name", "a", "--version", "1.0.0")
    assert result.exit_code == 1
    assert "data/clips.parquet: content differs" in result.stderr


def test_build_refuses_to_overwrite_unless_forced(snapshot_folder, release):
    again = ("build", snapshot_folder, release, "--name", "demo", "--version", "1.0.1")
    assert run(*again).exit_code == 1
    assert run("verify", release).stdout.endswith("boxes\n")
    assert "demo 1.0.0" in run("verify", release).stdout
    assert run(*again, "--force").exit_code == 0
    assert "demo 1.0.1" in run("verify", release).stdout


def test_verify_prints_each_difference_and_exits_with_1(release):
    (release / "README.md").write_text("other")
    result = run("verify", release)
    assert result.exit_code == 1
    assert "file_differs README.md: content differs from SHA256SUMS" in result.stdout
    found = json.loads(run("verify", release, "--json").stdout)
    assert found["ok"] is False
    assert found["findings"][0]["code"] == "file_differs"


def test_export_writes_what_the_release_itself_holds(release, tmp_path):
    out = tmp_path / "out"
    assert run("export", release, out, "--format", "grounding-youtube").exit_code == 0
    own = release / "compat/grounding-youtube"
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in own.iterdir()
    }


def test_build_and_export_warn_of_boxes_that_the_format_has_no_room_for(
    make_snapshot, write_snapshot_folder, tmp_path, caplog
):
    snapshot = write_snapshot_folder(make_snapshot(n_clips=12), tmp_path / "shared")
    release = tmp_path / "release"
    for command in (
        ("build", snapshot, release, "--name", "a", "--version", "1.0.0"),
        ("export", release, tmp_path / "out", "--format", "grounding-youtube"),
    ):
        caplog.clear()
        assert run(*command).exit_code == 0
        assert caplog.text.count("boxes of later clips are not in it") == 1


def test_contact_sheet_without_images_is_one_clear_line(release, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    result = run("contact-sheet", release, tmp_path / "sheet.png", "--frames", store)
    assert result.exit_code == 1
    assert "is it the right frame store?" in result.stderr


def test_a_command_that_does_not_exist_is_a_usage_error():
    assert run("bild").exit_code == 2
