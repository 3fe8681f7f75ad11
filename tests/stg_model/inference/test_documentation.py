"""docs/grounding.md names every setting of inference and every baseline."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from stg_model.commands.baselines import MODELS, SYSTEMS
from stg_model.inference.calibration import sources_of
from stg_model.inference.drawing.all_drawings import FILM_NAME, SHEET_NAME, TIMELINE_NAME
from stg_model.settings import InferenceSettings, Settings

TEXT = (Path(__file__).parents[3] / "docs/grounding.md").read_text(encoding="utf-8")
READING = TEXT.partition("## How a model is read")[2].partition("\n## ")[0]
BASELINES = TEXT.partition("## Baselines")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*)$", READING, re.MULTILINE))


@pytest.mark.parametrize("entry", fields(InferenceSettings), ids=lambda entry: entry.name)
def test_every_setting_stands_in_its_table_with_its_default(entry):
    assert entry.name in ROWS
    if entry.default is not None:
        default = ROWS[entry.name].partition(" |")[0]
        assert default.strip("`") == str(entry.default)


def test_every_choice_is_named():
    for name, kind in get_type_hints(InferenceSettings).items():
        for choice in get_args(kind):
            if isinstance(choice, str):
                assert f"`{choice}`" in ROWS[name]


def test_every_way_to_a_heat_map_is_explained():
    for name in sources_of(Settings()):
        assert re.search(rf"^- `{name}`", READING, re.MULTILINE)


@pytest.mark.parametrize("name", [*SYSTEMS, *MODELS])
def test_every_baseline_is_explained(name):
    assert re.search(rf"^\|[^|]*`{name}`", BASELINES, re.MULTILINE)


def test_every_picture_is_named():
    for name in (FILM_NAME, SHEET_NAME, TIMELINE_NAME):
        assert f"`{name}`" in TEXT


@pytest.mark.parametrize("program", ["glip", "regionclip", "tubedetr", "stcat"])
def test_every_adapter_is_explained_and_says_what_was_not_seen(program):
    section = TEXT.partition("## Other programs' answers")[2].partition("\n## ")[0]
    assert re.search(rf"^\|[^|]*`{program}`", section, re.MULTILINE)
    assert "not verified against the\nprograms themselves" in section
