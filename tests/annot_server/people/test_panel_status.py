"""Crowd panels: what the panel says of a submission, and work that was abandoned."""

from __future__ import annotations

import json
import os

import pytest
from sqlalchemy import select

from annot_server.models import Lease
from annot_server.server import utc_now
from tests.annot_server.people.visits import SETTINGS, entry, rows, status_of


@pytest.fixture
def settings() -> dict[str, object]:
    return SETTINGS


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
