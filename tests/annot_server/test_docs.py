"""The guide for maintainers names every command and only settings that exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from annot_server.cli import main
from annot_server.config import Config

GUIDE = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_command_is_described() -> None:
    described = GUIDE + README
    missing = [name for name in main.commands if not re.search(rf"[` ]{name}\b", described)]
    assert missing == []


def test_every_setting_that_the_guide_names_exists() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)(?: = [^`]*)?`", GUIDE))
    assert named - {item.name for item in fields(Config)} - {"pg_dump", "pg_restore"} == set()
