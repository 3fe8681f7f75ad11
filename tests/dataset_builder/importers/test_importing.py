from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dataset_builder import tables
from dataset_builder.cli import main
from dataset_builder.domain import Segment
from dataset_builder.geometry import Point
from dataset_builder.importers.clip_csv import read_clip_csv
from dataset_builder.importers.found_clips import found_clip
from dataset_builder.snapshot import read_snapshot

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
        f"{srt}:5: label 'run' is of no class; see --overrides\nlabels of no class: 'run' (1)\n"
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


CVAT = (
    "<annotations><meta><task><assignee><username>{person}</username></assignee><original_size>"
    "<width>192</width><height>108</height></original_size></task><source>v1.mp4</source></meta>\n"
    '<track label="crack_egg">\n'
    '<points frame="8" points="{x}.00,54.00"/>\n<points frame="16" points="{x}.00,54.00"/>\n'
    '<points frame="24" outside="1" points="{x}.00,54.00"/>\n</track></annotations>'
)


@pytest.fixture
def five_people(tmp_path):
    folder = tmp_path / "cvat"
    folder.mkdir()
    for n, person in enumerate(("eva", "bob", "ann", "dan", "cy")):
        (folder / f"{person}.xml").write_text(CVAT.format(person=person, x=90 + n))
    return folder


def test_clicks_of_five_people_in_cvat_become_a_release(five_people, store, tmp_path):
    snapshot, release = tmp_path / "snapshot", tmp_path / "release"
    options = ("--frames", store, "--fps", "8")
    result = run("import-answers", "cvat", five_people, snapshot, *options, "--json")
    assert result.exit_code == 0, result.output
    counts = {"clips": 1, "frames": 2, "answers": 10, "annotators": 5, "problems": 0}
    assert json.loads(result.stdout) == counts
    built = run("build", snapshot, release, "--name", "a", "--version", "1.0.0", "--json")
    assert json.loads(built.stdout)["boxes"] == 2
    assert run("verify", release).exit_code == 0


def test_clicks_find_the_clips_of_a_table_and_those_outside_are_refused(
    five_people, store, tmp_path
):
    clips = tmp_path / "clips.csv"
    clips.write_text("video_id,start_s,end_s,action\nv1,0.5,1.5,Crack egg\nv1,4,5,Stir\n")
    options = ("--frames", store, "--fps", "8", "--clips", clips, "--no-benchmark")
    result = run("import-answers", "cvat", five_people, tmp_path / "s", *options)
    assert result.exit_code == 1
    assert result.stdout == "2 clips, 2 frames, 5 answers, 5 annotators, 5 problems\n"
    assert f"{five_people / 'ann.xml'}:4: no clip of 'crack egg' in video 'v1' holds second 2" in (
        result.stderr
    )
    found = read_snapshot(tmp_path / "s")
    assert {clip.is_benchmark for clip in found.clips} == {False}


def test_a_place_that_is_wrong_for_clips_and_answers_is_said_once(store, tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(CVAT.format(person="ann", x=9).replace('frame="16"', 'frame="?"'))
    options = ("--frames", store, "--fps", "8")
    result = run("import-answers", "cvat", path, tmp_path / "s", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_clips_of_cvat_need_a_frame_rate(five_people, tmp_path):
    out = tmp_path / "clips.csv"
    for wrong in ((), ("--fps", "0"), ("--fps", "nan"), ("--fps", "1/0")):
        assert run("import-clips", "cvat", five_people, out, *wrong).exit_code == 2
    assert run("import-clips", "cvat", five_people, out, "--fps", "8000/1000").exit_code == 0
    (row,) = read_clip_csv(out).rows
    assert row.segment == Segment(1, 3)


def test_timeline_labels_of_label_studio_become_clips(tmp_path):
    path, out = tmp_path / "export.json", tmp_path / "clips.csv"
    value = {"ranges": [{"start": 1, "end": 16}], "timelinelabels": ["Crack egg"]}
    annotations = [{"result": [{"type": "timelinelabels", "value": value}]}]
    path.write_text(json.dumps([{"data": {"video": "v1.mp4"}, "annotations": annotations}]))
    assert run("import-clips", "label-studio", path, out, "--fps", "8").exit_code == 0
    assert out.read_text() == "video_id,start_s,end_s,action\nv1,0,2,Crack egg\n"


def test_answers_in_label_studio_need_clips_or_a_frame_rate(tmp_path, store):
    path = tmp_path / "export.json"
    path.write_text("[]")
    result = run("import-answers", "label-studio", path, tmp_path / "s", "--frames", store)
    assert result.exit_code == 2
    assert "give --clips, or --fps" in result.stderr


def test_answers_of_a_label_studio_folder_become_a_snapshot(tmp_path, store):
    folder, out = tmp_path / "exports", tmp_path / "snapshot"
    folder.mkdir()
    value = {"ranges": [{"start": 9, "end": 24}], "timelinelabels": ["crack egg"]}
    video = {"result": [{"type": "timelinelabels", "value": value}]}
    point = {"type": "keypointlabels", "value": {"x": 25, "y": 50}}
    frame = {"video_id": "v1", "second": 1, "action": "crack egg"}
    answers = [{"result": [point], "completed_by": 8}, {"result": [], "completed_by": 9}]
    (folder / "videos.json").write_text(
        json.dumps([{"data": {"video": "v1.mp4"}, "annotations": [video]}])
    )
    (folder / "frames.json").write_text(json.dumps([{"data": frame, "annotations": answers}]))
    options = ("--frames", store, "--fps", "8")
    result = run("import-answers", "label-studio", folder, out, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == "1 clips, 2 frames, 2 answers, 2 annotators, 0 problems\n"
    found = read_snapshot(out)
    assert [(a.second, a.point) for a in found.answers] == [(1, Point(0.25, 0.5)), (1, None)]
    digest = tables.read_sums_digest(out)
    assert run("import-answers", "label-studio", folder, out, *options).exit_code == 1
    assert run("import-answers", "label-studio", folder, out, *options, "--force").exit_code == 0
    assert tables.read_sums_digest(out) == digest
