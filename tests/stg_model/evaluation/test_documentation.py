"""docs/evaluation.md names every rule, every choice and every metric."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from dataset_builder.predictions import write_predictions
from dataset_builder.release import write_release
from stg_model.evaluation.report import metrics_of
from stg_model.evaluation.settings import CHOICES, EvaluationSettings

TEXT = (Path(__file__).parents[3] / "docs/evaluation.md").read_text(encoding="utf-8")
RULES = TEXT.partition("## The rules")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", [field.name for field in fields(EvaluationSettings)])
def test_every_rule_stands_in_its_table(name):
    assert re.search(rf"^\|[^|]*`{name}`", RULES, re.MULTILINE)


@pytest.mark.parametrize(
    "choice", sorted({name for names in CHOICES.values() for name in names[1:]})
)
def test_every_other_choice_is_named(choice):
    assert f"`{choice}`" in RULES


def test_every_metric_is_defined():
    families = {name.partition("@")[0] for name in metrics_of(EvaluationSettings())}
    for family in families:
        assert f"`{family}" in TEXT, f"{family} is not in docs/evaluation.md"


def test_the_python_example_runs(two_videos, make_perfect, tmp_path, monkeypatch, capsys):
    right = make_perfect(two_videos)
    write_release(tmp_path / "release", two_videos)
    write_predictions(
        tmp_path / "predictions.jsonl", right.system, right.seconds.values(), right.points.values()
    )
    monkeypatch.chdir(tmp_path)
    program = TEXT.partition("```python\n")[2].partition("```")[0]
    exec(compile(program, "docs/evaluation.md", "exec"), {})
    assert "1.0000" in capsys.readouterr().out
