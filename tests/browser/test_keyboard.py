"""Everything without a pointer: the cross-hair, the number pad, and a whole round of work."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

HALF_PIXEL = 0.5


def press(person, *keys):
    for key in keys:
        person.page.keyboard.press(key)


def only_answer(person):
    (row,) = person.answers()
    assert row["pointer"] == "keyboard"
    return row["x"], row["y"]


def test_arrows_step_one_percent_and_with_shift_five(annotator):
    press(annotator, "ArrowLeft", "ArrowLeft", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowRight")
    annotator.press("Enter")
    assert only_answer(annotator) == pytest.approx((0.53, 0.56))


def test_arrows_with_alt_step_one_pixel_of_the_screen(annotator):
    box = annotator.picture()
    press(annotator, "Alt+ArrowRight", "Alt+ArrowRight", "Alt+ArrowRight", "Alt+ArrowUp")
    annotator.press("Enter")
    x, y = only_answer(annotator)
    assert x * box["width"] == pytest.approx(0.5 * box["width"] + 3, abs=0.01)
    assert y * box["height"] == pytest.approx(0.5 * box["height"] - 1, abs=0.01)


def test_three_digits_reach_a_twenty_seventh_of_the_picture(annotator):
    press(annotator, "7", "3", "5")
    area = annotator.page.locator("#area").bounding_box()
    assert area["width"] == pytest.approx(annotator.picture()["width"] / 27, abs=1)
    annotator.press("Enter")
    thirds = 2 / 9 + 1 / 27 + 1 / 54
    assert only_answer(annotator) == pytest.approx((thirds, thirds), abs=1e-5)


def test_a_digit_after_an_arrow_searches_the_whole_picture_again(annotator):
    press(annotator, "7", "7", "ArrowRight", "9")
    annotator.press("Enter")
    assert only_answer(annotator) == pytest.approx((5 / 6, 1 / 6), abs=1e-5)


def test_zero_gives_the_whole_picture_back_to_the_digits(annotator):
    press(annotator, "1", "1", "0")
    expect(annotator.page.locator("#area")).to_be_hidden()
    press(annotator, "3")
    annotator.press("Enter")
    assert only_answer(annotator) == pytest.approx((5 / 6, 5 / 6), abs=1e-5)


def test_the_dot_stands_where_the_cross_hair_stood(annotator):
    press(annotator, "9", "Shift+ArrowDown")
    box = annotator.picture()
    annotator.page.evaluate(
        """() => new MutationObserver(() => {
            const dot = document.querySelector("#dot");
            if (!dot.hidden) window.dotAt = dot.getBoundingClientRect().toJSON();
        }).observe(document.querySelector("#dot"), {attributes: true})"""
    )
    annotator.press("Enter")
    dot = annotator.page.evaluate("window.dotAt")
    x, y = only_answer(annotator)
    assert dot["x"] + dot["width"] / 2 == pytest.approx(box["x"] + x * box["width"], abs=HALF_PIXEL)
    middle = dot["y"] + dot["height"] / 2
    assert middle == pytest.approx(box["y"] + y * box["height"], abs=HALF_PIXEL)


def test_a_zoomed_picture_follows_the_cross_hair(annotator):
    page = annotator.page
    press(annotator, "ArrowLeft", "z", "z")
    for _ in range(12):
        press(annotator, "Shift+ArrowRight")
    frame = page.locator("#frame").bounding_box()
    picture = annotator.picture()
    at = page.evaluate("document.querySelector('#crosshair').style.getPropertyValue('--x')")
    x = picture["x"] + float(at.rstrip("%")) / 100 * picture["width"]
    assert frame["x"] <= x <= frame["x"] + frame["width"]
    annotator.press("Enter")
    assert only_answer(annotator) == pytest.approx((0.49 + 12 * 0.05 / 4, 0.5), abs=1e-5)


def test_after_a_click_on_a_button_the_keys_are_for_the_frame_again(annotator):
    page = annotator.page
    annotator.press("n")
    frame_id = annotator.frame_id
    page.locator("#zoom-in").click()
    page.locator("#zoom-out").click()
    assert page.evaluate("document.activeElement.id") == "frame"
    press(annotator, " ")
    assert annotator.wait_for_frame() == frame_id, "Space answers nothing"


@pytest.fixture(scope="module")
def short(run_server, import_clips, tmp_path_factory):
    """A server with eight frames."""
    home = tmp_path_factory.mktemp("keys") / "home"
    for server in run_server(home, {"redundancy": 2}):
        import_clips(home, home.parent / "videos", ["b_wide", "d_tiny"])
        yield server


def tab_to(page, name):
    """Press Tab until a control has the focus."""
    for _ in range(30):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "(e => (e.ariaLabel || e.innerText || e.id || '').trim())(document.activeElement)"
        )
        if re.search(name, found):
            return
    pytest.fail(f"Tab never came to {name!r}")


def test_a_whole_round_without_a_pointer(short, page, new_annotator):
    """From the invitation to the end of the work, an undo and a skip on the way."""
    person = new_annotator(short, page)
    page.goto(short.invite(person.name))
    tab_to(page, "Agree and start")
    page.keyboard.press("Enter")
    page.wait_for_url("**/introduction")
    tab_to(page, "Skip to the end")
    page.keyboard.press("Enter")
    tab_to(page, "^Start")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{short.url}/")
    person.wait_for_frame()
    tab_to(page, "^Frame of the video")
    press(person, "7", "3")
    person.press("Enter")
    person.press("n")
    press(person, " ")  # a look around the frame
    person.wait_for_frame()
    press(person, "?")
    expect(page.locator("#help")).to_be_visible()
    press(person, "Escape")
    here = person.frame_id
    tab_to(page, "^Undo")
    page.keyboard.press("Enter")
    person.wait_for_frame(after=here)
    press(person, "ArrowUp")
    person.press("Enter")
    frame_id = person.frame_id
    press(person, "s", "2")
    person.wait_for_frame(after=frame_id)
    while page.evaluate("document.body.dataset.phase") != "done":
        press(person, "Shift+ArrowLeft")
        page.wait_for_timeout(750)  # as somebody who looks at the frame: same place again (R8)
        person.press("Enter")
    expect(page.locator("#panel-title")).to_have_text(re.compile("Thank you"))
    rows = [row for row in person.answers() if row["superseded_at"] is None]
    assert len(rows) == 7
    assert {row["pointer"] for row in rows} == {"keyboard"}
    tab_to(page, "Look again")
