"""Bring a database to the schema that this version knows, with Alembic."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from annot_server.errors import StorageError


def migrations_folder() -> Path:
    """Return where the migrations are, in a checkout and in an installed wheel alike."""
    return Path(str(resources.files("annot_server.migrations")))


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision, from whatever older one it has.

    Raises:
        StorageError: the database cannot be opened.
    """
    with _migrating(engine) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision ("base" is empty); for tests of the migrations."""
    with _migrating(engine) as connection:
        command.downgrade(_config(connection), revision)


def check_version(engine: Engine) -> None:
    """Raise `StorageError` unless the database opens and has the schema that this version knows."""
    newest = ScriptDirectory(str(migrations_folder())).get_current_head()
    with opened(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        raise StorageError(
            f"the database has schema {found}, this version needs {newest}; "
            "run `annot-server backup` to keep a copy, then `annot-server upgrade`"
        )


@contextlib.contextmanager
def opened(engine: Engine) -> Iterator[Connection]:
    """Give a connection, or one clear line about why there is none.

    Raises:
        StorageError: the database cannot be opened.
    """
    try:
        connection = engine.connect()
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        where = engine.url.render_as_string(hide_password=True)
        raise StorageError(f"{where}: the database cannot be opened ({reason})") from error
    with connection:
        yield connection


@contextlib.contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """Open one transaction in which tables may be copied.

    SQLite changes a table by copying it and dropping the old one, and dropping a table that others
    refer to fails while references are enforced. The switch works outside a transaction only, so
    the references are checked by hand before the end.
    """
    with opened(engine) as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        raw = connection.connection.cursor()
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    table, row, parent, _ = broken[0]
                    raise StorageError(
                        f"row {row} of {table} names a row of {parent} that is missing (and "
                        f"{len(broken) - 1} more such): nothing was changed"
                    )
        finally:
            raw.execute("PRAGMA foreign_keys = ON")
            raw.close()


def _config(connection: Connection) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
