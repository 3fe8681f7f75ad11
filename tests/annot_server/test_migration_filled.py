"""Migrations up and down on databases that hold something in every table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, text
from sqlalchemy.exc import IntegrityError

from annot_server.database import open_engine
from annot_server.errors import StorageError
from annot_server.migration import downgrade, migrations_folder, upgrade
from tests.annot_server.filled_rows import NEW_ROWS, Rows

CHANGED_DOWNWARD = {("0002", "people", "role"): {"reviewer": "annotator", "model": "annotator"}}
"""What going below a revision has to change, since the older schema has no word for it."""


def revisions() -> list[str]:
    """Return every revision, oldest first."""
    scripts = ScriptDirectory(str(migrations_folder())).walk_revisions("base", "heads")
    return [script.revision for script in scripts][::-1]


def tables_of(engine: Engine) -> MetaData:
    metadata = MetaData()
    metadata.reflect(engine)
    metadata.remove(metadata.tables["alembic_version"])
    return metadata


def fill(engine: Engine, revision: str) -> None:
    """Insert what is new in a revision, parents first."""
    found = tables_of(engine)
    new = NEW_ROWS.get(revision, {})
    with engine.begin() as connection:
        for table in found.sorted_tables:
            for row in new.get(table.name, []):
                connection.execute(table.insert().values(row))


def content(engine: Engine) -> Rows:
    """Return every row of every table."""
    found = tables_of(engine)
    with engine.connect() as connection:
        return {
            table.name: sorted(
                (dict(row._mapping) for row in connection.execute(table.select())), key=repr
            )
            for table in found.sorted_tables
        }


def narrowed(rows: Rows, like: Rows) -> Rows:
    """Return the tables and columns that the other content has too."""
    columns = {table: set(found[0]) for table, found in like.items()}
    kept = {
        table: [{name: row[name] for name in row if name in columns[table]} for row in found]
        for table, found in rows.items()
        if table in columns
    }
    return {table: sorted(found, key=repr) for table, found in kept.items()}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_engine(request, tmp_path) -> Iterator[Engine]:
    """Open a database without any table."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path}/filled.db")
        yield engine
        engine.dispose()
        return
    server = request.getfixturevalue("postgres_url")
    admin = open_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE filled STRATEGY FILE_COPY"))
    engine = open_engine(server.replace("/postgres?", "/filled?"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE filled WITH (FORCE)"))
    admin.dispose()


def filled_up_to(engine: Engine, revision: str) -> Rows:
    """Migrate to a revision, filling what each one brings, and return all that is in it."""
    for step in revisions():
        upgrade(engine, step)
        fill(engine, step)
        if step == revision:
            break
    return content(engine)


@pytest.mark.parametrize("revision", revisions())
def test_every_table_and_column_holds_something(empty_engine, revision) -> None:
    """Else the other tests here would not see a migration lose it: fill what you add."""
    rows = filled_up_to(empty_engine, revision)
    assert {table for table, found in rows.items() if not found} == set()
    bare = {
        f"{table}.{column}"
        for table, found in rows.items()
        for column in found[0]
        if all(row[column] is None for row in found)
    }
    assert bare == set()


@pytest.mark.parametrize("revision", revisions())
def test_a_filled_database_keeps_every_row_on_the_way_up_and_down_again(
    empty_engine, revision
) -> None:
    before = filled_up_to(empty_engine, revision)
    upgrade(empty_engine)
    assert narrowed(content(empty_engine), like=before) == before
    downgrade(empty_engine, revision)
    assert content(empty_engine) == before


def test_the_newest_database_keeps_what_older_ones_have_room_for_on_the_way_down(
    empty_engine,
) -> None:
    steps = revisions()
    rows = filled_up_to(empty_engine, steps[-1])
    for newer, older in zip(steps[:0:-1], steps[-2::-1], strict=True):
        downgrade(empty_engine, older)
        left = content(empty_engine)
        expected = narrowed(rows, like=left)
        for (revision, table, column), words in CHANGED_DOWNWARD.items():
            for row in expected[table] if revision == newer else ():
                row[column] = words.get(row[column], row[column])
        assert left == {table: sorted(found, key=repr) for table, found in expected.items()}
        rows = left
    upgrade(empty_engine)
    assert narrowed(content(empty_engine), like=rows) == rows


# SQLite copies a table to change it, while nobody looks after references ----------------------


@pytest.fixture
def with_a_broken_reference(tmp_path) -> Iterator[Engine]:
    """Open a filled SQLite database of the first schema, with a skip of a missing frame."""
    engine = open_engine(f"sqlite:///{tmp_path}/broken.db")
    upgrade(engine, "0001")
    fill(engine, "0001")
    raw = engine.raw_connection()
    raw.cursor().execute("PRAGMA foreign_keys = OFF")
    raw.cursor().execute("UPDATE skips SET frame_id = 99")
    raw.cursor().execute("PRAGMA foreign_keys = ON")
    raw.close()
    yield engine
    engine.dispose()


def test_a_broken_reference_stops_a_migration_and_nothing_is_changed(
    with_a_broken_reference,
) -> None:
    before = content(with_a_broken_reference)
    with pytest.raises(StorageError, match=r"row 1 of skips names a row of frames that is missing"):
        upgrade(with_a_broken_reference)
    assert content(with_a_broken_reference) == before


def test_references_are_enforced_again_after_a_migration(empty_engine) -> None:
    filled_up_to(empty_engine, revisions()[-1])
    with pytest.raises(IntegrityError), empty_engine.begin() as connection:
        connection.execute(text("UPDATE skips SET frame_id = 99"))


def test_references_are_enforced_again_after_a_migration_that_was_stopped(
    with_a_broken_reference,
) -> None:
    with pytest.raises(StorageError):
        upgrade(with_a_broken_reference)
    with pytest.raises(IntegrityError), with_a_broken_reference.begin() as connection:
        connection.execute(text("UPDATE slots SET frame_id = 99 WHERE id = 2"))
