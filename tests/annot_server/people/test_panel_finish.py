"""Crowd panels: when a visit ends with its code, and when without."""

from __future__ import annotations

import pytest

from tests.annot_server.people.visits import ON_BOTH, SETTINGS, answer, entry, status_of


@pytest.fixture
def settings() -> dict[str, object]:
    return SETTINGS


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
