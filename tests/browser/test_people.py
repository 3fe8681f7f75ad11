"""People in a real browser: joining with a password, signing in, languages, a crowd panel."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PASSWORD = "a horse in the soup"
ENTRY = "/panel/prolific?PROLIFIC_PID=5f3a1b2c3d4e&STUDY_ID=study&SESSION_ID="
WANTED, FRAMES = 6, 8


@pytest.fixture(scope="module")
def panel(run_server, import_clips, tmp_path_factory):
    """A server that a panel sends people to, with two frames more than it asks for."""
    home = tmp_path_factory.mktemp("panel") / "home"
    settings = {
        "redundancy": 50,
        "panel": '"prolific"',
        "panel_completion_code": '"C1ANVE5X"',
        "panel_answers": WANTED,
        "panel_people_per_address": 0,
    }
    for server in run_server(home, settings):
        import_clips(home, home.parent / "videos", ["b_wide", "d_tiny"])
        yield server


@pytest.fixture
def strict_page(page):
    """A page that fails the test when its content security policy stops anything."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    yield page
    assert [text for text in told if "Content Security Policy" in text] == []


def test_a_password_set_on_joining_signs_in_elsewhere(server, browser, strict_page):
    page = strict_page
    page.goto(server.invite("Mary Somerville"))
    page.get_by_text("Set a password, to sign in on other devices too").click()
    field = page.get_by_label("Password")
    field.fill(PASSWORD)
    expect(field).to_have_attribute("type", "password")
    page.get_by_role("button", name="Show").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Agree and start").click()
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(f"{server.url}/account")
    elsewhere.get_by_role("link", name="Sign in").click()
    elsewhere.get_by_label("Name").fill("Mary Somerville")
    elsewhere.get_by_label("Password").fill(PASSWORD)
    elsewhere.get_by_label("Password").press("Enter")
    expect(elsewhere.get_by_role("heading", name="Your account")).to_be_visible()
    elsewhere.context.close()


@pytest.mark.parametrize("has_script", [True, False])
def test_a_double_click_on_the_button_joins(server, browser, has_script):
    """Without our script two requests are sent, and the second one's reply is shown."""
    context = browser.new_context(java_script_enabled=has_script)
    page = context.new_page()
    page.goto(server.invite("Emmy Noether" if has_script else "Sophie Germain"))
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.get_by_role("button", name="Agree and start").dblclick(no_wait_after=True)
    expect(page.get_by_role("heading", name="Welcome")).to_have_count(0)
    page.goto(f"{server.url}/account")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    assert not has_script or sent.count("POST") == 1
    context.close()


def test_a_chosen_language_holds_on_the_annotation_page_too(server, new_annotator, browser):
    context = browser.new_context(locale="en-GB")
    person = new_annotator(server, context.new_page())
    person.page.goto(f"{server.url}/sign-in")
    person.page.get_by_role("button", name="Deutsch").click()
    expect(person.page.get_by_role("heading", name="Anmelden")).to_be_visible()
    person.join()
    expect(person.page.get_by_role("button", name="Nicht sichtbar")).to_be_visible()
    context.close()


def test_the_annotation_page_leads_to_the_own_account(annotator):
    page = annotator.page
    page.keyboard.press("?")
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()


def begin(panel, person, submission):
    person.page.goto(f"{panel.url}{ENTRY}{submission}")
    person.page.get_by_role("button", name="Agree and start").click()


def finish(person):
    """Follow the page's way out and return the page's end."""
    page = person.page
    page.get_by_role("link", name="Finish").first.click()
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("heading", name="Thank you. You have finished.")).to_be_visible()
    return page


def test_a_panels_person_answers_finishes_and_comes_back_until_nothing_is_left(
    panel, browser, new_annotator
):
    context = browser.new_context()
    person = new_annotator(panel, context.new_page())
    begin(panel, person, "first")
    context.request.post(f"{panel.url}/introduction", max_redirects=0)
    person.page.goto(panel.url)
    person.wait_for_frame()
    for i in range(WANTED):
        expect(person.page.get_by_role("link", name="Finish")).to_have_count(0)
        person.click(0.3 + 0.05 * i, 0.5)
    page = finish(person)
    expect(page.get_by_text("C1ANVE5X")).to_be_visible()
    back = page.get_by_role("link", name="Back to Prolific")
    expect(back).to_have_attribute(
        "href", "https://app.prolific.com/submissions/complete?cc=C1ANVE5X"
    )
    begin(panel, person, "second")
    person.wait_for_frame()
    for i in range(FRAMES - WANTED):
        person.click(0.3 + 0.1 * i, 0.6)
    expect(person.page.get_by_role("heading", name="Thank you")).to_be_visible()
    page = finish(person)
    expect(page.get_by_text("You gave 2 answers.")).to_be_visible()
    ended = panel.rows("SELECT submission_id, ended_as FROM panel_visits ORDER BY id")
    assert [tuple(row) for row in ended] == [("first", "completed"), ("second", "completed")]
    context.close()


def test_the_same_link_in_another_browser_gets_nothing(panel, browser):
    first, second = browser.new_context().new_page(), browser.new_context().new_page()
    entry = f"{panel.url}/panel/prolific?PROLIFIC_PID=other&STUDY_ID=s&SESSION_ID=other"
    first.goto(entry)
    first.get_by_role("button", name="Agree and start").click()
    second.goto(entry)
    expect(second.get_by_text("begun in another browser")).to_be_visible()
    first.context.close()
    second.context.close()


# Under axe-core: what only a form or a panel leads to -------------------------------------------


def to_wrong_sign_in(server, page):
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("Name").fill("Nobody")
    page.get_by_label("Password").fill("a wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def to_open_invite(server, page):
    page.goto(server.invite("Caroline Herschel"))
    page.get_by_text("Set a password, to sign in on other devices too").click()


def to_short_password(server, page):
    page.context.request.post(server.invite("Emmy Noether"), max_redirects=0)
    page.goto(f"{server.url}/account")
    page.get_by_label("New password").fill("short")
    page.locator("form[action='/account/password']").evaluate("form => form.submit()")
    expect(page.get_by_role("alert")).to_be_visible()  # submit() asks no browser's rules


def to_panel_entry(server, page):
    page.goto(f"{server.url}/panel/prolific?PROLIFIC_PID=another&STUDY_ID=s&SESSION_ID=another")


def to_early_finish(server, page):
    somebody = page.evaluate("crypto.randomUUID()")
    query = f"PROLIFIC_PID={somebody}&STUDY_ID=s&SESSION_ID={somebody}"
    page.context.request.post(f"{server.url}/panel/prolific?{query}", max_redirects=0)
    page.goto(f"{server.url}/panel/finish")
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("status")).to_contain_text("There are still frames for you.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "go_to", [to_wrong_sign_in, to_open_invite, to_short_password, to_panel_entry, to_early_finish]
)
def test_axe_has_nothing_to_say_of_what_forms_lead_to(panel, browser, scheme, go_to):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{panel.url}/sign-in")
    go_to(panel, page)
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    assert [
        (v["id"], [n["target"] for n in v["nodes"]]) for v in found.response["violations"]
    ] == []
    context.close()
