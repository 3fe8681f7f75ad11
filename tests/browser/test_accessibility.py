"""Every page, light and dark, under axe-core; the annotation page in each of its states.

The list of pages is the application's own: a new one is checked without a line here, unless its
address has a part that VALUES does not know.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from annot_server.app import create_app
from annot_server.config import Config, Home
from annot_server.views.access import access_of

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NO_PAGES = ("/api/", "/media/", "/static/")
FILES = (".png", ".jpg", ".json", ".zip", ".tar", ".csv", ".jsonl")


def pages():
    """All routes that answer GET with a page: {address pattern: roles, None for anybody}."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.create(Config())
        app = create_app(home)
        return {
            rule.rule: access_of(app, rule.endpoint).roles
            for rule in app.url_map.iter_rules()
            if "GET" in rule.methods
            and not rule.rule.startswith(NO_PAGES)
            and not rule.rule.endswith(FILES)
        }


PAGES = pages()
VALUES = {
    "token": lambda _: "unknown",
    "name": lambda _: "prolific",
    "clip_id": lambda server: server.rows("SELECT clip_id FROM clips ORDER BY 1")[0]["clip_id"],
    "second": lambda _: 1,
    "person_id": lambda server: server.rows("SELECT id FROM people ORDER BY 1")[0]["id"],
}


def address(server, pattern):
    """Fill an address's variable parts in."""
    parts = []
    for part in pattern.split("/"):
        if part.startswith("<"):
            name = part.strip("<>").split(":")[-1]
            assert name in VALUES, f"say in VALUES what {part} of {pattern} may be"
            parts.append(str(VALUES[name](server)))
        else:
            parts.append(part)
    return "/".join(parts)


def complaints(page):
    """What axe finds on the page as it stands, light and dark: rule, place and reason, one a line.

    One page takes both schemes, without the motion that leads from one colour to the other.
    """
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        report = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
        found += [
            f"{scheme}: {violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in report.response["violations"]
            for node in violation["nodes"]
        ]
    return found


@pytest.fixture(scope="module")
def browsers(server, browser):
    """A signed-in browser window for each role, and one of nobody."""
    found = {}
    for role in (None, "annotator", "reviewer", "maintainer"):
        context = browser.new_context()
        if role is not None:
            link = server.invite(f"{role} with axe", role)
            for url in (link, f"{server.url}/introduction"):
                assert context.request.post(url, max_redirects=0).status == 303
        found[role] = context
    yield found
    for context in found.values():
        context.close()


@pytest.mark.parametrize("pattern", sorted(PAGES))
def test_axe_has_nothing_to_say_of_a_page(pattern, server, browsers):
    roles = PAGES[pattern]
    role = next((r for r in ("maintainer", "annotator") if roles and r in roles), None)
    page = browsers[role].new_page()
    reply = page.goto(server.url + address(server, pattern))
    assert reply.status not in (401, 403)
    assert reply.status < 500
    assert "text/html" in reply.headers["content-type"]
    page.wait_for_load_state("networkidle")
    assert complaints(page) == []
    page.close()


REFUSED = sorted(pattern for pattern, roles in PAGES.items() if roles is not None)


@pytest.mark.parametrize("role", [None, "annotator"])
def test_a_page_that_is_refused_says_so_accessibly_too(role, server, browsers):
    """Most refusals are one page: each that reads differently is looked at once."""
    patterns = [p for p in REFUSED if (None if "annotator" in PAGES[p] else "annotator") == role]
    page, seen = browsers[role].new_page(), set()
    for pattern in patterns:
        path = address(server, pattern)
        reply = browsers[role].request.get(server.url + path)
        assert reply.status in (401, 403), pattern
        text = reply.text().replace(quote(path), "").replace(quote(path, safe=""), "")
        if text not in seen:
            seen.add(text)
            assert page.goto(server.url + path).status == reply.status
            assert complaints(page) == [], pattern
    assert seen
    page.close()


# The annotation page ------------------------------------------------------------------------


