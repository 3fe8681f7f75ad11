"""Invites that lapse, are withdrawn, set a password, and come by the dozen."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from annot_server.invitations import invite, revoke_invitations
from annot_server.models import AuditEntry, Invite, Person
from annot_server.server import utc_now

ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def lapsing(server):
    """Return a function that makes an invite of one day."""

    def lapsing(name: str = "Ada") -> str:
        now = server.now()
        return server.database.write(
            lambda session: invite(
                session,
                name=name,
                role="annotator",
                now=now,
                expires_at=now + timedelta(days=1),
            )
        )

    return lapsing


def test_an_invite_works_until_it_lapses(app, lapsing, clock) -> None:
    token = lapsing()
    clock.advance(86_399)
    assert app.test_client().get(f"/join/{token}").status_code == 200
    clock.advance(1)
    client = app.test_client()
    page = client.get(f"/join/{token}")
    assert page.status_code == 410
    assert "This link has expired" in page.text
    assert client.post(f"/join/{token}").status_code == 410
    assert client.get("/api/v1/me").status_code == 401


@ON_BOTH
def test_withdrawn_invites_work_no_longer_and_used_ones_stay_used(
    app, server, lapsing, sign_in
) -> None:
    sign_in("Ada")
    tokens = [lapsing("Ada"), lapsing("Bo")]
    revoked = server.database.write(
        lambda session: revoke_invitations(session, person_id=None, now=server.now())
    )
    assert revoked == 2
    assert {app.test_client().get(f"/join/{token}").status_code for token in tokens} == {410}


def test_joining_can_set_a_password(app, project, enter) -> None:
    token = project.invite("Ada")
    joined = app.test_client().post(f"/join/{token}", data={"password": "long enough for us"})
    assert joined.status_code == 303
    assert enter("Ada", "long enough for us").get("/api/v1/me").json["name"] == "Ada"


@ON_BOTH
@pytest.mark.parametrize("data", [{}, {"password": "long enough for us"}])
def test_a_press_that_is_sent_twice_joins_once(app, project, server, data) -> None:
    """A double click: the second request leaves before the first one's cookies are here."""
    token = project.invite("Ada")
    client = app.test_client()
    client.get(f"/join/{token}")
    mark = client.get_cookie("annot-mark").value
    for _ in range(2):
        again = app.test_client()
        again.set_cookie("annot-mark", mark)
        assert again.post(f"/join/{token}", data=data).status_code == 303
        assert again.get("/api/v1/me").json["name"] == "Ada"
    with server.database.read() as session:
        what = session.scalars(select(AuditEntry.what)).all()
    assert [what.count(kind) for kind in ("join", "consent")] == [1, 1]
    assert what.count("set_password") == len(data)


def test_after_a_lost_reply_the_link_works_in_that_browser_for_ten_minutes(
    app, project, clock
) -> None:
    path = f"/join/{project.invite('Ada')}"
    client = app.test_client()
    client.get(path)
    client.post(path)
    client.delete_cookie("annot")  # as if the reply had not come
    clock.advance(599)
    assert "Agree and start" in client.get(path).text
    clock.advance(1)
    assert client.get(path).status_code == 410
    assert client.post(path).status_code == 410


def test_a_browser_that_only_looked_does_not_get_in_behind_another(app, project) -> None:
    path = f"/join/{project.invite('Ada')}"
    first, other = app.test_client(), app.test_client()
    for client in (first, other):
        client.get(path)
    assert first.post(path).status_code == 303
    assert other.post(path).status_code == 410


def test_signing_out_ends_the_browsers_second_try(app, project) -> None:
    path = f"/join/{project.invite('Ada')}"
    client = app.test_client()
    client.get(path)
    client.post(path)
    client.post("/sign-out")
    assert client.post(path).status_code == 410


@pytest.mark.parametrize(
    ("password", "told"),
    [("short", "at least 10"), ("x" * 201, "at most 200"), ("ADA LOVELACE", "is not the name")],
)
def test_a_password_against_the_rules_leaves_the_invite_unused(
    app, project, password, told
) -> None:
    client = app.test_client()
    token = project.invite("Ada Lovelace")
    refused = client.post(f"/join/{token}", data={"password": password})
    assert refused.status_code == 422
    assert told in refused.text
    assert password not in refused.text or password == "ADA LOVELACE"
    assert client.get("/api/v1/me").status_code == 401
    assert client.post(f"/join/{token}").status_code == 303


def test_a_name_with_html_in_it_stays_text(app, project) -> None:
    name = "<b onclick=alert(1)>Ada</b> & 'co'"
    page = app.test_client().get(f"/join/{project.invite(name)}")
    assert "<b onclick" not in page.text
    assert "&lt;b onclick=alert(1)&gt;Ada&lt;/b&gt; &amp; &#39;co&#39;" in page.text


def test_the_command_prints_a_link_that_lapses(cli, app, server) -> None:
    done = cli("invite", "Ada", "--role", "annotator", "--expires-days", 3)
    assert done.exit_code == 0
    assert done.stdout.startswith("http://127.0.0.1:8000/join/")
    with server.database.read() as session:
        row = session.execute(select(Invite.expires_at, Invite.created_at)).one()
    assert row.expires_at - row.created_at == timedelta(days=3)
    assert app.test_client().get(done.stdout.strip().removeprefix("http://127.0.0.1:8000"))


@pytest.mark.parametrize("settings", [{"invite_days": 2}])
def test_the_setting_says_how_long_links_work(cli, server) -> None:
    cli("invite", "Ada", "--role", "annotator")
    with server.database.read() as session:
        row = session.execute(select(Invite.expires_at, Invite.created_at)).one()
    assert row.expires_at - row.created_at == timedelta(days=2)


@ON_BOTH
def test_many_are_invited_at_once_and_numbered_on(cli, server) -> None:
    first = cli("invite", "--role", "annotator", "--count", 2, "--prefix", "lab-")
    assert [line.split("\t")[0] for line in first.stdout.splitlines()] == ["lab-01", "lab-02"]
    more = cli("invite", "--role", "annotator", "--count", 2, "--prefix", "lab-", "--json")
    links = [json.loads(line) for line in more.stdout.splitlines()]
    assert [link["name"] for link in links] == ["lab-03", "lab-04"]
    assert len({link["url"] for link in links}) == 2
    with server.database.read() as session:
        assert len(session.scalars(select(Person)).all()) == 4


@pytest.mark.parametrize(
    "words",
    [
        ["--role", "annotator"],
        ["Ada", "--role", "annotator", "--count", "2"],
        ["--role", "annotator", "--count", "2"],
        ["--role", "annotator", "--prefix", "x"],
        ["Ada", "--role", "annotator", "--submission", "s1"],
        ["Ada", "--role", "model"],
    ],
)
def test_an_invite_that_is_neither_one_nor_many_is_a_usage_error(cli, words) -> None:
    assert cli("invite", *words).exit_code == 2


def test_the_command_withdraws_unused_links(cli, app, clock) -> None:
    link = cli("invite", "Ada", "--role", "annotator").stdout.strip()
    cli("invite", "Bo", "--role", "annotator")
    assert cli("revoke-invites", "Ada").output == "1 unused links work no longer\n"
    assert cli("revoke-invites", "--everybody").output == "1 unused links work no longer\n"
    clock.now = utc_now()
    assert app.test_client().post(link.removeprefix("http://127.0.0.1:8000")).status_code == 410
    assert cli("revoke-invites").exit_code == 2
    assert cli("revoke-invites", "Nobody").exit_code == 1
