from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from dataset_builder.fusion.methods import METHODS


def run(*arguments: object):
    return CliRunner().invoke(main, ["study", *map(str, arguments)])


@pytest.fixture
def marks(tmp_path):
    rows = [f"a,p{n},{300 + n % 3},{200 + n % 2}" for n in range(12)]
    path = tmp_path / "marks.csv"
    path.write_text("\n".join(["image_id,user_name,x,y", *rows]) + "\n")
    return path


def test_the_table_has_a_line_for_each_method_under_each_crowd():
    result = run("--seeds", 2, "--frames", 500)
    assert result.exit_code == 0, result.output
    first_words = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    assert [word for word in first_words if word in METHODS] == list(METHODS) * 3
    assert "two_targets: 1% slips, 0% spammers, 20% of the frames have two targets" in result.stdout


def test_json_is_one_object_of_the_same_numbers():
    found = json.loads(run("--seeds", 2, "--frames", 500, "--json").stdout)
    assert found["seeds"] == [0, 1]
    assert found["frames"] == 500
    assert found["crowds"]["raw"]["methods"]["mean"]["answered"]["mean"] == 1


def test_marks_are_studied_instead_of_simulated_crowds(marks):
    result = run("--marks", marks, "--size", "840x648")
    assert "12 marks on 1 images of 840 x 648 px" in result.stdout
    assert "people on 1 targets of six people or more" in result.stdout
    found = json.loads(run("--marks", marks, "--size", "840x648", "--json").stdout)
    assert found["split_half"]["targets"] == 1


def test_few_people_leave_no_halves_to_compare(marks):
    marks.write_text("\n".join(marks.read_text().splitlines()[:5]) + "\n")
    assert "no target has as many people" in run("--marks", marks).stdout


@pytest.mark.parametrize("size", ["840", "0x648", "840x", "840x648px"])
def test_a_size_of_another_form_is_a_usage_error(marks, size):
    result = run("--marks", marks, "--size", size)
    assert result.exit_code == 2
    assert "does not look like 840x648" in result.stderr


def test_a_file_without_the_columns_is_one_clear_line(marks):
    marks.write_text("a,b\n1,2\n")
    result = run("--marks", marks)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "has no column image_id" in result.stderr
