"""The introduction: step by step, with practice, by mouse, finger and keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

STEPS = 6


@pytest.fixture
def newcomer(server, page):
    """Return the page of somebody who has just accepted an invitation."""
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(server.invite(f"Newcomer {id(page)}"))
    page.get_by_role("button", name="Agree and start").click()
    page.wait_for_url("**/introduction")
    expect(page.locator("#steering")).to_be_visible()
    yield page
    assert problems == []


def place(page, x: float, y: float) -> tuple[float, float]:
    page.locator("#practice-frame[data-armed=true]").scroll_into_view_if_needed()
    box = page.locator("#practice-frame").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def to_practice(page) -> None:
    page.get_by_role("button", name="Skip to the end").click()
    expect(page.get_by_role("heading", name="Try it")).to_be_focused()


def test_one_step_is_shown_at_a_time_and_reading_begins_at_its_heading(newcomer) -> None:
    for number in range(1, STEPS + 1):
        expect(newcomer.locator("#position")).to_have_text(f"Step {number} of {STEPS}")
        expect(newcomer.get_by_role("heading", level=1)).to_have_count(1)
        if number > 1:
            expect(newcomer.get_by_role("heading", level=1)).to_be_focused()
        if number < STEPS:
            newcomer.get_by_role("button", name="Next", exact=True).click()
    expect(newcomer.get_by_role("button", name="Skip to the end")).to_be_hidden()
    newcomer.get_by_role("button", name="Back").click()
    expect(newcomer.locator("#position")).to_have_text(f"Step {STEPS - 1} of {STEPS}")


def test_a_click_beside_the_centre_gets_an_arrow_and_one_at_it_the_ring(newcomer) -> None:
    to_practice(newcomer)
    newcomer.mouse.click(*place(newcomer, 0.9, 0.2))
    expect(newcomer.locator("#practice-verdict")).to_contain_text("Not quite.")
    expect(newcomer.locator(".marks .ring")).to_have_count(2)
    expect(newcomer.locator(".marks .arrow")).to_have_count(2)
    newcomer.locator("#practice-next").click()
    expect(newcomer.locator("#practice-frame[data-armed=true]")).to_be_visible()
    newcomer.keyboard.press("n")
    expect(newcomer.locator("#practice-verdict")).to_have_text("Right: nobody pours anything here.")
    newcomer.locator("#practice-next").click()
    expect(newcomer.locator("#practice-frame[data-armed=true]")).to_be_visible()
    newcomer.mouse.click(*place(newcomer, 0.756, 0.53))
    expect(newcomer.locator("#practice-verdict")).to_contain_text("Right:")
    expect(newcomer.locator(".marks .arrow")).to_have_count(0)
    expect(newcomer.locator(".marks .clicked")).to_have_count(2)


def test_practice_takes_keys_alone(newcomer) -> None:
    newcomer.keyboard.press("Tab")
    to_practice(newcomer)
    expect(newcomer.locator("#practice-frame[data-armed=true]")).to_be_visible()
    newcomer.keyboard.press("ArrowDown")
    newcomer.keyboard.press("Shift+ArrowLeft")
    expect(newcomer.locator("[data-crosshair]")).to_be_visible()
    newcomer.keyboard.press("Enter")
    expect(newcomer.locator("#practice-verdict")).to_contain_text("Right:")
    expect(newcomer.locator("#practice-next")).to_be_focused()
    newcomer.keyboard.press("Enter")
    expect(newcomer.locator("#practice-phrase")).to_have_text("pour milk")


def test_what_begins_beside_the_frame_or_ends_there_is_no_answer(newcomer) -> None:
    to_practice(newcomer)
    newcomer.mouse.move(*place(newcomer, 0.5, 0.5))
    newcomer.mouse.down()
    newcomer.mouse.move(2, 2)
    newcomer.mouse.up()
    expect(newcomer.locator("#practice-verdict")).to_be_empty()
    expect(newcomer.locator("#practice-frame")).to_have_attribute("data-armed", "true")


def test_start_leads_to_the_frames_and_help_leads_back(newcomer) -> None:
    to_practice(newcomer)
    newcomer.get_by_role("button", name="Start").click()
    expect(newcomer.locator("#prompt")).to_contain_text("Click the centre of:")
    newcomer.wait_for_function("() => document.body.dataset.phase === 'armed'")
    newcomer.keyboard.press("?")
    newcomer.get_by_role("link", name="Introduction").click()
    expect(newcomer.get_by_role("heading", name="What you will do")).to_be_visible()


@pytest.mark.parametrize(
    ("window", "is_touch"), [((1440, 900), False), ((390, 844), True), ((844, 390), True)]
)
def test_it_fits_its_window_and_its_buttons_a_thumb(server, browser, window, is_touch) -> None:
    size = {"width": window[0], "height": window[1]}
    context = browser.new_context(viewport=size, has_touch=is_touch, locale="de-DE")
    page = context.new_page()
    page.goto(server.invite(f"Daumen {window}"))
    page.get_by_role("button", name="Zustimmen").click()
    page.wait_for_url("**/introduction")
    for number in range(STEPS):
        expect(page.locator("#position")).to_have_text(f"Schritt {number + 1} von {STEPS}")
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= window[0], f"step {number + 1} scrolls sideways"
        for button in page.locator("#steps button:visible").all():
            box = button.bounding_box()
            assert min(box["width"], box["height"]) >= 44
        if number < STEPS - 1:
            page.locator("#forward").click()
    if is_touch:
        page.touchscreen.tap(*place(page, 0.453, 0.53))
        expect(page.locator("#practice-verdict")).to_contain_text("Richtig:")
    context.close()


def test_without_scripts_every_step_is_there_to_read(server, browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.invite("No script"))
    page.get_by_role("button", name=re.compile("Agree")).click()
    for heading in ("What you will do", "Where is the centre?", "Good clicks and bad ones"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(f"{server.url}/")
    context.close()
