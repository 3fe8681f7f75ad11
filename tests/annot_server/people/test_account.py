"""One's own account: what it shows, passwords, and the text that people agree to."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from annot_server import consent
from annot_server.models import AuditEntry, Person

PASSWORD = "a horse in the soup"

ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def answer(client, frame_id: int) -> None:
    done = client.post(
        f"/api/v1/frames/{frame_id}/answers",
        json={"point": {"x": 0.5, "y": 0.5}},
        headers={"Idempotency-Key": f"f{frame_id}"},
    )
    assert done.status_code == 201


@ON_BOTH
def test_the_account_says_how_much_was_done_on_which_days(project, sign_in, clock) -> None:
    frames = project.add_clip(3)
    client = sign_in("Ada")
    client.post("/api/v1/leases", json={})
    answer(client, frames[0])
    clock.advance(10)
    answer(client, frames[1])
    clock.now = clock.now.replace(day=5, hour=0, minute=0)
    client.post("/api/v1/leases", json={})
    answer(client, frames[2])
    page = client.get("/account").text
    assert "3 answers" in page
    assert "on 2 days" in page
    days = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert days.index("March 5, 2026") < days.index("March 4, 2026")
    assert days.count("<tr>") == 2


def test_the_account_speaks_german(sign_in) -> None:
    page = sign_in("Ada").get("/account", headers={"Accept-Language": "de"}).text
    assert "Sie haben noch keine Antworten gegeben." in page
    assert "4. März 2026" in page


def test_nobodys_account_is_anybody_elses(project, sign_in) -> None:
    project.person("Bo")
    assert "Bo" not in sign_in("Ada").get("/account").text.partition("<main")[2]


def test_a_name_with_html_in_it_stays_text_on_every_page(project, sign_in) -> None:
    client = sign_in("<img src=x onerror=alert(1)>", "maintainer")
    for path in ("/account", "/account/forget", "/consent", "/maintain", "/nope"):
        page = client.get(path).text
        assert "<img src=x" not in page, path


@pytest.mark.parametrize("path", ["/account", "/account/forget", "/consent"])
def test_strangers_are_sent_to_sign_in_and_come_back(app, set_password, path) -> None:
    set_password("Ada")
    client = app.test_client()
    refused = client.get(path)
    assert refused.status_code == 401
    assert f'href="/sign-in?next={path}"' in refused.text
    data = {"name": "Ada", "password": PASSWORD, "next": path}
    assert client.post("/sign-in", data=data).headers["Location"] == path


def test_a_first_password_needs_no_old_one(sign_in, enter) -> None:
    client = sign_in("Ada")
    done = client.post("/account/password", data={"new": "my first password"})
    assert done.status_code == 303
    assert "Your password is set" in client.get("/account").text
    assert enter("Ada", "my first password").get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"current": "wrong", "new": "long enough for us"}, "not your current password"),
        ({"new": "long enough for us"}, "not your current password"),
        ({"current": PASSWORD, "new": "short"}, "at least 10 characters"),
        ({"current": PASSWORD, "new": "x" * 201}, "at most 200 characters"),
        ({"current": PASSWORD}, "at least 10 characters"),
    ],
)
def test_a_password_is_not_changed_against_the_rules(set_password, enter, data, told) -> None:
    set_password("Ada")
    client = enter("Ada")
    refused = client.post("/account/password", data=data)
    assert refused.status_code == 422
    assert told in refused.text
    assert client.get("/api/v1/me").status_code == 200
    assert enter("Ada", PASSWORD).get("/api/v1/me").status_code == 200


def test_guessing_the_current_password_is_limited_too(set_password, enter) -> None:
    set_password("Ada")
    client = enter("Ada")
    data = {"current": "wrong", "new": "long enough for us"}
    codes = [client.post("/account/password", data=data).status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]


def test_people_of_a_panel_have_no_password(server, sign_in) -> None:
    client = sign_in("Ada")
    server.database.write(
        lambda session: session.execute(update(Person).values(panel="prolific", panel_id="p"))
    )
    assert 'action="/account/password"' not in client.get("/account").text
    refused = client.post("/account/password", data={"new": "long enough for us"})
    assert refused.status_code == 403


def test_no_page_of_an_account_is_kept_by_caches(sign_in) -> None:
    assert sign_in("Ada").get("/account").headers["Cache-Control"] == "no-store"


def test_another_text_is_shown_before_work_goes_on(server, sign_in, monkeypatch) -> None:
    client = sign_in("Ada")
    monkeypatch.setattr("annot_server.consent.VERSION", "2027-01")
    for module in ("annotate", "account_pages"):
        monkeypatch.setattr(f"annot_server.views.{module}.VERSION", "2027-01")
    sent = client.get("/")
    assert (sent.status_code, sent.headers["Location"]) == (303, "/consent")
    assert "this text is new to you" in client.get("/consent").text
    assert client.post("/consent", data={"next": "/account"}).headers["Location"] == "/account"
    assert client.get("/").headers.get("Location") != "/consent"
    with server.database.read() as session:
        agreed = session.scalars(
            select(AuditEntry.subject).where(AuditEntry.what == "consent").order_by(AuditEntry.id)
        ).all()
        assert session.scalars(select(Person.consent_version)).one() == "2027-01"
    assert agreed == [f"text {consent.VERSION.replace('2027-01', '2026-11')}", "text 2027-01"]


def test_answers_are_taken_while_a_new_text_waits(project, sign_in, monkeypatch) -> None:
    frames = project.add_clip(1)
    client = sign_in("Ada")
    monkeypatch.setattr("annot_server.views.annotate.VERSION", "2027-01")
    client.post("/api/v1/leases", json={})
    answer(client, frames[0])


def test_consent_leads_to_pages_of_this_server_only(sign_in) -> None:
    client = sign_in("Ada")
    answer = client.post("/consent", data={"next": "//evil.example"})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/account/password", "/account/forget", "/consent", "/sign-out"])
def test_no_other_site_can_press_these_buttons(sign_in, path) -> None:
    client = sign_in("Ada")
    refused = client.post(path, data={"confirm": "yes"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    assert client.get("/api/v1/me").status_code == 200
