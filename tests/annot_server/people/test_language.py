from __future__ import annotations

import pytest

from annot_server.views.paths import own_path

GERMAN = {"Accept-Language": "de-AT, fr;q=0.8, en;q=0.5"}


def test_the_browsers_language_is_spoken(app, project) -> None:
    page = app.test_client().get(f"/join/{project.invite('Ada')}", headers=GERMAN)
    assert '<html lang="de">' in page.text
    assert "Willkommen, Ada" in page.text
    assert "Zustimmen und beginnen" in page.text


@pytest.mark.parametrize("wanted", ["", "fr, it;q=0.5", "x", "*"])
def test_other_languages_get_english(app, project, wanted) -> None:
    token = project.invite("Ada")
    page = app.test_client().get(f"/join/{token}", headers={"Accept-Language": wanted})
    assert '<html lang="en">' in page.text
    assert "Welcome, Ada" in page.text


def test_a_choice_is_remembered_over_what_the_browser_asks_for(app, project) -> None:
    client = app.test_client()
    here = f"/join/{project.invite('Ada')}"
    chosen = client.post("/language", data={"language": "en", "next": here})
    assert (chosen.status_code, chosen.headers["Location"]) == (303, here)
    assert "Welcome, Ada" in client.get(here, headers=GERMAN).text
    client.post("/language", data={"language": "de"})
    assert "Willkommen, Ada" in client.get(here).text


def test_an_unknown_choice_changes_nothing(app) -> None:
    answer = app.test_client().post("/language", data={"language": "../../etc"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Set-Cookie" not in answer.headers


def test_errors_are_told_in_the_readers_language(app, project) -> None:
    client = app.test_client()
    page = client.get("/", headers=GERMAN)
    assert page.status_code == 401
    assert "Bitte öffnen Sie Ihren Einladungslink" in page.text
    assert "Sie sind hier nicht angemeldet" in page.text
    assert "Hier ist nichts" in client.get("/nope", headers=GERMAN).text
    assert "nicht angemeldet" in client.get("/api/v1/me", headers=GERMAN).json["message"]


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: planted=1",
        "javascript:alert(1)",
        "http:/evil.example",
        "evil.example",
        "//[evil",
        "/" + "a" * 600,
        "",
        None,
    ],
)
def test_forms_lead_to_pages_of_this_server_only(app, wanted) -> None:
    assert own_path(wanted) == "/"
    data = {"language": "de", **({} if wanted is None else {"next": wanted})}
    assert app.test_client().post("/language", data=data).headers["Location"] == "/"


@pytest.mark.parametrize("wanted", ["/", "/account", "/sign-in?next=/maintain", "/a#b"])
def test_a_page_of_this_server_is_kept(wanted) -> None:
    assert own_path(wanted) == wanted
