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
    with _opened(engine) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision ("base" is empty); for tests of the migrations."""
    with _opened(engine) as connection:
        command.downgrade(_config(connection), revision)


def check_version(engine: Engine) -> None:
    """Raise `StorageError` unless the database opens and has the schema that this version knows."""
    newest = ScriptDirectory(str(migrations_folder())).get_current_head()
    with _opened(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        raise StorageError(
            f"the database has schema {found}, this version needs {newest}; "
            "make a copy of it and run `annot-server upgrade`"
        )


@contextlib.contextmanager
def _opened(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        where = engine.url.render_as_string(hide_password=True)
        raise StorageError(f"{where}: the database cannot be opened ({reason})") from error
    with connection, connection.begin():
        yield connection


def _config(connection: Connection) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
