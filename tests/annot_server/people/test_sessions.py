"""What ends a session: signing out everywhere, another password or role, being forgotten."""

from __future__ import annotations

import pytest

PASSWORD = "a horse in the soup"


def is_in(client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def test_signing_out_everywhere_else_keeps_this_browser_alone(sign_in) -> None:
    here, there = sign_in("Ada"), sign_in("Ada")
    answer = here.post("/account/sign-out-everywhere")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert is_in(here)
    assert not is_in(there)


def test_another_password_ends_the_other_sessions(set_password, enter) -> None:
    set_password("Ada")
    here, there = enter("Ada"), enter("Ada")
    data = {"current": PASSWORD, "new": "a soup in the horse"}
    assert here.post("/account/password", data=data).status_code == 303
    assert is_in(here)
    assert not is_in(there)
    assert is_in(enter("Ada", "a soup in the horse"))


def test_another_role_ends_every_session(sign_in, cli) -> None:
    client = sign_in("Ada")
    assert cli("change-role", "Ada", "reviewer").exit_code == 0
    assert not is_in(client)


def test_the_same_role_again_ends_nothing(sign_in, cli) -> None:
    client = sign_in("Ada")
    assert "already" in cli("change-role", "Ada", "annotator").output
    assert is_in(client)


def test_signing_out_here_leaves_other_browsers(sign_in) -> None:
    here, there = sign_in("Ada"), sign_in("Ada")
    here.post("/sign-out")
    assert not is_in(here)
    assert is_in(there)


@pytest.mark.parametrize("session_id", ["1", "1.", "1.-1", "x.0", "1.0.0", "", "1.0 ", "².0"])
def test_a_session_of_another_shape_is_none(app, project, session_id) -> None:
    project.person("Ada")
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = session_id
        session["_fresh"] = True
    assert not is_in(client)


def test_a_model_has_no_session(app, project) -> None:
    robot = project.person("Robot", "model")
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = f"{robot}.0"
    assert client.get("/account").status_code == 401


def test_the_session_cookie_is_marked_and_signing_out_clears_it(app, set_password, enter) -> None:
    set_password("Ada")
    client = app.test_client()
    signed_in = client.post("/sign-in", data={"name": "Ada", "password": PASSWORD})
    cookie = signed_in.headers["Set-Cookie"]
    assert cookie.startswith("annot=")
    assert all(flag in cookie for flag in ("HttpOnly", "SameSite=Lax", "Path=/", "Expires="))
    cleared = client.post("/sign-out").headers.getlist("Set-Cookie")
    assert sorted(cookie.split(";")[0] for cookie in cleared) == ["annot-mark=", "annot="]
    assert client.get_cookie("annot") is None


@pytest.mark.parametrize("settings", [{"base_url": "https://annotate.example.org"}])
def test_behind_tls_every_cookie_is_secure(app, set_password, project) -> None:
    set_password("Ada")
    client = app.test_client()
    base = "https://annotate.example.org"
    data = {"name": "Ada", "password": PASSWORD}
    cookies = [
        client.post("/sign-in", data=data, base_url=base).headers["Set-Cookie"],
        # As a proxy that ends TLS hands it on: the settings say what the browser sees.
        app.test_client().post("/language", data={"language": "de"}).headers["Set-Cookie"],
        app.test_client().get(f"/join/{project.invite('Bo')}").headers["Set-Cookie"],
    ]
    assert cookies[0].startswith("__Host-annot=")
    assert all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)