def to_skip_menu(person):
    person.page.keyboard.press("s")
    person.page.get_by_role("button", name="Something else").click()


def to_help(person):
    person.page.keyboard.press("?")


def to_last_answer(person):
    person.click(0.3, 0.4)
    person.wait_until_saved()


def to_undone(person):
    person.click(0.3, 0.4)
    person.page.keyboard.press("u")
    expect(person.message).to_contain_text("Your answer was")


def to_zoomed(person):
    for key in ("ArrowLeft", "z", "7", "m"):
        person.page.keyboard.press(key)


def to_playing(person):
    person.page.locator("#context-button").press("Enter")
    person.page.wait_for_function("() => !document.querySelector('#clock').hidden")


def to_offline(person):
    person.page.context.set_offline(True)
    person.click(0.3, 0.4)
    expect(person.message).to_contain_text("Offline")


STATES = {
    state.__name__.removeprefix("to_"): state
    for state in (
        to_skip_menu,
        to_help,
        to_last_answer,
        to_undone,
        to_zoomed,
        to_playing,
        to_offline,
    )
}


@pytest.mark.parametrize("state", STATES)
def test_axe_has_nothing_to_say_of_the_annotation_page(state, server, browser, new_annotator):
    context = browser.new_context()
    person = new_annotator(server, context.new_page())
    person.join()
    STATES[state](person)
    assert complaints(person.page) == []
    context.set_offline(False)
    context.close()


def test_axe_has_nothing_to_say_of_a_phone_s_page(server, browser, new_annotator):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    person = new_annotator(server, context.new_page())
    person.join()
    assert complaints(person.page) == []
    context.close()


@pytest.mark.parametrize("reason", ["no_work", "paused"])
def test_axe_has_nothing_to_say_of_a_page_without_work(reason, server, browser, new_annotator):
    context = browser.new_context()
    reply = {"lease": None, "reason": reason, "message": "We will write to you."}
    context.route("**/api/v1/leases", lambda route: route.fulfill(json=reply))
    page = context.new_page()
    person = new_annotator(server, page)
    for url in (server.invite(person.name), f"{server.url}/introduction"):
        assert context.request.post(url, max_redirects=0).status == 303
    page.goto(server.url)
    expect(page.locator("#panel-title")).to_be_visible()
    assert complaints(page) == []
    context.close()


def test_axe_would_have_found_something(annotator):
    """The check itself can fail."""
    annotator.page.evaluate("document.querySelector('#help-button').removeAttribute('aria-label')")
    annotator.page.evaluate("document.querySelector('#help-button').textContent = ''")
    annotator.page.evaluate("document.querySelector('#help-button').title = ''")
    assert any("button-name" in line for line in complaints(annotator.page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_would_have_found_a_fault_of_one_scheme_alone(scheme, server, browser):
    page = browser.new_page(bypass_csp=True)
    page.goto(f"{server.url}/sign-in")
    page.add_style_tag(
        content=f"@media (prefers-color-scheme: {scheme}) {{ label {{ color: #7c7c7c; }} }}"
    )
    found = complaints(page)
    assert found
    assert all(line.startswith(f"{scheme}: color-contrast") for line in found)
    page.close()


def test_prompt_saved_progress_and_messages_are_spoken(annotator):
    page = annotator.page
    assert page.locator("#prompt").get_attribute("aria-live") == "polite"
    assert page.locator("#progress").get_attribute("aria-live") == "polite"
    for name in ("saved", "message", "panel-text", "zoomed"):
        assert page.locator(f"#{name}").get_attribute("role") == "status"


def test_every_control_has_a_name_in_german_too(server, browser, new_annotator):
    context = browser.new_context(locale="de-DE")
    person = new_annotator(server, context.new_page())
    person.join()
    for button in person.page.locator("button:visible").all():
        assert button.evaluate("b => (b.ariaLabel || b.innerText).trim()")
    expect(person.page.get_by_role("button", name="Bild verschieben")).to_have_count(1)
    context.close()
