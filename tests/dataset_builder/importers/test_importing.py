from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from dataset_builder.domain import Segment
from dataset_builder.importers.clip_csv import read_clip_csv
from dataset_builder.importers.found_clips import found_clip

SRT = "1\n00:00:01,500 --> 00:00:03,000\ncrack_egg\n\n2\n00:00:05,000 --> 00:00:07,250\nrun\n"


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def srt(tmp_path):
    path = tmp_path / "v1.srt"
    path.write_text(SRT, encoding="utf-8-sig")
    return path


def test_clips_are_written_in_their_order_and_as_short_as_can_be(srt, tmp_path):
    out = tmp_path / "clips.csv"
    result = run("import-clips", "mining-youtube", srt, out)
    assert (result.exit_code, result.stdout) == (0, "2 clips, 1 videos, 2 actions, 0 problems\n")
    assert out.read_bytes() == (
        b"video_id,start_s,end_s,action\nv1,1.5,3,crack egg\nv1,5,7.25,run\n"
    )


def test_a_second_import_needs_force_and_changes_no_byte(srt, tmp_path):
    out = tmp_path / "clips.csv"
    assert run("import-clips", "mining-youtube", srt, out).exit_code == 0
    first = out.read_bytes()
    again = run("import-clips", "mining-youtube", srt, out)
    assert again.exit_code == 1
    assert again.stderr.endswith("exists already; choose another place or pass --force\n")
    assert run("import-clips", "mining-youtube", srt, out, "--force").exit_code == 0
    assert out.read_bytes() == first


def test_labels_without_a_class_are_said_line_by_line_and_in_sum(srt, tmp_path):
    classes = tmp_path / "classes.txt"
    classes.write_text("crack_egg\n")
    out = tmp_path / "clips.csv"
    result = run("import-clips", "mining-youtube", srt, out, "--classes", classes, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"clips": 1, "videos": 1, "actions": 1, "problems": 1}
    assert result.stderr == (
        f"{srt}:5: label 'run' is of no class; give it one (--overrides)\n"
        "labels of no class: 'run' (1)\n"
    )
    assert len(read_clip_csv(out).rows) == 1


def test_overrides_without_classes_are_a_usage_error(srt, tmp_path):
    options = ("--overrides", srt)
    assert run("import-clips", "mining-youtube", srt, tmp_path / "o", *options).exit_code == 2


def test_one_subset_of_activitynet_is_imported(tmp_path):
    path, out = tmp_path / "activity_net.json", tmp_path / "clips.csv"
    entry = {"annotations": [{"label": "Whisk, then stir", "segment": [0, 1e-05]}]}
    database = {"v1": entry | {"subset": "training"}, "v2": entry | {"subset": "validation"}}
    path.write_text(json.dumps({"database": database}))
    result = run("import-clips", "activitynet", path, out, "--subset", "validation")
    assert result.exit_code == 0, result.output
    (row,) = read_clip_csv(out).rows
    assert (row.video_id, row.segment) == ("v2", Segment(0, 1e-05))
    assert row.description == "Whisk, then stir"


def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('{"database": {')
    result = run("import-clips", "activitynet", path, tmp_path / "clips.csv")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["broken.json"]


def test_a_phrase_has_single_spaces_for_underscores_and_runs_of_spaces():
    found = found_clip("a:1", "a", Segment(0, 1), " crack__the\u2028 egg\t")
    assert found.description == "crack the egg"
    assert found.clip_id == "a_0-1000_crack-the-egg"
