"""docs/model.md names every setting of network, selection and losses, and its code runs."""

from __future__ import annotations

import re
import typing
from dataclasses import fields
from pathlib import Path

import pytest

from stg_model.settings import FROZEN, LossSettings, NetworkSettings, SelectionSettings, Settings

TEXT = (Path(__file__).parents[2] / "docs/model.md").read_text(encoding="utf-8")
SECTIONS = {"network": NetworkSettings, "selection": SelectionSettings, "loss": LossSettings}
NAMES = [(section, field.name) for section, record in SECTIONS.items() for field in fields(record)]


def shown(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else str(value)


@pytest.mark.parametrize(("section", "name"), NAMES)
def test_every_setting_stands_in_the_table_with_its_defaults(section, name):
    row = re.search(rf"^\| `{section}\.{name}` \|(.*)\|(.*)\|(.*)\|$", TEXT, re.MULTILINE)
    assert row, f"{section}.{name} has no row"
    default, frozen, _ = (cell.strip() for cell in row.groups())
    assert default == shown(getattr(getattr(Settings(), section), name))
    wanted = FROZEN.get(f"{section}.{name}")
    assert frozen == ("" if wanted is None else shown(wanted))
    kind = typing.get_type_hints(SECTIONS[section])[name]
    for choice in typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ():
        assert f"`{choice}`" in row.group(), f"{choice} is not in the row of {section}.{name}"


def test_the_table_names_nothing_else():
    found = re.findall(r"^\| `(network|selection|loss)\.(\w+)` \|", TEXT, re.MULTILINE)
    assert found == NAMES


def test_the_python_example_runs(capsys):
    program = TEXT.partition("```python\n")[2].partition("```")[0]
    exec(compile(program, "docs/model.md", "exec"), {})
    shape, converged = capsys.readouterr().out.splitlines()
    assert shape == "torch.Size([4, 8])"
    assert 0 <= float(converged) <= 1
