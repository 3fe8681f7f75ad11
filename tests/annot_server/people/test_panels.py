"""Crowd panels: arriving, one browser a submission, finishing, and work that was abandoned."""

from __future__ import annotations

import json
import os
import threading

import pytest
from sqlalchemy import select

from annot_server import panels
from annot_server.config import Config
from annot_server.errors import ConfigError
from annot_server.models import AuditEntry, Lease, PanelVisit, Person
from annot_server.providers import find_panel
from annot_server.providers.panel import Arrival
from annot_server.server import utc_now

PID = "5f3a1b2c3d4e5f6a7b8c9d0e"

ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def settings() -> dict[str, object]:
    return {"panel": "prolific", "panel_completion_code": "C0DE X", "panel_answers": 2}


def entry(submission: str = "s1", pid: str = PID, study: str = "study1") -> str:
    return f"/panel/prolific?PROLIFIC_PID={pid}&STUDY_ID={study}&SESSION_ID={submission}"


@pytest.fixture
def begin(app):
    """Return a function that begins a submission in a new browser."""

    def begin(submission: str = "s1", pid: str = PID):
        client = app.test_client()
        answer = client.post(entry(submission, pid))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        return client

    return begin


def answer(client, n: int = 1) -> None:
    """Answer the next frames."""
    for _ in range(n):
        lease = client.post("/api/v1/leases", json={}).json["lease"]
        frame = lease["frames"][0]["frame_id"]
        done = client.post(
            f"/api/v1/frames/{frame}/answers",
            json={"point": {"x": 0.5, "y": 0.5}},
            headers={"Idempotency-Key": f"f{frame}"},
        )
        assert done.status_code == 201


def rows(server, statement) -> list:
    with server.database.read() as session:
        return list(session.execute(statement))


def status_of(server, submission: str) -> str | None:
    wanted = select(PanelVisit.ended_as).where(PanelVisit.submission_id == submission)
    return rows(server, wanted)[0][0]


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


@pytest.mark.parametrize(
    "settings",
    [
        {
            "panel": "url",
            "panel_completion_url": "https://p.example/{code}",
            "panel_completion_code": "a/b",
            "panel_answers": 1,
        }
    ],
)
def test_the_generic_panel_goes_round(app, project) -> None:
    project.add_clip(1)
    client = app.test_client()
    assert client.post("/panel/url?participant=p1&study=s1&submission=x1").status_code == 303
    answer(client)
    client.post("/panel/finish")
    assert 'href="https://p.example/a%2Fb"' in client.get("/panel/finish").text


@ON_BOTH
def test_enough_answers_finish_the_visit_with_the_code(begin, server, project) -> None:
    project.add_clip(4)
    client = begin()
    answer(client, 1)
    assert client.get("/api/v1/me").json["visit"] == {
        "wanted": 2,
        "given": 1,
        "finish_url": "/panel/finish",
    }
    too_early = client.post("/panel/finish", follow_redirects=True)
    assert "1 of 2 answers" in too_early.text
    assert "There are still frames for you." in too_early.text
    assert "C0DE" not in too_early.text
    answer(client, 1)
    done = client.post("/panel/finish", follow_redirects=True)
    assert "You gave 2 answers." in done.text
    assert "C0DE X" in done.text
    assert 'href="https://app.prolific.com/submissions/complete?cc=C0DE%20X"' in done.text
    assert status_of(server, "s1") == "completed"
    assert client.get(entry()).headers["Location"] == "/panel/finish"
    assert client.get("/api/v1/me").json["visit"] is None


def test_no_work_left_finishes_the_visit_too(begin, server, project) -> None:
    project.add_clip(1)
    client = begin()
    answer(client, 1)
    assert "C0DE X" in client.post("/panel/finish", follow_redirects=True).text


def skip(client, n: int) -> int:
    """Skip the next frames and return the last one."""
    for _ in range(n):
        lease = client.post("/api/v1/leases", json={}).json["lease"]
        frame = lease["frames"][0]["frame_id"]
        done = client.post(f"/api/v1/frames/{frame}/skips", json={"reason": "cannot_tell"})
        assert done.status_code < 300, done.text
    return frame


