"""Pages, headers, errors and requests from other sites; one database is enough."""

from __future__ import annotations

import pytest

from annot_server.app import one_line
from annot_server.views.access import check_rules, open_to


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


def test_every_answer_carries_the_security_headers(app, sign_in) -> None:
    for path in ("/", "/nope", "/api/v1/me", "/static/style.css"):
        with app.test_client().get(path) as response:
            headers = response.headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
            "media-src 'self'; connect-src 'self'; font-src 'self'; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
    assert sign_in().get("/").headers["Cache-Control"] == "no-store"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(app, project) -> None:
    response = app.test_client().post(f"/join/{project.invite('Ada')}")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("annot=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


@pytest.mark.parametrize("settings", [{"base_url": "https://annotate.example.org"}])
def test_behind_tls_the_cookie_is_secure(app, project) -> None:
    response = app.test_client().post(
        f"/join/{project.invite('Ada')}", base_url="https://annotate.example.org"
    )
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-annot=")
    assert "Secure" in cookie
    assert "Path=/" in cookie


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_writes_from_other_sites_are_refused(sign_in, headers, status) -> None:
    response = sign_in().post("/api/v1/leases", json={}, headers=headers)
    assert response.status_code == status
    if status == 403:
        assert response.json["error"] == "forbidden"


def test_reading_from_other_sites_is_only_kept_from_them_by_the_browser(sign_in) -> None:
    assert sign_in().get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_errors_are_json_under_api_and_pages_elsewhere(app, sign_in) -> None:
    client = sign_in()
    missing = client.get("/api/v1/nope")
    assert (missing.status_code, missing.json["error"]) == (404, "not_found")
    page = client.get("/nope")
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert "There is nothing here" in page.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/me", "GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/leases", "OPTIONS, POST"),
        ("DELETE", "/api/v1/frames/1/answers", "OPTIONS, POST"),
    ],
)
def test_a_wrong_method_says_which_are_allowed(sign_in, method, path, allowed) -> None:
    response = sign_in().open(path, method=method)
    assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    assert response.json["error"] == "method_not_allowed"


def test_a_route_without_a_rule_stops_the_application_from_starting(app) -> None:
    app.view_functions["api.me"] = lambda: "open to whom?"
    with pytest.raises(LookupError, match=r"without an access rule: \['api.me'\]"):
        check_rules(app)
    assert app.test_client().get("/api/v1/me").status_code == 403


def test_an_error_of_ours_is_logged_and_says_nothing_of_the_inside(app, sign_in, caplog) -> None:
    client = sign_in()
    app.testing = False

    @open_to("annotator")
    def broken() -> str:
        raise RuntimeError("secret detail")

    app.view_functions["api.me"] = broken
    response = client.get("/api/v1/me")
    assert (response.status_code, response.json["error"]) == (500, "internal_server_error")
    assert "secret detail" not in response.text
    assert "secret detail" in caplog.text


def test_a_stranger_is_told_how_to_come_in(app) -> None:
    response = app.test_client().get("/")
    assert response.status_code == 401
    assert "Please open your invite link" in response.text


def test_the_maintainers_page_is_for_maintainers(project, sign_in) -> None:
    project.add_clip(2)
    assert sign_in("Ada").get("/maintain").status_code == 403
    page = sign_in("Mia", "maintainer").get("/maintain")
    assert page.status_code == 200
    assert "crack egg" in page.text


def test_doubled_slashes_never_lead_to_another_host(app, project) -> None:
    client = app.test_client()
    response = client.get("//evil.example/%2f..")
    assert not response.headers.get("Location", "").startswith(("//", "http://evil"))
    token = project.invite("Ada")
    joined = client.post(f"/join/{token}?next=//evil.example/")
    assert joined.headers["Location"] == "/"


def test_nested_messages_become_one_line() -> None:
    messages = {"json": {"a": ["Bad."], "b": {"0": {"c": ["Worse.", "Worst."]}}}}
    assert one_line(messages) == "a: Bad. b.0.c: Worse. Worst."
