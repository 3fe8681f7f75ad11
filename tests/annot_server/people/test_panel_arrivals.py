"""Crowd panels: arriving, and one browser a submission."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from annot_server import panels
from annot_server.config import Config
from annot_server.errors import ConfigError
from annot_server.models import AuditEntry, PanelVisit, Person
from annot_server.providers import find_panel
from annot_server.providers.panel import Arrival
from tests.annot_server.people.visits import ON_BOTH, PID, SETTINGS, answer, entry, rows, status_of


@pytest.fixture
def settings() -> dict[str, object]:
    return SETTINGS


def test_looking_at_the_entry_begins_nothing(app, server) -> None:
    client = app.test_client()
    page = client.get(entry())
    assert page.status_code == 200
    assert "Agree and start" in page.text
    assert client.get("/api/v1/me").status_code == 401
    assert rows(server, select(Person.id)) == []


@ON_BOTH
def test_one_address_brings_a_few_new_people_a_day(app, begin, server, clock) -> None:
    for i in range(4):
        begin(f"s{i}", f"made-up-{i}")
        clock.advance(1000)
    refused = app.test_client().post(entry("s4", "made-up-4"))
    assert refused.status_code == 429
    assert "Too many people have begun this study from your network" in refused.text
    assert len(rows(server, select(Person.id))) == 4
    elsewhere = app.test_client().post(
        entry("s4", "made-up-4"), environ_base={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert elsewhere.status_code == 303
    clock.advance(86_400 - 4000)
    begin("s5", "made-up-5")


@pytest.mark.parametrize("settings", [{"panel": "prolific", "panel_people_per_address": 0}])
def test_a_lab_can_do_without_the_limit(begin) -> None:
    for i in range(6):
        begin(f"s{i}", f"made-up-{i}")


def test_the_first_arrival_makes_a_person_whose_name_tells_nothing(begin, server) -> None:
    me = begin().get("/api/v1/me").json
    assert me["role"] == "annotator"
    assert me["name"].startswith("prolific-")
    assert PID not in me["name"]
    (row,) = rows(server, select(Person.panel, Person.panel_id, Person.consented_at))
    assert row == ("prolific", PID, server.now())
    told = rows(server, select(AuditEntry.subject))
    assert all(PID not in subject for (subject,) in told)


@pytest.mark.parametrize("role", ["annotator", "maintainer"])
def test_the_panels_id_stands_on_no_page(begin, project, sign_in, role) -> None:
    project.add_clip(3)
    client = begin()
    answer(client)
    seen_by = client if role == "annotator" else sign_in("Mia", "maintainer")
    for path in ("/", "/account", "/api/v1/me"):
        assert PID not in seen_by.get(path).text


def test_the_same_url_in_another_browser_gets_nothing(app, begin) -> None:
    begin()
    other = app.test_client()
    for refused in (other.get(entry()), other.post(entry())):
        assert refused.status_code == 409
        assert "begun in another browser" in refused.text
    assert other.get("/api/v1/me").status_code == 401


@ON_BOTH
def test_of_many_browsers_at_once_one_gets_in(app, server) -> None:
    codes: list[int] = []

    def come() -> None:
        codes.append(app.test_client().post(entry()).status_code)

    threads = [threading.Thread(target=come) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [303] + [409] * 5
    assert len(rows(server, select(Person.id))) == 1


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
def test_of_two_browsers_that_come_back_at_once_one_gets_in(
    app, begin, project, server, monkeypatch
) -> None:
    """On SQLite one of them is through before the other begins."""
    project.add_clip(2)
    first = begin("s0")
    answer(first, 2)
    first.post("/panel/finish")
    lock, meeting = panels.lock_person, threading.Barrier(2)

    def lock_together(session, person_id) -> None:
        meeting.wait(10)
        lock(session, person_id)

    monkeypatch.setattr(panels, "lock_person", lock_together)
    codes: list[int] = []

    def come(submission: str) -> None:
        codes.append(app.test_client().post(entry(submission)).status_code)

    threads = [threading.Thread(target=come, args=(name,)) for name in ("s1", "s2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [303, 409]
    assert len(rows(server, select(PanelVisit.id).where(PanelVisit.ended_at.is_(None)))) == 1


@ON_BOTH
def test_a_press_that_is_sent_twice_begins_one_visit(app, server) -> None:
    """A double click: the second request leaves before the first one's cookies are here."""
    client = app.test_client()
    client.get(entry())
    mark = client.get_cookie("annot-mark").value
    for _ in range(2):
        again = app.test_client()
        again.set_cookie("annot-mark", mark)
        assert again.post(entry()).status_code == 303
        assert again.get("/api/v1/me").status_code == 200
    assert len(rows(server, select(PanelVisit.id))) == 1


def test_after_a_lost_reply_the_entry_is_shown_again_for_ten_minutes(app, clock) -> None:
    client = app.test_client()
    client.get(entry())
    client.post(entry())
    client.delete_cookie("annot")  # as if the reply had not come
    clock.advance(599)
    assert "Agree and start" in client.get(entry()).text
    clock.advance(1)
    assert client.get(entry()).status_code == 409
    assert client.post(entry()).status_code == 409


