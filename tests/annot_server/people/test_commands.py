"""Passwords, roles and pauses through the command line."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from annot_server.models import AuditEntry, Lease, Person
from annot_server.passwords import is_right
from annot_server.server import utc_now

PASSWORD = "a horse in the soup"


def rows(server, statement) -> list:
    with server.database.read() as session:
        return list(session.execute(statement))


def test_a_password_is_set_from_stdin(cli, server, project, enter) -> None:
    project.person("Ada")
    done = cli("password", "Ada", "--stdin", stdin=f"{PASSWORD}\nmore\n")
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    assert enter("Ada").get("/api/v1/me").status_code == 200
    [(stored,)] = rows(server, select(Person.password_hash))
    assert stored.startswith("$argon2id$")
    assert is_right(stored, PASSWORD)


def test_a_password_is_asked_for_twice(cli, project, enter) -> None:
    project.person("Ada")
    done = cli("password", "Ada", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    assert enter("Ada").get("/api/v1/me").status_code == 200


def test_a_new_password_signs_out_everywhere(cli, sign_in) -> None:
    client = sign_in("Ada")
    cli("password", "Ada", "--stdin", stdin=f"{PASSWORD}\n")
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("Nobody", PASSWORD, "there is nobody called 'Nobody' here"),
        ("Ada", "short", "A password has at least 10 characters."),
        ("Ada", "", "A password has at least 10 characters."),
        ("Robot", PASSWORD, "'Robot' is a model, and has no password"),
        ("", PASSWORD, "a name has 1 to 200 characters, got ''"),
    ],
)
def test_a_password_that_cannot_be_is_one_line_and_exit_1(
    cli, project, name, password, told
) -> None:
    project.person("Ada")
    project.person("Robot", "model")
    done = cli("password", name, "--stdin", stdin=f"{password}\n")
    assert done.exit_code == 1
    assert done.stderr == f"Error: {told}\n"


def test_a_role_is_changed_with_an_audit_row(cli, server, project) -> None:
    ada = project.person("Ada")
    assert cli("change-role", "Ada", "reviewer").output == "Ada is now reviewer\n"
    assert rows(server, select(Person.role)) == [("reviewer",)]
    found = rows(server, select(AuditEntry.what, AuditEntry.subject))
    assert found == [("change_role", f"person {ada} from annotator to reviewer")]


def test_a_model_never_becomes_a_person(cli, project) -> None:
    project.person("Robot", "model")
    done = cli("change-role", "Robot", "maintainer")
    assert done.exit_code == 1
    assert "a model does not become a person" in done.stderr
    assert cli("change-role", "Robot", "model").exit_code == 2


def test_a_paused_person_gets_no_frames_until_resumed(cli, server, project, sign_in, clock) -> None:
    clock.now = utc_now()  # the command line has no other clock
    project.add_clip(3)
    client = sign_in("Ada")
    client.post("/api/v1/leases", json={})
    assert cli("pause", "Ada", "--reason", "  to be\n looked at ").output == "Ada is paused\n"
    assert cli("pause", "Ada", "--reason", "again").output == "Ada is paused already\n"
    asked = client.post("/api/v1/leases", json={}).json
    assert (asked["lease"], asked["reason"]) == (None, "paused")
    assert rows(server, select(Person.paused_reason)) == [("to be looked at",)]
    assert rows(server, select(Lease.released_at)) != [(None,)]
    assert cli("resume", "Ada").output == "Ada goes on\n"
    assert cli("resume", "Ada").output == "Ada is not paused\n"
    assert client.post("/api/v1/leases", json={}).json["lease"] is not None
    what = [what for (what,) in rows(server, select(AuditEntry.what))]
    assert what[-2:] == ["pause", "resume"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["pause", "Nobody", "--reason", "x"], 1),
        (["pause", "Ada", "--reason", " "], 1),
        (["pause", "Ada", "--reason", "x" * 201], 1),
        (["pause", "Ada"], 2),
        (["resume", "Nobody"], 1),
        (["change-role", "Nobody", "reviewer"], 1),
    ],
)
def test_what_cannot_be_is_one_line(cli, project, words, code) -> None:
    project.person("Ada")
    done = cli(*words)
    assert done.exit_code == code
    assert code == 2 or len(done.stderr.strip().splitlines()) == 1


def test_somebody_forgotten_is_not_resumed(cli, server, project) -> None:
    project.person("Ada")
    cli("forget", "Ada", "--yes")
    [(name,)] = rows(server, select(Person.name))
    done = cli("resume", name)
    assert done.exit_code == 1
    assert "was forgotten" in done.stderr
