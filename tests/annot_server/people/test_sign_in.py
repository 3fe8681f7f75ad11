"""Signing in by name and password, and the limits that guard it."""

from __future__ import annotations

import threading

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from annot_server import attempts, passwords
from annot_server.attempts import network_of
from annot_server.errors import TooManyAttemptsError
from annot_server.models import Person, SignInAttempt

PASSWORD = "a horse in the soup"

ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def try_in(client, name="Ada", password="wrong password", **more):
    return client.post("/sign-in", data={"name": name, "password": password, **more})


def test_name_and_password_sign_in(set_password, enter) -> None:
    set_password("Ada")
    assert enter("Ada").get("/api/v1/me").json["name"] == "Ada"


def test_the_name_may_have_space_around_it_and_any_composition(set_password, enter) -> None:
    set_password("Zoë", "päßwörter lang")
    client = enter(" Zoe\u0308 ", "pa\u0308ßwo\u0308rter lang")
    assert client.get("/api/v1/me").json["name"] == "Zoë"


@pytest.mark.parametrize("name", ["Ada", "Nobody", "", "A" * 300])
def test_a_wrong_password_and_a_wrong_name_look_the_same(app, set_password, name) -> None:
    set_password("Ada")
    answer = try_in(app.test_client(), name)
    assert answer.status_code == 401
    assert "This name and password do not belong together." in answer.text
    assert PASSWORD not in answer.text


def test_a_wrong_name_costs_the_same_hash_as_a_wrong_password(
    app, set_password, project, monkeypatch
) -> None:
    set_password("Ada")
    project.person("Without")
    project.person("Robot", "model")
    verified = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda self, *a: verified.append(a) or verify(self, *a)
    )
    for name in ("Ada", "Nobody", "Without", "Robot"):
        try_in(app.test_client(), name)
    assert len(verified) == 4
    parameters = {stored.rpartition("$")[0].rpartition("$")[0] for stored, _ in verified}
    assert len(parameters) == 1


def test_signing_in_goes_on_to_the_page_that_was_wanted(app, set_password) -> None:
    set_password("Mia", role="maintainer")
    client = app.test_client()
    page = client.get("/sign-in?next=/account")
    assert 'name="next" value="/account"' in page.text
    went = try_in(client, "Mia", PASSWORD, next="/account")
    assert (went.status_code, went.headers["Location"]) == (303, "/account")
    assert try_in(client, "Mia", PASSWORD).headers["Location"] == "/maintain"


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_signing_in_never_leads_to_another_site(app, set_password, wanted) -> None:
    set_password("Ada")
    client = app.test_client()
    page = client.get("/sign-in", query_string={"next": wanted})
    assert '<input type="hidden" name="next" value="">' in page.text
    assert try_in(client, "Ada", PASSWORD, next=wanted).headers["Location"] == "/"


def test_signing_in_replaces_whatever_the_browser_held(app, set_password, sign_in) -> None:
    set_password("Bo")
    client = sign_in("Ada")
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    try_in(client, "Bo", PASSWORD)
    with client.session_transaction() as session:
        assert "planted" not in session
    assert client.get("/api/v1/me").json["name"] == "Bo"


@ON_BOTH
def test_a_hash_of_old_parameters_is_renewed_at_the_next_sign_in(
    server, set_password, enter, person_of, monkeypatch
) -> None:
    who = set_password("Ada")
    old = person_of(who)
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(2, 16, 1))
    client = enter("Ada")
    new = person_of(who)
    assert "t=2" in new.password_hash != old.password_hash
    assert new.session_version == old.session_version
    enter("Ada")
    assert person_of(who).password_hash == new.password_hash
    assert client.get("/api/v1/me").status_code == 200


def test_too_many_wrong_passwords_for_a_name_have_to_wait(app, set_password, clock) -> None:
    set_password("Ada")
    for i in range(attempts.PER_NAME):
        client = app.test_client()
        answer = client.post(
            "/sign-in",
            data={"name": "Ada", "password": "wrong"},
            environ_base={"REMOTE_ADDR": f"192.0.2.{i}"},
        )
        assert answer.status_code == 401
        clock.advance(10)
    held_back = try_in(app.test_client(), " ADA", PASSWORD)
    assert held_back.status_code == 429
    assert held_back.headers["Retry-After"] == str(15 * 60 - attempts.PER_NAME * 10)
    assert "too many wrong attempts" in held_back.text
    clock.advance(int(held_back.headers["Retry-After"]))
    assert try_in(app.test_client(), "Ada", PASSWORD).status_code == 303


