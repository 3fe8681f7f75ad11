"""Bring a database to the schema that this version knows, with Alembic."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from annot_server.errors import StorageError


def migrations_folder() -> Path:
    """Return where the migrations are, in a checkout and in an installed wheel alike."""
    return Path(str(resources.files("annot_server.migrations")))


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision, from whatever older one it has."""
    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision ("base" is empty); for tests of the migrations."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def check_version(engine: Engine) -> None:
    """Raise `StorageError` unless the database has the schema that this version knows."""
    newest = ScriptDirectory(str(migrations_folder())).get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        raise StorageError(
            f"the database has schema {found}, this version needs {newest}; "
            "make a copy of it and run `annot-server upgrade`"
        )


def _config(connection: object) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
