from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from annot_server.database import open_engine
from annot_server.errors import StorageError
from annot_server.migration import check_version, downgrade, migrations_folder, upgrade
from annot_server.models import Base

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def empty_engine(request, tmp_path) -> Iterator[Engine]:
    """Open a database without any table."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
        yield engine
        engine.dispose()
        return
    server = request.getfixturevalue("postgres_url")
    admin = open_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE empty STRATEGY FILE_COPY"))
    engine = open_engine(server.replace("/postgres?", "/empty?"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE empty WITH (FORCE)"))
    admin.dispose()


def definitions(engine: Engine) -> set[str]:
    """Return what the database itself says of every table, constraint and index."""
    if engine.dialect.name == "sqlite":
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'"
    else:
        query = """
            SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION SELECT concat_ws(' ', table_name, column_name, data_type,
                character_maximum_length, is_nullable, column_default)
            FROM information_schema.columns WHERE table_schema = 'public'
        """
    with engine.connect() as connection:
        found = connection.execute(text(query)).scalars().all()
    return {normal(line) for line in found if "alembic_version" not in line}


def normal(definition: str) -> str:
    """Return a table's definition with its columns and constraints in one order."""
    # SQLite puts quotes round the name of a table that a migration copied.
    unquoted = re.sub(r"\s+", " ", definition).replace('TABLE "', "TABLE ").replace('" (', " (")
    head, bracket, body = unquoted.partition("(")
    if not head.startswith("CREATE TABLE"):
        return head + bracket + body
    return head + "; ".join(sorted(part.strip() for part in re.split(r", (?=[\w\"]+ )", body[:-1])))


def test_the_migrated_schema_is_what_the_models_say(empty_engine) -> None:
    upgrade(empty_engine)
    with empty_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrated_database_describes_itself_as_one_made_from_the_models(empty_engine) -> None:
    upgrade(empty_engine)
    migrated = definitions(empty_engine)
    downgrade(empty_engine, "base")
    Base.metadata.create_all(empty_engine)
    assert migrated == definitions(empty_engine)
    assert any("uq_answers_active_person" in line for line in migrated)


def test_downgrading_leaves_no_table(empty_engine) -> None:
    upgrade(empty_engine)
    downgrade(empty_engine, "base")
    assert set(inspect(empty_engine).get_table_names()) == {"alembic_version"}
    upgrade(empty_engine)
    check_version(empty_engine)


def test_upgrading_twice_changes_nothing(empty_engine) -> None:
    upgrade(empty_engine)
    before = definitions(empty_engine)
    upgrade(empty_engine)
    assert definitions(empty_engine) == before


def test_an_empty_database_is_told_to_be_upgraded(empty_engine) -> None:
    with pytest.raises(StorageError, match=r"schema None.*annot-server upgrade"):
        check_version(empty_engine)


def test_the_migrations_are_found() -> None:
    assert (migrations_folder() / "versions" / "0001_initial.py").is_file()


@pytest.mark.parametrize(
    "url",
    ["sqlite:////no/such/folder/a.db", "postgresql+psycopg://ada:secret@/db?host=/no/such/folder"],
)
def test_a_database_that_cannot_be_opened_is_one_line_without_its_password(url) -> None:
    engine = open_engine(url)
    with pytest.raises(StorageError, match="the database cannot be opened") as caught:
        check_version(engine)
    engine.dispose()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