def test_being_held_back_does_not_prolong_the_wait(app, set_password, clock) -> None:
    set_password("Ada")
    for _ in range(attempts.PER_NAME + 5):
        try_in(app.test_client())
    clock.advance(14 * 60)
    assert try_in(app.test_client(), "Ada", PASSWORD).status_code == 429
    clock.advance(60)
    assert try_in(app.test_client(), "Ada", PASSWORD).status_code == 303


def test_right_passwords_are_never_counted(app, server, set_password, enter) -> None:
    set_password("Ada")
    for _ in range(attempts.PER_NAME + 2):
        enter("Ada")
    with server.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SignInAttempt)) == 0


def test_one_address_cannot_try_many_names(app, set_password) -> None:
    set_password("Ada")
    for i in range(attempts.PER_ADDRESS):
        assert try_in(app.test_client(), f"name {i}").status_code == 401
    assert try_in(app.test_client(), "Ada", PASSWORD).status_code == 429
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    data = {"name": "Ada", "password": PASSWORD}
    assert app.test_client().post("/sign-in", data=data, environ_base=elsewhere).status_code == 303


def test_neither_name_nor_address_is_stored_with_an_attempt_and_old_ones_go(
    app, server, clock
) -> None:
    try_in(app.test_client(), "Ada")
    clock.advance(15 * 60)
    try_in(app.test_client(), "Bo")
    with server.database.read() as session:
        rows = session.execute(select(SignInAttempt.key, SignInAttempt.at)).all()
    assert len(rows) == 2
    assert all(len(key) == 64 and at == clock.now for key, at in rows)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("nonsense", "", True),
    ],
)
def test_an_ipv6_network_counts_as_one_place(one, other, is_same) -> None:
    assert (network_of(one) == network_of(other)) == is_same


def test_behind_no_proxy_a_forwarded_address_is_not_believed(app, server) -> None:
    data = {"name": "Ada", "password": "wrong"}
    for i in range(2):
        headers = {"X-Forwarded-For": f"203.0.113.{i}"}
        app.test_client().post("/sign-in", data=data, headers=headers)
    with server.database.read() as session:
        assert session.scalar(select(func.count(SignInAttempt.key.distinct()))) == 2


@pytest.mark.parametrize("settings", [{"trusted_proxies": 1}])
def test_behind_a_trusted_proxy_the_address_that_it_saw_counts(app, server) -> None:
    data = {"name": "Ada", "password": "wrong"}
    for i in range(2):
        headers = {"X-Forwarded-For": f"1.2.3.4, 203.0.113.{i}"}
        app.test_client().post("/sign-in", data=data, headers=headers)
    with server.database.read() as session:
        assert session.scalar(select(func.count(SignInAttempt.key.distinct()))) == 3


def test_a_model_does_not_sign_in_even_with_a_password_in_its_row(app, server, project) -> None:
    robot = project.person("Robot", "model")
    hashed = passwords.hash_password(PASSWORD)

    def plant(session):
        session.get(Person, robot).password_hash = hashed

    server.database.write(plant)
    assert try_in(app.test_client(), "Robot", PASSWORD).status_code == 401


def test_the_sign_in_page_speaks_german(app, set_password) -> None:
    client = app.test_client()
    german = {"Accept-Language": "de"}
    assert "Anmelden" in client.get("/sign-in", headers=german).text
    data = {"name": "Ada", "password": "x"}
    assert "gehören nicht zusammen" in client.post("/sign-in", data=data, headers=german).text


def test_a_typed_name_with_html_in_it_stays_text(app) -> None:
    answer = try_in(app.test_client(), '"><script>alert(1)</script>')
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


@ON_BOTH
def test_many_at_once_cannot_slip_through_together(server) -> None:
    limits = attempts.sign_in_limits(b"key", name="Ada", address="192.0.2.1")
    outcomes: list[bool] = []

    def attempt() -> None:
        for _ in range(4):
            try:
                server.database.write(
                    lambda session: attempts.count_attempt(session, limits, now=server.now())
                )
                outcomes.append(True)
            except TooManyAttemptsError:
                outcomes.append(False)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(True) == attempts.PER_NAME
    assert outcomes.count(False) == 32 - attempts.PER_NAME