def test_a_browser_that_only_looked_does_not_get_into_anothers_visit(app) -> None:
    first, other = app.test_client(), app.test_client()
    for client in (first, other):
        client.get(entry())
    assert first.post(entry()).status_code == 303
    assert other.post(entry()).status_code == 409


def test_a_repeat_does_not_get_into_a_visit_that_ended(app, sign_in) -> None:
    client = app.test_client()
    client.get(entry())
    client.post(entry())
    mia = sign_in("Mia", "maintainer")
    mia.post("/api/v1/panel-visits/s1/status", json={"status": "returned"})
    assert client.post(entry()).status_code == 410


def test_the_same_url_in_the_same_browser_goes_on(begin, server) -> None:
    client = begin()
    again = client.get(entry())
    assert (again.status_code, again.headers["Location"]) == (303, "/")
    assert client.post(entry()).status_code == 303
    assert len(rows(server, select(PanelVisit.id))) == 1


def test_a_made_up_submission_does_not_get_into_a_visit_that_goes_on(app, begin) -> None:
    first = begin("s1")
    other = app.test_client()
    assert other.get(entry("made-up")).status_code == 409
    assert other.post(entry("made-up")).status_code == 409
    assert first.get("/api/v1/me").status_code == 200


@ON_BOTH
def test_somebody_comes_back_for_another_submission_as_the_same_person(
    app, server, begin, project, clock
) -> None:
    project.add_clip(4)
    first = begin("s1")
    answer(first, 2)
    first.post("/panel/finish")
    clock.advance(1)
    second = begin("s2")
    assert len(rows(server, select(Person.id))) == 1
    assert first.get("/api/v1/me").status_code == 401
    assert second.get("/api/v1/me").json["visit"]["given"] == 0


@ON_BOTH
def test_in_the_same_browser_a_new_submission_ends_the_one_before(begin, server) -> None:
    client = begin("s1")
    assert client.get(entry("s2")).status_code == 200
    assert client.post(entry("s2")).status_code == 303
    assert client.get("/api/v1/me").status_code == 200
    assert (status_of(server, "s1"), status_of(server, "s2")) == ("returned", None)


def test_a_visit_that_nobody_ended_is_over_after_a_day(app, begin, clock) -> None:
    begin("s1")
    clock.advance(86_399)
    assert app.test_client().post(entry("s2")).status_code == 409
    clock.advance(1)
    assert app.test_client().post(entry("s2")).status_code == 303


def test_arriving_replaces_whoever_was_signed_in(sign_in) -> None:
    client = sign_in("Mia", "maintainer")
    client.post(entry())
    assert client.get("/api/v1/me").json["name"].startswith("prolific-")


@ON_BOTH
@pytest.mark.parametrize(
    "url", [entry("s1"), entry("s2"), entry("s1", pid="another")], ids=["same", "new", "borrowed"]
)
def test_who_was_forgotten_does_not_answer_a_second_time(app, begin, server, url) -> None:
    client = begin("s1")
    assert client.post("/account/forget", data={"confirm": "yes"}).status_code == 200
    for browser in (client, app.test_client()):
        for refused in (browser.get(url), browser.post(url)):
            assert refused.status_code == 410
            assert "You asked to be forgotten here" in refused.text
    assert len(rows(server, select(Person.id))) == 1


def test_what_stays_of_a_forgotten_panel_id_cannot_be_sent_as_one(begin, server, app) -> None:
    begin().post("/account/forget", data={"confirm": "yes"})
    ((trace,),) = rows(server, select(Person.panel_id))
    assert PID not in trace
    assert app.test_client().post(entry(pid=trace)).status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        "/panel/prolific",
        entry(pid=""),
        entry(pid="{{%25PROLIFIC_PID%25}}"),
        entry(submission="a" * 101),
        entry(study="<script>"),
    ],
)
def test_an_incomplete_address_is_told_in_a_sentence(app, url) -> None:
    for refused in (app.test_client().get(url), app.test_client().post(url)):
        assert refused.status_code == 400
        assert "open the study from the panel again" in refused.text


@pytest.mark.parametrize("name", ["url", "unknown"])
def test_a_panel_that_is_not_set_takes_nobody(app, name) -> None:
    query = f"?participant=p&study=s&submission={name}"
    assert app.test_client().post(f"/panel/{name}{query}").status_code == 404


def test_settings_name_a_panel_that_there_is() -> None:
    assert Config(panel="prolific").panel == "prolific"
    with pytest.raises(ConfigError, match="panel should be one of"):
        Config(panel="mturk")
    with pytest.raises(ConfigError, match="should begin with https"):
        Config(panel_completion_url="javascript:alert(1)")


def test_each_panel_reads_its_own_parameters() -> None:
    prolific, url = find_panel("prolific"), find_panel("url")
    given = {"PROLIFIC_PID": "p", "STUDY_ID": "s", "SESSION_ID": "x", "other": "y"}
    assert prolific.arrival(given) == Arrival("p", "s", "x")
    assert url.arrival({"participant": "p", "study": "s", "submission": "x"}) == Arrival(
        "p", "s", "x"
    )
    assert url.completed_at("c", "") == ""
    assert prolific.completed_at("", "") == ""
