"""No page runs what people or files call themselves, and none has a script or style inside."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from annot_server.models import Person
from tests.annot_server.security.conftest import NASTY
from tests.annot_server.security.routes import ROUTES, url

GET = [route for route in ROUTES if route.method == "GET"]
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


class Findings(HTMLParser):
    """Collects what a strict page does not have."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.n_tags = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.n_tags += 1
        given = dict(attrs)
        if tag == "x-evil":
            self.found.append("a name became a tag")
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.found.append(f"inline <{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.found.append(f"<{tag} {name}=...>")
            is_address = name in ("href", "src", "action", "formaction")
            if is_address and (value or "").strip().lower().startswith(("javascript:", "data:")):
                self.found.append(f"<{tag} {name}={value!r}>")
            is_part = tag in ("script", "link", "img", "iframe") and name in ("src", "href")
            if is_part and "//" in (value or ""):
                self.found.append(f"<{tag}> from {value!r}")


def findings(text: str) -> list[str]:
    parser = Findings()
    parser.feed(text)
    parser.close()
    assert parser.n_tags > 5, "a whole page"
    return parser.found


@pytest.fixture
def nasty_people(world, trained):
    """Return people of every role with a nasty name, and hold up what is shown of pauses."""
    project = world.project

    def pause(session) -> None:
        person = session.get_one(Person, world.bo)
        person.paused_at, person.paused_reason = project.server.now(), NASTY

    project.server.database.write(pause)
    roles = ("annotator", "reviewer", "maintainer")
    return {role: trained(f"{role} {NASTY}", role) for role in roles}


def test_every_page_is_inert(app, world, nasty_people) -> None:
    n_pages = 0
    for route in GET:
        for role, caller in nasty_people.items():
            with caller("GET", url(app, route, world.values)) as response:
                policy = response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                if response.mimetype == "text/html" and response.status_code // 100 != 3:
                    assert findings(response.text) == [], f"{route} for a {role}"
                    n_pages += response.status_code == 200
            directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
            assert {name: directives[name] for name in POLICY} == POLICY
            assert "unsafe" not in policy
    assert n_pages > 30


def test_the_check_sees_what_it_is_for() -> None:
    bad = f"<html><head><style>a</style><script>b</script></head><body onload=c>{NASTY}"
    bad += "<p style=d><a href=' JavaScript:e'>x</a><script src='https://cdn.example/f.js'>"
    assert len(findings(bad)) == 8
    assert findings("<html><head></head><body><p><a href='/'>x</a><b>y</b><i>z</i></body>") == []


@pytest.mark.parametrize("path", ["/nope", f"/nope/{NASTY}", f"/review/clips/{NASTY}", "/join/x"])
def test_an_error_page_is_inert(nasty_people, path) -> None:
    for caller in nasty_people.values():
        response = caller("GET", path)
        assert response.status_code in (403, 404)
        assert findings(response.text) == []


def test_nasty_names_are_shown_as_they_are(app, world, nasty_people) -> None:
    page = nasty_people["maintainer"]("GET", "/maintain/people").text
    assert "&lt;x-evil onclick=alert(1)&gt;" in page


def test_the_api_sends_nothing_that_a_browser_would_show_as_a_page(
    app, world, nasty_people
) -> None:
    caller = nasty_people["maintainer"]
    for route in GET:
        if not route.path.startswith(("/api/", "/media/")):
            continue
        with caller("GET", url(app, route, world.values)) as response:
            kinds = ("application/json", "image/jpeg", "video/mp4", "application/problem+json")
            is_refusal = route.path.startswith("/media/") and response.status_code >= 400
            assert response.mimetype in kinds or is_refusal, route
