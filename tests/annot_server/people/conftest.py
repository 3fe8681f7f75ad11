"""What the tests of people share: one database is enough for most, and cheap password hashes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from annot_server import passwords
from annot_server.cli import main
from annot_server.models import Person
from annot_server.server import Server
from tests.annot_server.people.visits import PID, entry

PASSWORD = "a horse in the soup"


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh, migrated database: SQLite, unless a test asks for others."""
    return request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_database_url")


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash in a millisecond: what is tested is what is done with hashes."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))


@pytest.fixture
def set_password(server: Server, project) -> Callable[..., int]:
    """Return a function that makes a person with a password: `set_password("Ada")`."""

    def set_password(name: str = "Ada", password: str = PASSWORD, role: str = "annotator") -> int:
        person_id = project.person(name, role)
        hashed = passwords.hash_password(password)
        server.database.write(
            lambda session: passwords.set_password(
                session, person_id=person_id, password_hash=hashed, now=server.now()
            )
        )
        return person_id

    return set_password


@pytest.fixture
def enter(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that signs in by name and password and gives the client."""

    def enter(name: str = "Ada", password: str = PASSWORD) -> FlaskClient:
        client = app.test_client()
        response = client.post("/sign-in", data={"name": name, "password": password})
        assert response.status_code == 303, response.text
        return client

    return enter


@pytest.fixture
def cli(server: Server) -> Callable[..., Result]:
    """Return a function that runs `annot-server` on the test's server."""

    def cli(*arguments: object, stdin: str | None = None) -> Result:
        words = ["--home", str(server.home.path), *map(str, arguments)]
        return CliRunner().invoke(main, words, input=stdin)

    return cli


@pytest.fixture
def person_of(server: Server) -> Callable[[int], Person]:
    """Return a function that reads a person's row."""

    def person_of(person_id: int) -> Person:
        with server.database.read() as session:
            found = session.get_one(Person, person_id)
            session.expunge(found)
            return found

    return person_of


def in_database(server: Server, statement) -> list:
    """Return the rows of a statement."""
    with server.database.read() as session:
        assert isinstance(session, Session)
        return list(session.execute(statement))


@pytest.fixture
def begin(app: Flask) -> Callable[..., FlaskClient]:
    """Return a function that begins a panel's submission in a new browser."""

    def begin(submission: str = "s1", pid: str = PID) -> FlaskClient:
        client = app.test_client()
        answer = client.post(entry(submission, pid))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        return client

    return begin
