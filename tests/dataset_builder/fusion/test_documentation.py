"""docs/fusion.md names every setting and method of the fusion, with the values that hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dataset_builder.fusion import agreement, boxes, marks, simulation, student_t, study, visibility
from dataset_builder.fusion.methods import METHODS
from dataset_builder.settings import BuildSettings

PAGE = (Path(__file__).parents[3] / "docs/fusion.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
ELSEWHERE = {"tube_gap", "benchmark_answers", "splits", "split_salt", "benchmark_splits"}
"""Settings that are not about fusion."""
SHOWN = {"margin_x": "100/640", "margin_y": "100/480"}
"""Defaults that the page shows in another form."""


@pytest.mark.parametrize("name", sorted({*BuildSettings().to_mapping()} - ELSEWHERE))
def test_every_setting_of_the_fusion_is_named_with_its_default(name):
    default = BuildSettings().to_mapping()[name]
    if name == "mode":
        assert f"`mode={default}` (the default)" in TEXT
        assert "`mode=robust`" in TEXT
    elif name.startswith("grid"):
        cells = (BuildSettings().grid_rows, BuildSettings().grid_cols)
        assert "`grid_rows` x `grid_cols` ({} x {})".format(*cells) in TEXT
    else:
        assert re.search(rf"`{name}` \({re.escape(SHOWN.get(name, str(default)))}\b", TEXT)


def test_the_margins_are_the_fractions_that_it_shows():
    assert (BuildSettings().margin_x, BuildSettings().margin_y) == (100 / 640, 100 / 480)


def test_the_table_has_every_method_and_no_other():
    table = PAGE.split("| method | what it is |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(METHODS)


def test_both_outputs_have_every_method_and_crowd():
    for output in re.findall(r"```\n\$ dataset-builder study(.*?)```", PAGE, re.DOTALL):
        words = [line.split()[0].rstrip(":") for line in output.splitlines() if line.split()]
        times = 1 if "--marks" in output else len(simulation.CROWDS)
        assert [word for word in words if word in METHODS] == list(METHODS) * times
        if times > 1:
            names = [crowd.name for crowd in simulation.CROWDS]
            assert [word for word in words if word in names] == names


@pytest.mark.parametrize("label", agreement.LABELS)
def test_every_label_is_explained(label):
    assert f"`{label}`: " in TEXT


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (student_t.NU, "`nu` = {:g} degrees of freedom"),
        (student_t.KNOWN_FROM, "Somebody with fewer than {:g} clicks has the scale 1"),
        (student_t.FRAME_PRIOR, "frames by a prior of {:g} coordinates"),
        (student_t.ANNOTATOR_PRIOR, "people by one of {:g} coordinates"),
        (visibility.PRIOR_RIGHT, "(answers that agree with p + {:g})"),
        (visibility.PRIOR_RIGHT + visibility.PRIOR_WRONG, "/ (answers + {:g})"),
        (boxes.LEAST_WEIGHT, "weight at the frame's own scale is {:g} or more"),
        (agreement.RADIUS, "close within {:g} of the diagonal"),
        (study.FAR * 100, "off by > {:g} %"),
    ],
)
def test_the_constants_are_those_of_the_code(value, sentence):
    assert sentence.format(value) in TEXT


@pytest.mark.parametrize("column", [*marks.IMAGE_COLUMNS, *marks.PERSON_COLUMNS])
def test_every_column_of_marks_is_named(column):
    assert f"`{column}`" in TEXT
