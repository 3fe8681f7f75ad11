"""What people are told while the database is away."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from annot_server.database import Database
from annot_server.outages import is_away


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


def failure(name: str) -> OperationalError:
    error = sqlite3.OperationalError("something\nof two lines")
    error.sqlite_errorname = name
    return OperationalError("SELECT 1", {}, error)


@pytest.fixture
def fail_with(monkeypatch):
    """Let every use of the database fail with an error of SQLite's."""

    def fail_with(name: str) -> None:
        def fail(*_args, **_options):
            raise failure(name)

        monkeypatch.setattr(Database, "write", fail)
        monkeypatch.setattr(Database, "read", fail)
        monkeypatch.setattr(Database, "look", fail)

    return fail_with


def test_an_answer_that_meets_an_absent_database_is_told_to_come_again(sign_in, fail_with) -> None:
    client = sign_in()
    fail_with("SQLITE_IOERR_READ")
    response = client.post("/api/v1/leases", json={})
    assert (response.status_code, response.json["error"]) == (503, "database_away")
    assert response.headers["Retry-After"] == "1"


def test_a_page_says_so_too(sign_in, fail_with) -> None:
    client = sign_in()
    fail_with("SQLITE_FULL")
    response = client.get("/")
    assert response.status_code == 503
    assert "please try again in a moment" in response.text


def test_the_log_has_one_line_of_it(sign_in, fail_with, caplog) -> None:
    client = sign_in()
    fail_with("SQLITE_BUSY")
    client.get("/")
    assert [record.getMessage() for record in caplog.records] == ["the database is away: something"]


@pytest.mark.parametrize("name", ["SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_CANTOPEN"])
def test_a_database_that_may_come_back_is_away(name) -> None:
    assert is_away(failure(name))


def test_a_wrong_statement_is_our_fault_and_no_outage() -> None:
    assert not is_away(failure("SQLITE_ERROR"))
    assert not is_away(IntegrityError("INSERT", {}, sqlite3.IntegrityError()))


def test_a_wrong_statement_is_answered_500(app, sign_in, fail_with) -> None:
    client = sign_in()
    app.testing = False
    fail_with("SQLITE_ERROR")
    assert client.get("/").status_code == 500
