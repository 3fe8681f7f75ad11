"""The list of pages to take pictures of is complete, and its command line behaves."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from annot_server.app import create_app
from annot_server.config import Config, Home

PROGRAM = Path(__file__).parents[2] / "examples" / "screenshots.py"
NO_PAGES = ("/api/", "/media/", "/static/")
FILES = (".png", ".zip", ".csv", ".json")


@pytest.fixture(scope="module")
def screenshots():
    spec = importlib.util.spec_from_file_location("screenshots", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    sys.modules["screenshots"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["screenshots"]


def test_every_page_of_the_application_is_taken(screenshots, tmp_path) -> None:
    home = Home(tmp_path / "home")
    home.create(Config())
    pages = {
        rule.rule
        for rule in create_app(home).url_map.iter_rules()
        if "GET" in rule.methods
        and not rule.rule.startswith(NO_PAGES)
        and not rule.rule.endswith(FILES)
    }
    assert pages <= {shot.rule for shot in screenshots.PAGES}


def test_no_two_pictures_have_one_name(screenshots) -> None:
    names = [shot.name for shot in screenshots.PAGES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("words", [["--help"], ["--screen", "12x12", "folder"], []])
def test_a_call_that_takes_no_pictures_makes_no_folder(words, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *words], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == (0 if words == ["--help"] else 2)
    assert b"usage:" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
