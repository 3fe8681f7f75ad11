from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_builder import tables
from dataset_builder.errors import InputError
from dataset_builder.predictions import System
from stg_model.evaluation import EvaluationSettings, IntervalSettings, evaluate
from stg_model.evaluation.comparison import tabulate
from stg_model.evaluation.latex import to_latex
from stg_model.evaluation.report_text import to_text
from stg_model.evaluation.stored import read_report

VALUES = (
    None, True, 0, -1, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), "",
    "x" * 300, "a\x00b", "\ud800", "people", [], [1], [0.4, 0.2], [None, 1], [[]], {}, {"a": 1},
    {"\ud800": 1},
)  # fmt: skip


@pytest.fixture(scope="module")
def report(two_videos, make_perfect):
    right = make_perfect(two_videos)
    release = replace(two_videos, left_out={"answers with a hint": 3}, digest="d" * 64)
    middle = replace(right, system=System("middle"), seconds={})
    rules = EvaluationSettings(tube_iou_thresholds=(0.2, 0.5))
    return evaluate(release, right, rules, [middle], IntervalSettings(100))


@pytest.fixture
def read(report, tmp_path):
    """Return a function: the report of a file after a change to its JSON."""

    def changed(change):
        record = report.to_json()
        change(record)
        path = tmp_path / "report.json"
        path.write_text(json.dumps(record), encoding="utf-8")
        return read_report(path)

    return changed


def test_a_report_comes_back_from_its_file_as_it_was(report, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(tables.canonical_json(report.to_json()), encoding="utf-8")
    assert read_report(path) == report
    assert list(read_report(path).headings) == list(report.headings)
    assert report.left_out == {"answers with a hint": 3}


def at(*place, value):
    """Return a change that puts a value at a place."""

    def change(record):
        for part in place[:-1]:
            record = record[part]
        record[place[-1]] = value

    return change


ROW = ("systems", 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at("systems", value=None), "'systems' must be list"),
        (at("systems", value=[]), "a report needs a system"),
        (at("systems", value=[3]), "a system must be an object, got 3"),
        (at("settings", value={}), "another version of the rules"),
        (at("settings", "rules_version", value=1), "another version of the rules .*has 2"),
        (at("settings", "clips", value=["all"]), "setting clips must be one of"),
        (at("settings", "tube_iou_thresholds", value=[0.5, {}]), "tube_iou_thresholds must be"),
        (at("settings_digest", value="0"), "settings_digest is not that of its settings"),
        (at("release", "digest", value="e"), "digest of the release must be a SHA-256, got 'e'"),
        (at("release", "name", value=3), "'name' must be str"),
        (at("release", "name", value="\ud800"), "'release.name' holds half a surrogate pair"),
        (at("counts", "videos", value="2"), "counts of 'videos' must be a whole number"),
        (at("counts", "videos", value=-2), "counts of 'videos' must be a whole number"),
        (at("counts", value={"videos": 2}), "counts must be videos, actions, clips"),
        (at("left_out", value={"x": 0.5}), "left_out of 'x' must be a whole number"),
        (at("metrics", value=[{"name": "unheard", "heading": "x"}]), "unheard"),
        (at("metrics", value=[]), "metrics are not those of its settings"),
        (at("metrics", 0, value="pointing"), "a metric must be an object"),
        (at("intervals", value={"replicates": 100}), "level of the intervals must be a finite"),
        (at("intervals", "replicates", value=1), "100 or more replicates, got 1"),
        (at("intervals", "method", value="bca"), "method of the intervals must be"),
        (at(*ROW, "kind", value="winner"), "kind must be one of submitted, baseline, people"),
        (at(*ROW, "name", value="better"), "system 'perfect': its row is named 'better'"),
        (at(*ROW, "n_frames", value=7), "n_frames must be frames_with_box, got 7"),
        (at(*ROW, "pointing", value=1.5), "system 'perfect': pointing must lie within 0..1"),
        (at(*ROW, "pointing", value=float("nan")), "pointing must be a finite number"),
        (at(*ROW, "intervals", "mof", value=[0.9, 0.1]), "interval of mof must rise, got 0.9..0.1"),
        (at(*ROW, "intervals", "mof", value=[0, 2]), "mof must lie within 0..1, got 2"),
        (at(*ROW, "intervals", "mof", value=[0]), "'mof' must be a list of 2 numbers"),
        (at(*ROW, "intervals", "unheard", value=None), r"intervals of unknown .*unheard"),
        (at(*ROW, "n_actions", "mof", value=True), "n_actions of 'mof' must be a whole number"),
        (at(*ROW, "missing", "mof", value="why"), "missing needs a text for a metric without"),
        (at("systems", 1, "missing", "mof", value=3), "missing needs a text for a metric without"),
        (at(*ROW, "counts", "records", value=None), "counts of 'records' must be a whole number"),
        (at(*ROW, "system", "colour", value="red"), "a system has no colour"),
        (at(*ROW, "system", "name", value=""), "a system needs a name"),
        (at(*ROW, "system", "backbone", value=1), "'backbone' must be str"),
        (lambda record: record["systems"][0].pop("mof"), "system 'perfect': has no mof"),
    ],
)
def test_what_no_evaluation_writes_is_refused_in_one_line(change, words, read, tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path}/report.json: .*{words}") as error:
        read(change)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_another_json_file_is_refused(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[]")
    with pytest.raises(InputError, match="expected the JSON report"):
        read_report(path)


def places(value, before=()):
    """Yield the place of every value within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for part, found in inner:
        yield (*before, part)
        if isinstance(found, dict | list):
            yield from places(found, (*before, part))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_file_with_any_two_changes_is_refused_or_shown(report, read, data):
    """Never a traceback: what is read can be written as tables, beside the report it came from."""
    spoilt = copy.deepcopy(report.to_json())
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(list(places(spoilt))))
        at(*place, value=data.draw(st.sampled_from(VALUES)))(spoilt)
    refusal = ""
    try:
        found = read(lambda record: (record.clear(), record.update(spoilt)))
        table = tabulate([("a", report), ("b", found)], allow_different_rules=True)
        (to_text(table) + to_latex(table) + json.dumps(table.to_json())).encode("utf-8")
    except InputError as error:
        refusal = str(error)
    assert "\n" not in refusal