@pytest.mark.parametrize(
    "settings", [{"panel": "prolific", "panel_completion_code": "C0DE X", "panel_answers": 100}]
)
@pytest.mark.parametrize(
    ("answers", "skips", "is_paid"),
    [(1, 3, True), (1, 4, False), (20, 4, True), (20, 5, False)],
)
def test_nobody_is_paid_for_skipping_what_was_left(begin, project, answers, skips, is_paid) -> None:
    project.add_clip(answers + skips)
    client = begin()
    answer(client, answers)
    last = skip(client, skips)
    page = client.post("/panel/finish", follow_redirects=True).text
    assert ("C0DE X" in page) == is_paid
    assert ("You skipped so many frames" in page) == (not is_paid)
    if not is_paid:
        assert client.post(f"/api/v1/frames/{last}/undo").status_code == 200
        answer(client, 1)
        assert "C0DE X" in client.post("/panel/finish", follow_redirects=True).text


def test_no_work_at_all_gives_no_code(begin, server) -> None:
    page = begin().post("/panel/finish", follow_redirects=True)
    assert "No frame is left for you. Please return the submission" in page.text
    assert "C0DE" not in page.text
    assert status_of(server, "s1") is None


def test_a_paused_person_gets_no_code(begin, cli, project, server) -> None:
    project.add_clip(4)
    client = begin()
    name = client.get("/api/v1/me").json["name"]
    assert cli("pause", name, "--reason", "to be looked at").exit_code == 0
    page = client.post("/panel/finish", follow_redirects=True)
    assert "Your work is paused" in page.text
    assert "There are still frames" not in page.text
    assert "C0DE" not in page.text
    assert status_of(server, "s1") is None


def test_who_gave_all_that_was_asked_for_finishes_even_when_paused(begin, cli, project) -> None:
    project.add_clip(4)
    client = begin()
    answer(client, 2)
    cli("pause", client.get("/api/v1/me").json["name"], "--reason", "to be looked at")
    assert "C0DE X" in client.post("/panel/finish", follow_redirects=True).text


def test_people_of_no_panel_have_no_visit(sign_in) -> None:
    client = sign_in("Ada")
    assert client.get("/api/v1/me").json["visit"] is None
    assert client.get("/panel/finish").status_code == 404
    assert client.post("/panel/finish").status_code == 404


@pytest.mark.parametrize("status", ["returned", "timed_out", "rejected"])
@pytest.mark.parametrize("settings", [{"panel": "prolific", "redundancy": 1}])
def test_abandoned_frames_go_to_others_at_once(begin, project, sign_in, status) -> None:
    project.add_clip(3)
    client = begin()
    held = client.post("/api/v1/leases", json={}).json["lease"]["frames"]
    ada, mia = sign_in("Ada"), sign_in("Mia", "maintainer")
    assert ada.post("/api/v1/leases", json={}).json["lease"] is None
    ended = mia.post("/api/v1/panel-visits/s1/status", json={"status": status})
    assert ended.json == {"submission": "s1", "status": status, "changed": True}
    freed = ada.post("/api/v1/leases", json={}).json["lease"]["frames"]
    assert [f["frame_id"] for f in freed] == [f["frame_id"] for f in held]
    assert client.get("/api/v1/me").status_code == 401


def test_a_completed_submission_keeps_its_session(begin, sign_in) -> None:
    client = begin()
    mia = sign_in("Mia", "maintainer")
    mia.post("/api/v1/panel-visits/s1/status", json={"status": "completed"})
    assert client.get("/api/v1/me").status_code == 200


def test_the_panels_last_word_stands_and_twice_is_no_news(begin, sign_in, server) -> None:
    begin()
    mia = sign_in("Mia", "maintainer")
    url = "/api/v1/panel-visits/s1/status"
    assert mia.post(url, json={"status": "completed"}).json["changed"] is True
    assert mia.post(url, json={"status": "completed"}).json["changed"] is False
    assert mia.post(url, json={"status": "rejected"}).json["changed"] is True
    assert status_of(server, "s1") == "rejected"


def test_an_old_submission_that_is_returned_late_leaves_the_new_one_alone(
    begin, project, sign_in, server
) -> None:
    project.add_clip(3)
    client = begin("s1")
    client.post(entry("s2"))
    client.post("/api/v1/leases", json={})
    sign_in("Mia", "maintainer").post(
        "/api/v1/panel-visits/s1/status", json={"status": "timed_out"}
    )
    assert client.get("/api/v1/me").status_code == 200
    assert rows(server, select(Lease.released_at)) == [(None,)]


@pytest.mark.parametrize(
    ("submission", "body", "status"),
    [
        ("nobody", {"status": "returned"}, 404),
        ("s1", {"status": "lost"}, 422),
        ("s1", {}, 422),
        ("s1", {"status": None}, 422),
    ],
)
def test_a_status_that_cannot_be_is_refused(begin, sign_in, submission, body, status) -> None:
    begin()
    url = f"/api/v1/panel-visits/{submission}/status"
    assert sign_in("Mia", "maintainer").post(url, json=body).status_code == status


