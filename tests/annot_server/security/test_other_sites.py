"""What a page of another site, a forged Host header and a cookie without TLS cannot do."""

from __future__ import annotations

import pytest

from tests.annot_server.security.conftest import Caller
from tests.annot_server.security.routes import ROUTES, url

UNSAFE = [route for route in ROUTES if route.method not in ("GET", "HEAD", "OPTIONS")]
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "null"},
    {"Origin": "garbage"},
]
OWN = [
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    {},
]


def test_other_sites_cannot_write_anywhere(app, world, trained) -> None:
    maintainer = trained("Mo", "maintainer")
    found = {
        f"{route} {headers}": maintainer(
            route.method, url(app, route, world.values), headers=headers
        ).status_code
        for route in UNSAFE
        for headers in FOREIGN
    }
    assert {what: status for what, status in found.items() if status != 403} == {}
    assert len(found) > 100


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_our_own_pages_and_scripts_can(world, trained, headers) -> None:
    ada = trained("Ada")
    assert ada("POST", "/api/v1/leases", json={}, headers=headers).status_code == 200


def test_a_token_beside_a_cookie_does_not_lend_it_to_other_sites(world, trained) -> None:
    """A token needs no such check, since browsers never send one by themselves."""
    ada = trained("Ada")
    headers = {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer gc_nonsense"}
    assert ada("POST", "/api/v1/leases", json={}, headers=headers).status_code == 401
    headers = {"Sec-Fetch-Site": "cross-site", "Authorization": "Basic nonsense"}
    assert ada("POST", "/api/v1/leases", json={}, headers=headers).status_code == 403


@pytest.fixture
def forged(app, world, trained):
    """Return a maintainer whose requests name another host, by their cookie all the same."""
    cookie = trained("Mo", "maintainer").client.get_cookie("annot").value
    client = app.test_client(use_cookies=False)
    host = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    caller = Caller(client, {**host, "Cookie": f"annot={cookie}"})
    assert caller("GET", "/maintain").status_code == 200
    return caller


def repeats_the_host(response) -> bool:
    with response:
        is_told = any("evil.example" in value for _, value in response.headers)
        return is_told or b"evil.example" in response.data


def test_no_page_repeats_a_forged_host(app, world, forged) -> None:
    found = {
        str(route): repeats_the_host(forged("GET", url(app, route, world.values)))
        for route in ROUTES
        if route.method == "GET"
    }
    assert [route for route, is_repeated in found.items() if is_repeated] == []


@pytest.mark.parametrize("route", UNSAFE, ids=str)
def test_no_form_leads_to_a_forged_host(app, world, forged, route) -> None:
    assert not repeats_the_host(forged(route.method, url(app, route, world.values)))


def test_an_invite_link_begins_with_the_address_of_the_settings(world, forged) -> None:
    page = forged("POST", f"/maintain/people/{world.bo}/invite")
    assert "http://127.0.0.1:8000/join/" in page.text


# Cookies ----------------------------------------------------------------------------------------


def cookies_of_signing_in(app, project) -> list[str]:
    response = app.test_client().post(f"/join/{project.invite('Ada')}")
    return response.headers.getlist("Set-Cookie")


def attributes(cookie: str) -> set[str]:
    return {part.strip().partition("=")[0] for part in cookie.split(";")[1:]}


def test_the_session_cookie_is_for_our_own_pages_alone(app, project) -> None:
    [cookie] = cookies_of_signing_in(app, project)
    assert cookie.startswith("annot=")
    assert {"HttpOnly", "Path", "SameSite"} <= attributes(cookie)
    assert "SameSite=Lax" in cookie
    assert "Domain" not in attributes(cookie)


@pytest.mark.parametrize("settings", [{"base_url": "https://clicks.example"}])
def test_over_tls_the_cookie_never_goes_without_it(app, project) -> None:
    [cookie] = cookies_of_signing_in(app, project)
    assert cookie.startswith("__Host-annot=")
    assert {"Secure", "HttpOnly", "Path", "SameSite"} <= attributes(cookie)
    assert "Path=/;" in f"{cookie};"


@pytest.mark.parametrize("settings", [{"base_url": "https://clicks.example"}])
def test_every_other_cookie_is_marked_too(app, world, trained) -> None:
    maintainer = trained("Mo", "maintainer")
    for route in ROUTES:
        form = {"language": "de"}
        address = url(app, route, world.values)
        options = {"data": form} if route in UNSAFE else {}
        with maintainer(
            route.method, address, base_url="https://clicks.example", **options
        ) as response:
            for cookie in response.headers.getlist("Set-Cookie"):
                missing = {"Secure", "HttpOnly", "SameSite"} - attributes(cookie)
                assert not missing, f"{route}: {cookie}"


def test_a_cookie_that_was_tampered_with_signs_nobody_in(app, trained) -> None:
    ada = trained("Ada")
    value = ada.client.get_cookie("annot").value
    for changed in (value[:-1], value[:-1] + "xy", "." + value, value.upper(), "1.0", ""):
        other = app.test_client()
        other.set_cookie("annot", changed)
        assert other.get("/api/v1/me").status_code == 401
