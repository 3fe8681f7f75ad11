"""Backups of a SQLite server that are older, damaged, or not what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from annot_server.cli import main
from annot_server.config import Config, Home
from annot_server.database import open_engine
from annot_server.migration import downgrade, upgrade
from dataset_builder.tables import write_sums


def run(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *map(str, arguments)])


@pytest.fixture
def empty_sqlite_home(tmp_path) -> Path:
    """Return a server's folder as `init` makes it."""
    home = Home(tmp_path / "empty-home")
    home.create(Config())
    engine = open_engine(f"sqlite:///{home.path}/annotations.db")
    upgrade(engine)
    engine.dispose()
    return home.path


@pytest.fixture
def refusal(empty_sqlite_home, tmp_path) -> Callable[..., str]:
    """Return the one line that refuses a backup that was changed, with nothing left of a try."""
    assert run(empty_sqlite_home, "backup", tmp_path / "b").exit_code == 0

    def refusal(change: Callable[[Path], object], *options: object, sums: bool = False) -> str:
        change(tmp_path / "b")
        if sums:
            write_sums(tmp_path / "b")
        before = sorted(tmp_path.iterdir())
        done = run(tmp_path / "new", "restore", tmp_path / "b", *options)
        assert done.exit_code == 1, done.output
        assert sorted(tmp_path.iterdir()) == before
        assert done.stdout == ""
        [line] = done.stderr.splitlines()
        return line

    return refusal


def edit_manifest(**values: object) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "backup.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return edit


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda b: cut(b / "annotations.db"), "is damaged: annotations.db: content differs"),
        (lambda b: flip(b / "annotations.db"), "is damaged: annotations.db: content differs"),
        (lambda b: (b / "secret.key").unlink(), "is damaged: secret.key: listed in SHA256SUMS but"),
        (lambda b: (b / "backup.json").unlink(), "has no backup.json; is it a backup?"),
        (lambda b: (b / "SHA256SUMS").unlink(), "has no SHA256SUMS"),
    ],
)
def test_a_backup_that_is_not_whole_is_refused(refusal, change, line) -> None:
    assert line in refusal(change)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"format": "annot-backup/9"}, "has format 'annot-backup/9', this version reads"),
        ({"schema": "9999"}, "has schema 9999, which this version does not know; use version"),
        ({"extra": 1}, "is not what a backup says of itself"),
        ({"rows": {"people": 5}}, "should hold {'people': 5} rows, has"),
    ],
)
def test_a_backup_that_says_something_odd_is_refused(refusal, values, line) -> None:
    assert line in refusal(edit_manifest(**values), sums=True)


def test_a_database_that_sqlite_finds_damaged_is_refused(refusal) -> None:
    def garble(folder: Path) -> None:
        path = folder / "annotations.db"
        data = bytearray(path.read_bytes())
        data[4096:8192] = bytes(4096)
        path.write_bytes(data)

    line = refusal(garble, sums=True)
    assert "SQLite finds it damaged" in line or "cannot be read" in line


def test_a_sqlite_backup_goes_to_no_other_database(refusal) -> None:
    line = refusal(lambda _: None, "--database-url", "postgresql+psycopg:///x")
    assert "it goes into the new folder itself" in line


def test_a_database_that_is_damaged_is_not_backed_up(empty_sqlite_home, tmp_path) -> None:
    path = empty_sqlite_home / "annotations.db"
    data = bytearray(path.read_bytes())
    data[8192 : 8192 * 3] = bytes(range(256)) * 64
    path.write_bytes(data)
    done = run(empty_sqlite_home, "backup", tmp_path / "b")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "b").exists()


def test_an_older_backup_is_brought_to_this_version(empty_sqlite_home, tmp_path) -> None:
    engine = open_engine(f"sqlite:///{empty_sqlite_home}/annotations.db")
    downgrade(engine, "0001")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO people (id, name, role, created_at) "
                "VALUES (7, 'Ada', 'annotator', '2026-01-01 00:00:00')"
            )
        )
    engine.dispose()
    assert run(empty_sqlite_home, "backup", tmp_path / "b").exit_code == 0
    done = run(tmp_path / "new", "restore", tmp_path / "b")
    assert done.exit_code == 0, done.output
    assert run(tmp_path / "new", "audit").exit_code == 0
    engine = open_engine(f"sqlite:///{tmp_path}/new/annotations.db")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM people")).scalars().all() == ["Ada"]
    engine.dispose()
