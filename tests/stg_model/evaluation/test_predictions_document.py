"""`docs/predictions.md` shows a file and a program that writes one: both do what it says."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from dataset_builder.domain import Video
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from dataset_builder.predictions import FORMAT, FORMAT_VERSION, System, read_predictions
from stg_model.evaluation.report import evaluate
from stg_model.evaluation.settings import EvaluationSettings

DOCUMENT = (Path(__file__).parents[3] / "docs" / "predictions.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    """Return the one fenced block of a kind."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", DOCUMENT, re.DOTALL)
    return found


@pytest.fixture
def release(make_release):
    """A release of the video that the document speaks of."""
    made = make_release(
        ("v1", 1, 3, "cut-carrot", {1: Box(0.3, 0.5, 0.5, 0.7), 2: Box(0.3, 0.4, 0.5, 0.6)}),
        ("v1", 3, 4, "stir-pot", {3: Box(0.7, 0.6, 0.9, 0.8)}),
        durations={"v1": 4.0},
    )
    return replace(made, videos=(Video("v1", 1920, 1080, 4.0, "0" * 64),))


def test_the_whole_file_of_the_document_defines_every_metric(tmp_path, release):
    path = tmp_path / "predictions.jsonl"
    path.write_text(block("jsonl"), encoding="utf-8")
    (row,) = evaluate(release, read_predictions(path)).systems
    assert row.metrics == dict.fromkeys(row.metrics, pytest.approx(1.0))


def test_the_same_file_without_tubes_implies_them(tmp_path, release):
    path = tmp_path / "predictions.jsonl"
    lines = [line for line in block("jsonl").splitlines() if '"tube"' not in line]
    path.write_text("\n".join(lines), encoding="utf-8")
    (row,) = evaluate(release, read_predictions(path)).systems
    assert row.metrics == dict.fromkeys(row.metrics, pytest.approx(1.0))


def test_the_program_of_the_document_writes_a_file_that_can_be_scored(
    tmp_path, release, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python"), "docs/predictions.md", "exec"), {})
    found = read_predictions(tmp_path / "predictions.jsonl")
    assert (len(found.seconds), len(found.points)) == (6, 12)
    (row,) = evaluate(release, found, EvaluationSettings(region="mask")).systems
    assert not row.missing


def test_the_error_of_the_document_is_the_one_that_is_printed(tmp_path):
    (said,) = re.findall(r"Error: predictions\.jsonl:812: (.*)", DOCUMENT)
    header = block("jsonl").splitlines()[0]
    in_pixels = '{"kind":"point","video_id":"v","second":0,"action_id":"a","point":[640, 230]}'
    (tmp_path / "p.jsonl").write_text(header + "\n" * 811 + in_pixels, encoding="utf-8")
    with pytest.raises(InputError, match="812: " + re.escape(said)):
        read_predictions(tmp_path / "p.jsonl")


def test_the_document_names_every_field_and_this_version():
    assert f'`"{FORMAT}"`, `{FORMAT_VERSION}` |' in DOCUMENT
    for field in fields(System):
        assert f"`.{field.name}`" in DOCUMENT or f"`system.{field.name}`" in DOCUMENT
