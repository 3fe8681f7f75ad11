"""The pages round the annotation page: invitation, end of work, progress, errors, languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def short(run_server, import_clips, tmp_path_factory):
    """A server with eight frames that need two people each."""
    home = tmp_path_factory.mktemp("short") / "home"
    for server in run_server(home, {"redundancy": 2}):
        import_clips(home, home.parent / "videos", ["b_wide", "d_tiny"])
        yield server


def test_an_invite_link_says_what_happens_and_works_once(server, page, browser):
    link = server.invite("Grace")
    page.goto(link)
    expect(page.get_by_role("heading", name="Welcome, Grace")).to_be_visible()
    expect(page.locator(".consent")).to_contain_text("We store where you click")
    page.get_by_role("button", name="Agree and start").click()
    expect(page.get_by_role("heading", name="What you will do")).to_be_visible()
    page.get_by_role("button", name="Skip to the end").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#prompt")).to_contain_text("Click the centre of: stir soup")
    elsewhere = browser.new_page()
    elsewhere.goto(link)
    expect(elsewhere.get_by_role("heading", name="This link has been used")).to_be_visible()
    elsewhere.close()
    # Signed in, but no longer the browser that used the link a moment ago.
    page.context.clear_cookies(name="annot-mark")
    page.goto(link)
    expect(page.get_by_role("heading", name="This link has been used")).to_be_visible()
    page.get_by_role("link", name="Go on").click()
    expect(page.locator("#frame")).to_be_visible()


def test_an_unknown_link_and_no_sign_in_are_explained(server, page):
    page.goto(f"{server.url}/join/no-such-token")
    expect(page.get_by_role("heading", name="This link is not known")).to_be_visible()
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1)).to_contain_text("invite link")


def test_the_end_of_the_work_thanks_and_counts_and_the_maintainer_sees_it(
    short, browser, new_annotator
):
    for n in range(2):
        context = browser.new_context()
        person = new_annotator(short, context.new_page())
        person.join()
        for k in range(8):
            person.click(0.1 + 0.1 * k, 0.4 + 0.2 * n)
        title = person.page.locator("#panel-title")
        expect(title).to_have_text(re.compile("Thank you"))
        expect(person.page.locator("#panel-text")).to_have_text("You have given 8 answers.")
        # The last answer can still be taken back.
        person.page.get_by_role("button", name="Undo").click()
        person.wait_for_frame()
        person.click(0.5, 0.7)
        expect(title).to_have_text(re.compile("Thank you"))
        person.page.get_by_role("button", name="Look again").click()
        expect(title).to_have_text(re.compile("Thank you"))
        assert len(person.answers()) == 9
        context.close()
    page = browser.new_page()
    page.goto(short.invite("Hypatia", "maintainer"))
    page.get_by_role("button", name="Agree and start").click()
    expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    expect(page.locator(".figure").nth(0)).to_contain_text(re.compile(r"8\s+of 8"))
    expect(page.locator(".figure").nth(1)).to_contain_text(re.compile(r"16\s+of 16"))
    expect(page.locator(".figure").nth(2)).to_contain_text("Done")
    row = page.get_by_role("row", name="slice bread")
    expect(row).to_contain_text("100%")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign in")
    page.close()


def test_an_annotator_does_not_see_the_maintainers_page(annotator):
    response = annotator.page.goto(f"{annotator.server.url}/maintain")
    assert response.status == 403
    expect(annotator.page.get_by_role("heading", name="This is not for you")).to_be_visible()


def test_the_page_speaks_german_to_a_german_browser(server, browser, new_annotator):
    context = browser.new_context(locale="de-DE")
    person = new_annotator(server, context.new_page())
    person.join()
    expect(person.page.locator("#prompt")).to_contain_text("Klicken Sie auf die Mitte von:")
    expect(person.page.get_by_role("button", name="Nicht sichtbar")).to_be_visible()
    assert person.page.evaluate("document.documentElement.lang") == "de"
    person.click()
    expect(person.page.locator("#progress")).to_contain_text("1 Antwort")
    context.close()


def test_the_page_keeps_its_own_content_security_policy(server, browser, new_annotator):
    """Nothing inline, nothing from elsewhere; a blocked style would change what is seen."""
    context = browser.new_context()
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: told.append(request.url))
    person = new_annotator(server, page)
    person.join()
    person.click(0.4, 0.5)
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert [text for text in told if not text.startswith(server.url)] == []
    context.close()


def test_prompt_saved_and_progress_are_spoken_and_controls_have_names(annotator):
    page = annotator.page
    assert page.locator("#prompt").get_attribute("aria-live") == "polite"
    for name in ("saved", "message"):
        assert page.locator(f"#{name}").get_attribute("role") == "status"
    for button in page.locator("button:visible").all():
        assert button.evaluate("b => (b.ariaLabel || b.innerText).trim()")
    expect(page.locator("#frame")).to_have_attribute("aria-label", re.compile("Arrow keys"))


def test_the_keyboard_reaches_frame_and_buttons_in_order_and_shows_where_it_is(annotator):
    annotator.press("n")  # so that there is something to undo
    reached = []
    order = ["frame", "not-visible", "skip", "undo", "context-button", "zoom-in", "help-button"]
    for _ in order:
        annotator.page.keyboard.press("Tab")
        reached.append(annotator.page.evaluate("document.activeElement.id"))
        assert annotator.page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        )
    assert reached == order
