"""The page's room: the picture first, every control in view, none too small or too near."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WINDOWS = [(1440, 900), (1280, 720), (390, 844), (844, 390)]
SMALLEST_PX = 44
APART_PX = 8
CLEAR_PX = 23.5  # 24, less what a browser rounds


def controls(page):
    """The boxes of all buttons in view, by their ids."""
    found = {}
    for button in page.locator(".bottom button:visible").all():
        found[button.get_attribute("id")] = button.bounding_box()
    return found


def gap(a, b):
    """How far two boxes are apart in CSS pixels, across or down; negative where they overlap."""
    across = max(a["x"], b["x"]) - min(a["x"] + a["width"], b["x"] + b["width"])
    down = max(a["y"], b["y"]) - min(a["y"] + a["height"], b["y"] + b["height"])
    return max(across, down)


@pytest.fixture
def person(annotator):
    annotator.click(0.3, 0.4)  # so that the last answer's thumbnail stands there
    annotator.click(0.6, 0.4)
    return annotator


@pytest.mark.parametrize(("width", "height"), WINDOWS)
def test_nothing_scrolls(width, height, person):
    person.page.set_viewport_size({"width": width, "height": height})
    assert person.page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth"
        " && document.documentElement.scrollHeight <= innerHeight"
    )


@pytest.mark.parametrize(("width", "height"), WINDOWS)
def test_controls_are_large_in_view_apart_and_clear_of_the_picture(width, height, person):
    page = person.page
    page.set_viewport_size({"width": width, "height": height})
    frame, boxes = person.picture(), controls(page)
    wanted = {"not-visible", "skip", "undo", "context-button", "zoom-in", "zoom-out", "move"}
    assert wanted | {"help-button"} <= boxes.keys()
    assert ("last" in boxes) == (width > 640), "a phone has no room for the thumbnail"
    for name, box in boxes.items():
        assert min(box["width"], box["height"]) >= SMALLEST_PX, name
        assert 0 <= box["x"] <= width - box["width"], name
        assert 0 <= box["y"] <= height - box["height"], name
        assert gap(box, frame) >= CLEAR_PX, name
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert gap(a, b) >= APART_PX, f"{one} and {other}"


def test_the_picture_has_seven_tenths_of_a_desktop_window_and_a_phones_width(person):
    page = person.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_function(
        """() => {
            const picture = document.querySelector("#picture img");
            return picture.width * picture.height >= 0.7 * 1440 * 900;
        }"""
    )
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => document.querySelector('#picture img').width === 390")
    prompt = page.locator(".top").bounding_box()
    assert person.picture()["y"] == pytest.approx(prompt["y"] + prompt["height"], abs=1)


def test_the_last_answer_is_small_beside_its_place_and_a_click_on_it_takes_it_back(person):
    page = person.page
    answered = [row["frame_id"] for row in person.answers()]
    thumbnail = page.locator("#last img").bounding_box()
    dot = page.locator("#last-dot").bounding_box()
    across = (dot["x"] + dot["width"] / 2 - thumbnail["x"]) / thumbnail["width"]
    assert across == pytest.approx(0.6, abs=0.02)
    assert thumbnail["width"] <= 96
    here = person.frame_id
    page.locator("#last").click()
    assert person.wait_for_frame(after=here) == answered[1]


def test_a_dot_is_a_black_and_a_white_ring_and_fits_any_colour(person):
    """22 px across, black outside and white inside: PAGE point 5."""
    page = person.page
    page.evaluate("document.querySelector('#dot').hidden = false")
    dot = page.locator("#dot")
    assert dot.bounding_box()["width"] == 22
    expect(dot).to_have_css("border-top-color", "rgb(0, 0, 0)")
    assert "rgb(255, 255, 255)" in dot.evaluate("dot => getComputedStyle(dot).boxShadow")


def test_marks_keep_their_two_colours_where_the_system_forces_its_own(person):
    page = person.page
    page.emulate_media(forced_colors="active")
    page.evaluate("document.querySelector('#dot').hidden = false")
    expect(page.locator("#dot")).to_have_css("border-top-color", "rgb(0, 0, 0)")
    expect(page.locator("#crosshair")).to_have_css("forced-color-adjust", "none")


def test_more_contrast_makes_quiet_words_as_dark_as_the_others(person):
    page = person.page
    colour = "name => getComputedStyle(document.querySelector(name)).color"
    assert page.evaluate(colour, ".progress") != page.evaluate(colour, "#phrase")
    page.emulate_media(contrast="more")
    assert page.evaluate(colour, ".progress") == page.evaluate(colour, "#phrase")


def test_nothing_moves_by_itself_for_those_who_want_less_motion(person):
    page = person.page
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().length") == 0
    seconds = "name => getComputedStyle(document.querySelector(name)).transitionDuration"
    assert page.evaluate(seconds, "#skip") == "0s"
    assert page.locator("#video").is_hidden()
    assert page.evaluate("document.querySelector('#video').paused")
