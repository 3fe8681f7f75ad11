from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.domain import action_id_for
from dataset_builder.geometry import Point
from dataset_builder.predictions import PointPrediction, System, write_predictions
from dataset_builder.release import write_release
from stg_model.cli import main


@pytest.fixture
def places(two_videos, make_perfect, tmp_path):
    write_release(tmp_path / "release", two_videos)
    found = make_perfect(two_videos)
    path = tmp_path / "predictions.jsonl"
    write_predictions(
        path, found.system, found.seconds.values(), found.points.values(), found.tubes
    )
    return [str(tmp_path / "release"), str(path)]


@pytest.fixture
def published(tmp_path):
    """Three boxes in the published form, and points that hit the first two."""
    rows = {str(s): {"box": [64, 48, 320, 240], "step": "cut_carrot"} for s in range(3)}
    boxes, predictions = tmp_path / "boxes.json", tmp_path / "points.jsonl"
    boxes.write_text(json.dumps({"v": rows}))
    places = [Point(0.2, 0.2), Point(0.4, 0.4), Point(0.9, 0.9)]
    action = action_id_for("cut carrot")
    points = [PointPrediction("v", s, action, place) for s, place in enumerate(places)]
    write_predictions(predictions, System("mine"), points=points)
    return str(boxes), str(predictions)


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


@pytest.mark.parametrize("option", ["--output", "--latex", "--html"])
def test_a_file_that_exists_is_overwritten_only_by_force(option, places, tmp_path):
    output = tmp_path / "mine"
    output.write_text("mine")
    result = run(*places, option, str(output))
    assert result.exit_code == 1
    assert (
        result.stderr == f"Error: {output}: exists already; choose another place or pass --force\n"
    )
    assert output.read_text() == "mine"
    assert run(*places, option, str(output), "--force").exit_code == 0
    assert "perfect" in output.read_text()


def test_numbers_have_intervals_unless_none_are_wanted(places):
    report = json.loads(run(*places, "--json", "--replicates", "200", "--seed", "3").stdout)
    made = report["intervals"]
    assert (made["replicates"], made["level"], made["seed"]) == (200, 0.95, 3)
    assert report["systems"][0]["intervals"]["mof"] == [1, 1]
    assert json.loads(run(*places, "--json").stdout)["intervals"]["replicates"] == 1000
    report = json.loads(run(*places, "--json", "--replicates", "0").stdout)
    assert (report["intervals"], report["systems"][0]["intervals"]) == (None, {})


def test_a_rule_is_changed_by_its_name(places):
    result = run(*places, "--json", "--rule", "decoder=released", "--rule", "tube_gap_s=2")
    settings = json.loads(result.stdout)["settings"]
    assert (settings["decoder"], settings["tube_gap_s"]) == ("released", 2)
    result = run(*places, "--rule", "decoder=best")
    assert result.exit_code == 1
    assert "evaluation setting decoder must be one of exact, released, got 'best'" in result.stderr


def test_latex_and_html_are_written_beside_what_is_printed(places, tmp_path):
    latex, html = tmp_path / "deep" / "table.tex", tmp_path / "page.html"
    result = run(*places, "--latex", str(latex), "--html", str(html))
    assert result.exit_code == 0, result.output
    assert "perfect: records" in result.stdout
    assert r"\quad pointing & \textbf{1.000}" in latex.read_text(encoding="utf-8")
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_page_gets_pictures_of_the_frames_folder(places, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr("stg_model.scoring.write_page", lambda *_, **named: given.update(named))
    monkeypatch.setattr("stg_model.scoring.StoredPictures", lambda folder, release: folder)
    html = ("--html", str(tmp_path / "page.html"))
    assert run(*places, *html).exit_code == 0
    assert given == {"pictures": None, "comparison": None}
    assert run(*places, *html, "--frames", str(tmp_path)).exit_code == 0
    assert given["pictures"] == tmp_path


def test_a_folder_without_the_frames_is_refused(places, tmp_path):
    result = run(*places, "--html", str(tmp_path / "page.html"), "--frames", str(tmp_path))
    assert result.exit_code == 1
    assert "holds no frames of the videos" in result.stderr
    assert not (tmp_path / "page.html").exists()


def test_chance_chooses_among_all_actions_where_the_rules_say_so(places):
    report = json.loads(run(*places, "--json", "--rule", "pool=all").stdout)
    rows = {row["name"]: row for row in report["systems"]}
    assert rows["random"]["iou_pointing"] is not None
    assert "pool of all actions" in rows["perfect"]["missing"]["iou_pointing"]


def test_published_boxes_stand_in_for_a_release(published, tmp_path):
    boxes, predictions = published
    result = run("--official", boxes, predictions, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["release"]["name"] == "GroundingYouTube"
    assert report["counts"]["frames_with_box"] == 3
    assert report["systems"][0]["pointing"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("arguments", [["a", "b", "c"], ["--official", "a", "b", "c"], ["a"]])
def test_too_many_or_too_few_places_are_refused(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "give RELEASE PREDICTIONS, or --official BOXES PREDICTIONS" in result.stderr


def test_clips_are_chosen_once(places):
    result = run(*places, "--clips", "all", "--rule", "clips=benchmark")
    assert result.exit_code == 1
    assert result.stderr == "Error: clips is asked for as all and as benchmark; choose one\n"
    result = run(*places, "--clips", "all", "--rule", "clips=all", "--replicates", "0", "--json")
    assert json.loads(result.stdout)["settings"]["clips"] == "all"


def test_two_outputs_of_one_path_are_refused(places, tmp_path):
    one, other = tmp_path / "report", tmp_path / "deep" / ".." / "report"
    result = run(*places, "--output", str(one), "--html", str(other), "--force")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {one}: is given 2 times; outputs need a file each\n"
    assert not one.exists()


def test_too_many_replicates_are_refused(places):
    result = run(*places, "--replicates", "1000000000")
    assert result.exit_code == 1
    assert result.stderr == "Error: intervals take 100,000 replicates at most, got 1000000000\n"


def test_segments_without_published_boxes_are_refused(places):
    result = run(*places, "--segments", "seg.json")
    assert result.exit_code == 1
    assert result.stderr == "Error: --segments and --sizes belong to the boxes of --official\n"


def test_wrong_input_gets_one_line_with_its_place(places, tmp_path):
    release, predictions = places
    result = run(str(tmp_path / "nowhere"), predictions)
    assert result.exit_code == 1
    assert str(tmp_path / "nowhere") in result.stderr
    n_lines = len(Path(predictions).read_text(encoding="utf-8").splitlines())
    with open(predictions, "a", encoding="utf-8") as handle:
        handle.write('{"kind":"point","video_id":"a","second":1,"action_id":"x","point":[320,1]}\n')
    result = run(release, predictions)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"{predictions}:{n_lines + 1}: point must satisfy" in result.stderr


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