def test_annotators_end_nobodys_visit(begin) -> None:
    client = begin()
    answer = client.post("/api/v1/panel-visits/s1/status", json={"status": "returned"})
    assert answer.status_code == 403


def test_a_maintainer_can_help_somebody_on_who_lost_their_browser(app, begin, cli, clock) -> None:
    clock.now = utc_now()  # the command line has no other clock
    lost = begin("s1").get("/api/v1/me").json["name"]
    done = cli("invite", "--submission", "s1", "--role", "annotator", "--base-url", "http://h")
    client = app.test_client()
    assert client.post(done.stdout.strip().removeprefix("http://h")).status_code == 303
    me = client.get("/api/v1/me").json
    assert (me["name"], me["visit"]["given"]) == (lost, 0)
    unknown = cli("invite", "--submission", "s2", "--role", "annotator")
    assert unknown.exit_code == 1
    assert "nobody has come here with the submission 's2'" in unknown.stderr


class TestPanelStatus:
    """`annot-server panel-status FILE.csv`."""

    HEADER = "Submission id,Participant id,Status,Started at\n"

    @pytest.mark.parametrize("settings", [{"panel": "prolific", "panel_people_per_address": 0}])
    def test_prolifics_export_ends_visits(self, begin, cli, server, tmp_path) -> None:
        for i in range(5):
            begin(f"s{i}", f"{i}" * 24)
        export = tmp_path / "export.csv"
        statuses = ("APPROVED", "TIMED-OUT", "RETURNED", "ACTIVE", "AWAITING REVIEW")
        lines = [f"s{i},x,{status},2026" for i, status in enumerate(statuses)]
        export.write_text(self.HEADER + "\n".join([*lines, "other,x,APPROVED,2026"]))
        done = cli("panel-status", export, "--json")
        assert done.exit_code == 0
        assert json.loads(done.stdout) == {
            "ended": 4,
            "as_before": 0,
            "going_on": 1,
            "unknown": 1,
            "not_in_table": 0,
            "problems": 0,
        }
        found = [status_of(server, f"s{i}") for i in range(5)]
        assert found == ["completed", "timed_out", "returned", None, "completed"]
        assert json.loads(cli("panel-status", export, "--json").stdout)["as_before"] == 4

    def test_who_came_with_a_submission_that_the_export_lacks_is_named(
        self, begin, cli, tmp_path
    ) -> None:
        begin("s1", "known")
        begin("s2", "forgotten").post("/account/forget", data={"confirm": "yes"})
        name = begin("made-up", "nobody").get("/api/v1/me").json["name"]
        export = tmp_path / "export.csv"
        export.write_text(self.HEADER + "s1,x,APPROVED,2026\ns2,x,APPROVED,2026\n")
        done = cli("panel-status", export, "--json")
        assert done.stderr == f"{name} came with a submission that {export} does not have\n"
        assert json.loads(done.stdout)["not_in_table"] == 1
        os.utime(export, (0, 0))  # written before anybody came, it can know of nobody
        assert cli("panel-status", export).stderr == ""

    def test_a_bad_row_is_named_and_the_rest_goes_in(self, begin, cli, server, tmp_path) -> None:
        begin("s1")
        export = tmp_path / "export.csv"
        export.write_text(self.HEADER + "s9,x,EVAPORATED,2026\ns1,x,REJECTED,2026\n")
        done = cli("panel-status", export)
        assert done.exit_code == 1
        assert f"{export}:2: status 'EVAPORATED' is not known" in done.stderr
        assert status_of(server, "s1") == "rejected"

    @pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\udcff"])
    def test_another_file_is_one_line_and_exit_1(self, cli, tmp_path, text) -> None:
        export = tmp_path / "export.csv"
        export.write_bytes(text.encode("utf-8", "surrogateescape"))
        done = cli("panel-status", export)
        assert done.exit_code == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert str(export) in done.stderr

    @pytest.mark.parametrize("settings", [{}])
    def test_without_a_panel_it_says_where_to_set_one(self, cli, tmp_path) -> None:
        export = tmp_path / "export.csv"
        export.write_text(self.HEADER)
        done = cli("panel-status", export)
        assert done.exit_code == 1
        assert "set `panel` in config.toml" in done.stderr


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
