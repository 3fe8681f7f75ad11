from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dataset_builder.predictions import write_predictions
from dataset_builder.release import write_release
from stg_model.cli import main


@pytest.fixture
def places(two_videos, make_perfect, tmp_path):
    write_release(tmp_path / "release", two_videos)
    found = make_perfect(two_videos)
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, found.system, found.seconds.values(), found.points.values())
    return [str(tmp_path / "release"), str(path)]


def run(*arguments: str):
    return CliRunner().invoke(main, ["evaluate", *arguments])


def test_the_table_shows_the_system_and_the_baselines(places):
    result = run(*places)
    assert result.exit_code == 0, result.output
    for name in ("perfect", "centre point", "fixed box", "random"):
        assert any(line.startswith(f"{name}: records") for line in result.stdout.splitlines())
    assert "strongest motion" not in result.stdout


def test_json_goes_to_stdout_as_one_line_and_to_the_file_as_the_same_report(places, tmp_path):
    output = tmp_path / "report.json"
    result = run(*places, "--json", "--output", str(output))
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    assert json.loads(line) == json.loads(output.read_text(encoding="utf-8"))
    names = [row["name"] for row in json.loads(line)["systems"]]
    assert names == ["perfect", "centre point", "fixed box", "random"]


def test_a_report_that_exists_is_overwritten_only_by_force(places, tmp_path):
    output = tmp_path / "report.json"
    output.write_text("mine")
    result = run(*places, "--output", str(output))
    assert result.exit_code == 1
    assert (
        result.stderr == f"Error: {output}: exists already; choose another place or pass --force\n"
    )
    assert output.read_text() == "mine"
    assert run(*places, "--output", str(output), "--force").exit_code == 0
    assert json.loads(output.read_text())["systems"]


def test_wrong_input_gets_one_line_with_its_place(places, tmp_path):
    release, predictions = places
    result = run(str(tmp_path / "nowhere"), predictions)
    assert result.exit_code == 1
    assert str(tmp_path / "nowhere") in result.stderr
    with open(predictions, "a", encoding="utf-8") as handle:
        handle.write('{"kind":"point","video_id":"a","second":1,"action_id":"x","point":[320,1]}\n')
    result = run(release, predictions)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"{predictions}:23: point must satisfy" in result.stderr


def test_clips_of_other_splits_are_scored_on_request(make_release, make_perfect, tmp_path):
    release = make_release(("v", 0, 2, "cut", {}), durations={"v": 3.0}, benchmark=False)
    write_release(tmp_path / "release", release)
    found = make_perfect(release)
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, found.system, found.seconds.values())
    result = run(str(tmp_path / "release"), str(path))
    assert result.exit_code == 1
    assert "--clips all" in result.stderr
    result = run(str(tmp_path / "release"), str(path), "--clips", "all", "--json")
    assert json.loads(result.stdout)["systems"][0]["temporal_iou"] == 1
