from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from annot_server.cli import main
from annot_server.models import Clip


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


@pytest.fixture
def run(server) -> Callable[..., Result]:
    """Return a function that runs `annot-server` on the test's server."""
    return lambda *words: CliRunner().invoke(main, ["--home", str(server.home.path), *words])


def test_a_persons_answers_are_set_aside_by_name(project, annotator, run) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    found = run("set-aside", "Ada", "--reason", "clicks anywhere", "--json")
    assert json.loads(found.stdout) == {"answers": 1, "frames_reopened": 1}
    assert annotator.frame_row(frame).retired_at is None


def test_a_name_that_nobody_has_is_one_clear_line(run) -> None:
    found = run("set-aside", "Eve", "--reason", "why")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "nobody called 'Eve'" in found.stderr


def test_clips_are_prioritised_by_their_ids(server, project, run) -> None:
    project.add_clip(1)
    with server.database.read() as session:
        clip_id = session.scalars(select(Clip.clip_id)).one()
    assert run("prioritise", clip_id, "--priority", "7").exit_code == 0
    with server.database.read() as session:
        assert session.scalars(select(Clip.priority)).one() == 7
    refused = run("prioritise", clip_id, "nope", "--priority", "8")
    assert (refused.exit_code, "no clip 'nope'" in refused.stderr) == (1, True)
