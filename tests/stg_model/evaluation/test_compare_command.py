from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.predictions import System, write_predictions
from dataset_builder.release import write_release
from stg_model.cli import main


@pytest.fixture
def release(two_videos, tmp_path):
    write_release(tmp_path / "release", two_videos)
    return str(tmp_path / "release")


@pytest.fixture
def write(two_videos, make_perfect, tmp_path):
    """Return a function that writes a system's file: it says nothing of the second video."""

    def make(file, name, is_perfect=False):
        found = make_perfect(two_videos)
        points = [p for p in found.points.values() if is_perfect or p.video_id == "a"]
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        write_predictions(path, System(name), found.seconds.values(), points)
        return str(path)

    return make


def run(*arguments: str):
    return CliRunner().invoke(main, ["compare", *arguments])


def evaluate(release, predictions, output, *options):
    arguments = ["evaluate", release, predictions, "--output", str(output), "--replicates", "100"]
    result = CliRunner().invoke(main, [*arguments, *options])
    assert result.exit_code == 0, result.output
    return str(output)


def test_predictions_are_scored_together_with_differences_to_the_first(release, write):
    files = [write("a.jsonl", "ours", is_perfect=True), write("b.jsonl", "theirs")]
    result = run(*files, "--release", release, "--json", "--replicates", "200")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    names = [row["name"] for row in found["systems"]]
    assert names == ["ours", "theirs", "centre point", "fixed box", "random"]
    (row,) = [
        d for d in found["differences"] if (d["metric"], d["second"]) == ("pointing", "theirs")
    ]
    assert (row["first"], row["value"], row["n_videos"]) == ("ours", pytest.approx(1 / 3), 2)
    assert len(row["interval"]) == 2
    text = run(*files, "--release", release).stdout
    assert "ours: by how much it scores above each other row, on the same videos" in text


@pytest.mark.parametrize("places", [("a.jsonl", "b.jsonl"), ("1/a.jsonl", "2/a.jsonl")])
def test_systems_of_one_name_get_their_files_name(places, release, write):
    files = [write(place, "mine") for place in places]
    found = json.loads(run(*files, "--release", release, "--json").stdout)
    told_by = places if places[0] == "a.jsonl" else files
    assert [row["name"] for row in found["systems"]][:2] == [f"mine ({name})" for name in told_by]


def test_one_file_given_twice_is_refused(release, write):
    file = write("a.jsonl", "mine")
    again = str(Path(file).parent / "." / "1" / ".." / "a.jsonl")
    result = run(file, again, "--release", release)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {file}: is given 2 times; there is nothing to compare\n"
    report = evaluate(release, file, Path(file).with_suffix(".json"))
    result = run(report, report)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {report}: is given 2 times; a table shows each report once\n"


def test_a_system_with_the_name_of_a_baseline_is_refused_in_one_line(release, write):
    for arguments in (
        [write("a.jsonl", "random"), "--release", release],
        [write("a.jsonl", "people"), write("b.jsonl", "mine"), "--release", release],
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "2 systems are named" in result.stderr
        assert result.stderr.count("\n") == 1


def test_one_system_alone_is_compared_with_the_baselines(release, write):
    found = json.loads(run(write("a.jsonl", "ours"), "--release", release, "--json").stdout)
    assert {d["second"] for d in found["differences"]} == {"centre point", "fixed box", "random"}


def test_a_comparison_is_written_as_json_latex_and_page(release, write, tmp_path):
    files = [write("a.jsonl", "ours", is_perfect=True), write("b.jsonl", "theirs")]
    out = [tmp_path / name for name in ("c.json", "c.tex", "c.html")]
    where = ("--output", str(out[0]), "--latex", str(out[1]), "--html", str(out[2]))
    result = run(*files, "--release", release, *where)
    assert result.exit_code == 0, result.output
    assert json.loads(out[0].read_text(encoding="utf-8"))["differences"]
    assert "above theirs" in out[1].read_text(encoding="utf-8")
    assert "p values are not adjusted" in out[2].read_text(encoding="utf-8")


def test_reports_stand_in_one_table(release, write, tmp_path):
    first = evaluate(release, write("a.jsonl", "ours", is_perfect=True), tmp_path / "a.json")
    second = evaluate(release, write("b.jsonl", "theirs"), tmp_path / "b.json")
    latex = tmp_path / "table.tex"
    result = run(first, second, "--latex", str(latex))
    assert result.exit_code == 0, result.output
    heading = next(line for line in result.stdout.splitlines() if "ours" in line)
    assert "theirs" in heading
    assert result.stdout.count("centre point: records") == 1
    assert r"\shortstack{theirs}" in latex.read_text(encoding="utf-8")


def test_reports_of_other_rules_are_refused_or_marked(release, write, tmp_path):
    files = [write("a.jsonl", "ours", is_perfect=True), write("b.jsonl", "theirs")]
    first = evaluate(release, files[0], tmp_path / "a.json")
    second = evaluate(release, files[1], tmp_path / "b.json", "--rule", "decoder=released")
    result = run(first, second)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: b.json does not stand in one table with a.json: decoder = released instead of "
        "exact (--allow-different-rules marks such rows)\n"
    )
    result = run(first, second, "--allow-different-rules")
    assert result.exit_code == 0, result.output
    assert "theirs [1]" in result.stdout
    assert "[1] decoder = released instead of exact" in result.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "a table of reports needs two of them or more"),
        (["--replicates", "200"], "reports hold their scores already"),
        (["--html", "page.html"], "reports hold their scores already"),
    ],
)
def test_what_does_not_go_with_reports_is_refused_in_one_line(
    options, words, release, write, tmp_path
):
    report = evaluate(release, write("a.jsonl", "ours"), tmp_path / "a.json")
    result = run(report, *options)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_predictions_without_a_release_are_told_what_to_do(write):
    files = [write("a.jsonl", "ours"), write("b.jsonl", "theirs")]
    result = run(*files)
    assert result.exit_code == 1
    assert files[0] in result.stderr
    assert "--release" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--release", "r", "--official", "b"], "give --release or --official, not both"),
        (["--release", "r", "--allow-different-rules"], "goes with reports"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options, words, write):
    result = run(write("a.jsonl", "ours"), *options)
    assert result.exit_code == 2
    assert words in result.stderr
