from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select

from annot_server.errors import ConfigError
from annot_server.models import AuditEntry, Invite, Person


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


def test_an_invite_shows_its_name_and_signs_in_once(app, project) -> None:
    token = project.invite("Ada")
    client = app.test_client()
    for _ in range(2):
        page = client.get(f"/join/{token}")
        assert page.status_code == 200
        assert "Ada" in page.text
    joined = client.post(f"/join/{token}")
    assert (joined.status_code, joined.headers["Location"]) == (303, "/")
    assert client.get("/api/v1/me").json["name"] == "Ada"
    stranger = app.test_client()
    assert stranger.get(f"/join/{token}").status_code == 410
    assert stranger.post(f"/join/{token}").status_code == 410
    assert stranger.get("/api/v1/me").status_code == 401


def test_looking_at_an_invite_signs_nobody_in(app, project) -> None:
    client = app.test_client()
    client.get(f"/join/{project.invite('Ada')}")
    assert client.get("/api/v1/me").status_code == 401


def test_an_unknown_invite_is_404(app) -> None:
    client = app.test_client()
    assert client.get("/join/no-such-token").status_code == 404
    assert client.post("/join/no-such-token").status_code == 404


def test_a_maintainer_lands_on_the_maintainers_page(app, project) -> None:
    joined = app.test_client().post(f"/join/{project.invite('Mia', 'maintainer')}")
    assert joined.headers["Location"] == "/maintain"


def test_a_new_invite_for_a_name_is_for_the_same_person(server, project, sign_in) -> None:
    sign_in("Ada")
    sign_in(" Ada ")
    with server.database.read() as session:
        assert len(session.scalars(select(Person)).all()) == 1


def test_a_name_keeps_its_role(project) -> None:
    project.invite("Ada")
    with pytest.raises(ConfigError, match="'Ada' is already here as annotator"):
        project.invite("Ada", "maintainer")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_an_impossible_name_is_refused(project, name) -> None:
    with pytest.raises(ConfigError, match="1 to 200 characters"):
        project.invite(name)


def test_only_a_tokens_hash_is_stored(server, project) -> None:
    token = project.invite("Ada")
    with server.database.read() as session:
        stored = session.scalars(select(Invite.token_sha256)).one()
    assert stored == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) >= 43


def test_joining_is_recorded_as_consent(server, project, sign_in, clock) -> None:
    first = clock.now
    sign_in("Ada")
    clock.advance(3600)
    sign_in("Ada")
    with server.database.read() as session:
        assert session.scalars(select(Person.consented_at)).one() == first
        assert session.scalars(select(AuditEntry.what)).all() == [
            "invite",
            "consent",
            "join",
            "invite",
            "join",
        ]


def test_signing_out_ends_the_session(sign_in) -> None:
    client = sign_in()
    assert client.post("/sign-out").status_code == 303
    assert client.get("/api/v1/me").status_code == 401


def test_joining_as_somebody_else_replaces_the_session(app, project, sign_in) -> None:
    client = sign_in("Ada")
    client.post(f"/join/{project.invite('Bo')}")
    assert client.get("/api/v1/me").json["name"] == "Bo"


def test_a_forged_cookie_signs_nobody_in(app) -> None:
    client = app.test_client()
    client.set_cookie("annot", "eyJfdXNlcl9pZCI6IjEifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert client.get("/api/v1/me").status_code == 401


def test_a_session_of_nobody_is_no_session(app, server, sign_in) -> None:
    client = sign_in("Ada")
    with client.session_transaction() as session:
        session["_user_id"] = "999"
    assert client.get("/api/v1/me").status_code == 401
