"""A whole server in one folder, at one moment, while people go on working.

    OUT/backup.json      what it is: see `Manifest`
    OUT/annotations.db   the database (SQLite), or
    OUT/annotations.dump (PostgreSQL, `pg_dump`'s custom format)
    OUT/config.toml, OUT/secret.key
    OUT/frames/          the frame store, where it was asked for
    OUT/SHA256SUMS       over all of it

Every answer that was acknowledged before the backup began is in it. It is written under a
temporary name and renamed when it is whole and on the disk.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError

from annot_server.errors import StorageError
from annot_server.migration import opened
from annot_server.postgres_tools import dump
from annot_server.server import Server
from dataset_builder.errors import InputError
from dataset_builder.tables import canonical_json, fresh_folder, read_json, write_sums

FORMAT = "annot-backup/1"
MANIFEST_NAME = "backup.json"
DATABASE_NAME = {"sqlite": "annotations.db", "postgresql": "annotations.dump"}
FRAMES_NAME = "frames"
COUNTED = {
    "people": "SELECT COUNT(*) FROM people",
    "clips": "SELECT COUNT(*) FROM clips",
    "frames": "SELECT COUNT(*) FROM frames",
    "answers": "SELECT COUNT(*) FROM answers",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        format: `FORMAT`.
        version: of this package.
        created_at: the moment it began, UTC, ISO 8601.
        database: "sqlite" or "postgresql".
        schema: the database's revision.
        rows: how many rows some tables have.
        with_frames: whether the frame store is in it.
        frames_folder: where the frame store was.
    """

    format: str
    version: str
    created_at: str
    database: str
    schema: str
    rows: dict[str, int]
    with_frames: bool
    frames_folder: str


def back_up(server: Server, out: Path, *, with_frames: bool, now: datetime) -> Manifest:
    """Write a backup folder and return what it says of itself.

    Args:
        server: may run and be written to meanwhile, and have an older schema than this version's.
        out: the folder to make.
        with_frames: copy the frame store too; it is large and never changes what it holds.
        now: the moment that the manifest names.

    Raises:
        OutputError: `out` exists already.
        StorageError: the database has no schema, is damaged, or `pg_dump` is missing or failed.
    """
    engine = server.database.engine
    kind = engine.dialect.name
    with fresh_folder(out) as folder:
        folder.chmod(0o700)
        schema, rows = _copy_database(engine, folder / DATABASE_NAME[kind])
        for path in (server.home.config_path, server.home.secret_path):
            shutil.copyfile(path, folder / path.name)
        if with_frames:
            # After the database: an image is in the store before a row names it.
            copy_frames(server.home.frame_store, folder / FRAMES_NAME)
        manifest = Manifest(
            FORMAT,
            metadata.version("grounding-circle"),
            f"{now:%Y-%m-%dT%H:%M:%SZ}",
            kind,
            schema,
            rows,
            with_frames,
            str(server.home.frame_store.resolve()),
        )
        (folder / MANIFEST_NAME).write_text(canonical_json(asdict(manifest)) + "\n", "utf-8")
        write_sums(folder)
        make_private(folder)
        sync(folder)
    out.chmod(0o700)  # names, answers and the secret are in it
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read what a backup says of itself.

    Raises:
        InputError: the folder is no backup, or one of another format.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise InputError(f"{folder}: has no {MANIFEST_NAME}; is it a backup?")
    values: Any = read_json(path)
    names = {item.name for item in fields(Manifest)}
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise InputError(f"{path}: has format {found!r}, this version reads {FORMAT!r}")
    if values.keys() != names or values["database"] not in DATABASE_NAME:
        raise InputError(f"{path}: is not what a backup says of itself; was it edited?")
    return Manifest(**values)


def copy_frames(store: Path, to: Path) -> None:
    """Copy a frame store, without the files that are being written at this moment."""
    if store.is_dir():
        shutil.copytree(store, to, ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True)


def count_rows(connection: Connection) -> dict[str, int]:
    """Return how many rows some tables have, which every version knows."""
    return {
        table: int(connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())
        for table in COUNTED
    }


def make_private(folder: Path) -> None:
    """Let only their owner read the files of a folder."""
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def sync(folder: Path) -> None:
    """Make sure that everything in a folder is on the disk, not on its way there."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _copy_database(engine: Engine, to: Path) -> tuple[str, dict[str, int]]:
    """Copy the database as it is at one moment; return its schema and its rows' counts."""
    if engine.dialect.name == "sqlite":
        return _copy_sqlite(engine, to)
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with opened(reading) as connection:
        schema = _schema_of(connection)
        rows = count_rows(connection)
        moment = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        dump(engine.url, to, snapshot=moment)
    return schema, rows


def _copy_sqlite(engine: Engine, to: Path) -> tuple[str, dict[str, int]]:
    """Let SQLite write a compact copy, which holds up no writer, and look whether it is sound."""
    with opened(engine) as connection:
        schema = _schema_of(connection)
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(to),))
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{engine.url.database}: cannot be copied ({error})") from error
    finally:
        raw.close()
    return schema, check_sqlite(to)


def check_sqlite(path: Path) -> dict[str, int]:
    """Return the counts of rows in a SQLite file that is not in use.

    Raises:
        StorageError: SQLite finds it damaged.
    """
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        problem = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if problem != "ok":
            raise StorageError(f"{path}: SQLite finds it damaged ({problem.splitlines()[-1]})")
        return {
            table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in COUNTED
        }
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path}: cannot be read ({error})") from error
    finally:
        connection.close()


def _schema_of(connection: Connection) -> str:
    try:
        schema = MigrationContext.configure(connection).get_current_revision()
    except DatabaseError as error:
        raise StorageError(f"the database cannot be read ({error.orig})") from error
    if schema is None:
        raise StorageError("the database has no schema; run `annot-server upgrade` first")
    return schema
