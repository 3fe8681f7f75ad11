from __future__ import annotations

import fcntl
import os
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from annot_server.database import WRITE_ATTEMPTS, Database, _prepare_sqlite, open_engine
from annot_server.errors import StorageError
from annot_server.models import Person


@pytest.fixture
def database(server) -> Database:
    return server.database


def add_person(session, server, name: str = "Ada") -> None:
    session.add(Person(name=name, role="annotator", created_at=server.now()))


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.execute(text("SELECT name FROM people ORDER BY name")).scalars())


def test_an_error_rolls_everything_back(server, database) -> None:
    def work(session) -> None:
        add_person(session, server)
        session.flush()
        raise StorageError("no")

    with pytest.raises(StorageError):
        database.write(work)
    assert names(database) == []


def test_work_that_met_a_constraint_is_done_again_from_its_beginning(server, database) -> None:
    attempts = []

    def work(session) -> None:
        attempts.append(len(attempts))
        add_person(session, server, "Bo" if len(attempts) > 1 else "Ada")
        add_person(session, server, "Ada")

    database.write(work)
    assert attempts == [0, 1]
    assert names(database) == ["Ada", "Bo"]


def test_work_that_never_fits_ends_in_its_error(server, database) -> None:
    attempts = []

    def work(session) -> None:
        attempts.append(0)
        add_person(session, server)
        add_person(session, server)

    with pytest.raises(IntegrityError):
        database.write(work)
    assert len(attempts) == WRITE_ATTEMPTS


def test_a_broken_statement_is_not_tried_again(database) -> None:
    attempts = []

    def work(session) -> None:
        attempts.append(0)
        session.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(DBAPIError):
        database.write(work)
    assert len(attempts) == 1


def test_a_reader_sees_one_moment(server, database) -> None:
    with database.read() as session:
        count = text("SELECT count(*) FROM people")
        assert session.execute(count).scalar_one() == 0
        database.write(lambda writer: add_person(writer, server))
        assert session.execute(count).scalar_one() == 0
    assert names(database) == ["Ada"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_sqlite_connection_is_durable_and_checks_references(database) -> None:
    connections = [database.engine.raw_connection() for _ in range(3)]
    for connection in connections:
        found = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        assert found == ["wal", 2, 1]
    for connection in connections:
        connection.close()


def test_a_sqlite_that_cannot_be_durable_is_refused() -> None:
    connection = sqlite3.connect(":memory:")  # has no write-ahead log
    with pytest.raises(StorageError, match="on a network disk"):
        _prepare_sqlite(connection, None)
    connection.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_sqlite_writer_takes_the_lock_when_it_begins(server, database) -> None:
    def work(session) -> None:
        session.execute(text("SELECT 1"))
        path = str(database.engine.url.database)
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()

    database.write(work)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_writers_of_other_processes_stand_in_the_same_line(server, database) -> None:
    """Another process has the lock's file open for itself, as this test does."""
    path = f"{database.engine.url.database}-writer"

    def is_free() -> bool:
        other = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(other)
        return True

    assert database.write(lambda _: is_free()) is False
    assert is_free()


def test_one_statement_can_be_looked_at_by_itself(server, database) -> None:
    database.write(lambda session: add_person(session, server))
    found = database.look(text("SELECT name FROM people WHERE name = :name"), {"name": "Ada"})
    assert found is not None
    assert found.name == "Ada"
    assert database.look(text("SELECT name FROM people WHERE name = :name"), {"name": "B"}) is None


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_postgresql_reader_cannot_write(server, database) -> None:
    statement = text("UPDATE people SET name = 'Eve'")
    with database.read() as session, pytest.raises(DBAPIError, match="read-only"):
        session.execute(statement)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/db", "names 'mysql'; sqlite and postgresql are known"),
        ("annotations.db", "cannot be used .*should be sqlite:///FILE"),
        ("postgresql+nodriver://host/db", "cannot be used .*postgresql\\+psycopg"),
    ],
)
def test_a_url_that_names_no_database_of_ours_is_refused(url, message) -> None:
    with pytest.raises(StorageError, match=message):
        open_engine(url)
