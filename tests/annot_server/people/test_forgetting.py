"""Forgetting a person (R13): everything that names them goes, what they answered stays."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, select, text

from annot_server.forgetting import forget
from annot_server.invitations import invite
from annot_server.models import (
    Answer,
    AuditEntry,
    Base,
    Lease,
    PanelVisit,
    Person,
    Skip,
)
from annot_server.pauses import pause
from annot_server.server import utc_now
from annot_server.tokens import create_token

PASSWORD = "a horse in the soup"
NAME = "Ada Quillfeather"

ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def everything(server) -> str:
    """Return all that the database holds, as text."""
    parts = []
    with server.database.engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).all()
            parts.append("\n".join(map(str, rows)))
    return "\n".join(parts)


@pytest.fixture
def ada(server, project, set_password, enter):
    """Return the client of somebody who left traces everywhere."""
    frames = project.add_clip(3)
    who = set_password(NAME)
    client = enter(NAME)
    now = server.now()

    def leave_traces(session):
        person = session.get(Person, who)
        person.email, person.panel, person.panel_id = "ada@quill.example", "prolific", "pid-77"
        visit = {"panel": "prolific", "study_id": "s", "submission_id": "sub-77"}
        session.add(PanelVisit(person_id=who, arrived_at=now, **visit))
        about = [f"{NAME.upper()} is done", f"'{NAME}', again", f"not {NAME}s", "pid-77 and others"]
        session.add_all(
            AuditEntry(at=now, what="pause", subject=f"person 9: {reason}") for reason in about
        )
        session.add(
            AuditEntry(
                at=now,
                what="set_aside",
                subject=f"person 9: 3 answers, 0 frames opened: as blindly as {NAME.lower()}",
            )
        )
        session.add(
            Person(
                name="Bo",
                role="annotator",
                created_at=now,
                paused_at=now,
                paused_reason=f"the same as {NAME}",
            )
        )
        token = create_token(
            session, name=NAME, scopes=["annotate"], label=f"laptop of {NAME}", now=now
        )
        link = invite(session, name=NAME, role="annotator", now=now)
        return token, link

    client.token, client.link = server.database.write(leave_traces)
    client.post("/api/v1/leases", json={})
    client.post(
        f"/api/v1/frames/{frames[0]}/answers",
        json={"point": {"x": 0.25, "y": 0.5}},
        headers={"Idempotency-Key": "one"},
    )
    client.post(
        f"/api/v1/frames/{frames[1]}/skips", json={"reason": "other", "comment": f"I am {NAME}"}
    )
    client.person_id = who
    return client


def forget_at_the_page(client):
    return client.post("/account/forget", data={"confirm": "yes", "current": PASSWORD})


@ON_BOTH
def test_nothing_in_the_database_names_a_forgotten_person(ada, server) -> None:
    before = everything(server)
    traces = (NAME, "ada@quill.example", "pid-77", "sub-77")
    assert all(trace in before for trace in traces)
    assert forget_at_the_page(ada).status_code == 200
    after = everything(server).replace(f"not {NAME}s", "")  # another word, of somebody else
    assert [trace for trace in traces if trace.casefold() in after.casefold()] == []


def test_answers_and_skips_stay_and_count(ada, server) -> None:
    forget_at_the_page(ada)
    with server.database.read() as session:
        answer = session.execute(select(Answer.person_id, Answer.x, Answer.set_aside_at)).one()
        skip = session.execute(select(Skip.person_id, Skip.reason, Skip.comment)).one()
    assert answer == (ada.person_id, 0.25, None)
    assert skip == (ada.person_id, "other", None)


@ON_BOTH
def test_every_way_in_ends(ada, app) -> None:
    assert app.test_client().get(f"/join/{ada.link}").status_code == 200
    forget_at_the_page(ada)
    assert ada.get("/account").status_code == 401
    client = app.test_client()
    sign_in = client.post("/sign-in", data={"name": NAME, "password": PASSWORD})
    assert sign_in.status_code == 401
    bearer = {"Authorization": f"Bearer {ada.token}"}
    assert client.get("/api/v1/me", headers=bearer).status_code == 401
    assert client.post(f"/join/{ada.link}").status_code == 404


def test_frames_that_were_held_go_to_others(ada, server) -> None:
    forget_at_the_page(ada)
    with server.database.read() as session:
        assert session.scalars(select(Lease.expires_at)).one() == server.now()


def test_the_audit_row_has_the_number_and_reasons_lose_the_name(ada, server) -> None:
    forget_at_the_page(ada)
    with server.database.read() as session:
        found = session.execute(select(AuditEntry.what, AuditEntry.subject)).all()
    who = f"person {ada.person_id}"
    assert found[-1] == ("forget", who)
    reasons = [subject.split(": ")[-1] for what, subject in found if what in ("pause", "set_aside")]
    assert reasons == [
        f"{who} is done",
        f"{who}, again",
        f"not {NAME}s",
        f"{who} and others",
        f"as blindly as {who}",
    ]


@pytest.mark.parametrize("name", ["annotator", "person", "answers"])
def test_a_name_that_is_a_word_of_ours_rewrites_nobody_elses_rows(
    sign_in, server, project, name
) -> None:
    sign_in("Ada")
    who = project.person(name)
    subjects = select(AuditEntry.subject).order_by(AuditEntry.id)
    bo = project.person("Bo")
    server.database.write(lambda s: pause(s, person_id=bo, reason="tired", now=server.now()))
    with server.database.read() as session:
        before = session.scalars(subjects).all()
    server.database.write(lambda s: forget(s, person_id=who, secret=b"", now=server.now()))
    with server.database.read() as session:
        assert session.scalars(subjects).all() == [*before, f"person {who}"]


def test_the_name_is_free_for_somebody_else(ada, project, server) -> None:
    forget_at_the_page(ada)
    project.invite(NAME)
    with server.database.read() as session:
        ids = session.scalars(select(Person.id).where(Person.name == NAME)).all()
    assert len(ids) == 1
    assert ids[0] != ada.person_id


@pytest.mark.parametrize(
    ("data", "status", "told"),
    [
        ({}, 422, "Please tick the box first."),
        ({"confirm": "no", "current": PASSWORD}, 422, "Please tick the box first."),
        ({"confirm": "yes"}, 422, "do not belong together"),
        ({"confirm": "yes", "current": "wrong"}, 422, "do not belong together"),
    ],
)
def test_forgetting_is_confirmed_with_a_tick_and_the_password(
    set_password, enter, data, status, told
) -> None:
    set_password("Ada")
    client = enter("Ada")
    assert "It cannot be undone" in client.get("/account/forget").text
    refused = client.post("/account/forget", data=data)
    assert refused.status_code == status
    assert told in refused.text
    assert client.get("/api/v1/me").json["name"] == "Ada"


def test_without_a_password_the_tick_is_enough(sign_in) -> None:
    client = sign_in("Ada")
    done = client.post("/account/forget", data={"confirm": "yes"})
    assert "You are forgotten here" in done.text
    assert client.get("/api/v1/me").status_code == 401


def test_every_column_of_a_person_is_thought_of() -> None:
    kept = {
        "id", "role", "created_at", "consented_at", "consent_version", "session_version",
        "introduced_at", "qualified_at", "paused_at", "paused_reason", "judged_from",
        "forgotten_at", "panel",
    }  # fmt: skip
    erased = {"name", "email", "password_hash", "panel_id"}
    assert {column.name for column in Person.__table__.columns} == kept | erased
    named = {t.name for t in Base.metadata.tables.values() if "name" in t.columns}
    assert named == {"people", "api_tokens"}


class TestCommand:
    """`annot-server forget NAME`."""

    def test_it_asks_and_forgets(self, ada, cli, server) -> None:
        done = cli("forget", NAME, stdin="y\n")
        assert done.exit_code == 0
        assert done.stdout == (
            f"person {ada.person_id} is forgotten; their answers stay under a pseudonym\n"
        )
        assert ada.get("/account").status_code == 401
        with server.database.read() as session:
            forgotten_at = session.get_one(Person, ada.person_id).forgotten_at
        assert forgotten_at <= utc_now()

    def test_no_means_no(self, ada, cli) -> None:
        assert cli("forget", NAME, stdin="n\n").exit_code == 1
        assert ada.get("/account").status_code == 200

    def test_nobody_is_one_line_and_exit_1(self, cli) -> None:
        done = cli("forget", "Nobody", "--yes")
        assert done.exit_code == 1
        assert done.stderr == "Error: there is nobody called 'Nobody' here\n"
