"""Zoom, pan and the loupe: closer looks that leave every place exact."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

HALF_PIXEL = 0.5
WINDOWS = {
    "desktop": {"viewport": {"width": 1440, "height": 900}, "device_scale_factor": 1},
    "sharp screen": {"viewport": {"width": 1280, "height": 720}, "device_scale_factor": 2},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3},
}


def frame_box(person):
    return person.page.locator("#frame").bounding_box()


def zoom_of(person):
    """How many times the displayed picture is as wide as its frame."""
    return person.picture()["width"] / frame_box(person)["width"]


def at(person, x, y):
    """The place at a fraction of the frame, in CSS pixels of the window."""
    box = frame_box(person)
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def under(person, place):
    """The point of the picture under a place of the window."""
    box = person.picture()
    return (place[0] - box["x"]) / box["width"], (place[1] - box["y"]) / box["height"]


def test_z_goes_to_twice_to_four_times_and_back_round_the_pointer(annotator):
    place = at(annotator, 0.3, 0.7)
    annotator.page.mouse.move(*place)
    point = under(annotator, place)
    for zoom in (2, 4):
        annotator.page.keyboard.press("z")
        assert zoom_of(annotator) == pytest.approx(zoom)
        assert under(annotator, place) == pytest.approx(point, abs=1e-4)
    annotator.page.keyboard.press("z")
    assert annotator.picture() == frame_box(annotator)


def test_control_and_wheel_zoom_and_the_wheel_alone_does_nothing(annotator):
    page = annotator.page
    place = at(annotator, 0.6, 0.4)
    page.mouse.move(*place)
    page.mouse.wheel(0, -200)
    assert zoom_of(annotator) == 1
    point = under(annotator, place)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_function("() => document.querySelector('#frame').classList.contains('zoomed')")
    assert zoom_of(annotator) == pytest.approx(1.002**300, rel=1e-3)
    pixel = 1 / frame_box(annotator)["height"]  # a wheel says where it is in whole pixels
    assert under(annotator, place) == pytest.approx(point, abs=pixel)
    assert page.evaluate("visualViewport.scale") == 1, "the page itself keeps its size"


def test_buttons_zoom_too_and_stop_at_eight_times_and_at_the_whole(annotator):
    page = annotator.page
    bigger, smaller = page.locator("#zoom-in"), page.locator("#zoom-out")
    expect(smaller).to_be_disabled()
    for zoom in (2, 4, 8):
        bigger.click()
        assert zoom_of(annotator) == pytest.approx(zoom)
    expect(bigger).to_be_disabled()
    expect(page.locator("#zoomed")).to_have_text("8 times as large")
    for _ in range(3):
        smaller.click()
    assert zoom_of(annotator) == 1


def test_the_next_frame_is_whole_again_and_the_zoom_is_stored(annotator):
    annotator.page.mouse.move(*at(annotator, 0.5, 0.5))
    annotator.page.keyboard.press("z")
    frame_id = annotator.frame_id
    annotator.page.mouse.click(*at(annotator, 0.5, 0.5))
    annotator.wait_for_frame(after=frame_id)
    assert zoom_of(annotator) == 1
    annotator.click(0.2, 0.2)
    assert [row["zoom"] for row in annotator.answers()] == [2, 1]


@pytest.mark.parametrize("window", WINDOWS)
def test_every_row_is_the_place_clicked_in_a_zoomed_and_moved_picture(
    window, server, browser, new_annotator
):
    """Ordinary, wide, tall and tiny frames, at 2 and 4 times; half a CSS pixel of what is seen."""
    context = browser.new_context(**WINDOWS[window])
    person = new_annotator(server, context.new_page())
    person.join()
    clicked = {}
    for n in range(20):
        person.page.mouse.move(*at(person, *[(0.1, 0.2), (0.9, 0.8), (0.5, 0.4)][n % 3]))
        for _ in range(1 + n % 2):
            person.page.keyboard.press("z")
        place = at(person, *[(0.01, 0.02), (0.97, 0.3), (0.4, 0.96), (0.5, 0.5)][n % 4])
        box, frame = person.picture(), frame_box(person)
        frame_id = person.frame_id
        person.page.mouse.click(*place)
        person.wait_for_frame(after=frame_id)
        clicked[frame_id] = (box, frame, under_box(box, place))
    rows = {row["frame_id"]: row for row in person.answers()}
    assert rows.keys() == clicked.keys()
    for frame_id, (box, frame, (x, y)) in clicked.items():
        row = rows[frame_id]
        assert abs(row["x"] - x) * box["width"] <= HALF_PIXEL
        assert abs(row["y"] - y) * box["height"] <= HALF_PIXEL
        assert row["display_width"] == round(frame["width"]), "the size before any zoom"
        assert row["zoom"] == pytest.approx(box["width"] / frame["width"], rel=1e-3)
    assert {round(row["zoom"]) for row in rows.values()} == {2, 4}
    context.close()


def under_box(box, place):
    return (place[0] - box["x"]) / box["width"], (place[1] - box["y"]) / box["height"]


def test_a_press_let_go_beside_the_frame_is_not_counted_though_the_picture_goes_on(annotator):
    page = annotator.page
    page.mouse.move(*at(annotator, 0.5, 0.5))
    page.keyboard.press("z")
    box = frame_box(annotator)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 20, box["y"] + 50)
    page.mouse.up()
    expect(annotator.message).to_have_text("Not counted.")
    assert annotator.answers() == []


# Moving the picture ---------------------------------------------------------------------------


@pytest.fixture
def zoomed(annotator):
    annotator.page.mouse.move(*at(annotator, 0.5, 0.5))
    annotator.page.keyboard.press("z")
    return annotator


def test_in_moving_mode_a_drag_moves_the_picture_and_answers_nothing(zoomed):
    page = zoomed.page
    page.locator("#move").click()
    before = zoomed.picture()
    page.mouse.move(*at(zoomed, 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*at(zoomed, 0.6, 0.55), steps=4)
    page.mouse.up()
    after, frame = zoomed.picture(), frame_box(zoomed)
    assert after["x"] - before["x"] == pytest.approx(0.1 * frame["width"], abs=0.5)
    assert after["y"] - before["y"] == pytest.approx(0.05 * frame["height"], abs=0.5)
    assert zoomed.answers() == []


def test_in_moving_mode_a_click_brings_a_place_to_the_middle_without_any_drag(zoomed):
    page = zoomed.page
    page.keyboard.press("m")
    place = at(zoomed, 0.7, 0.6)
    point = under(zoomed, place)
    page.mouse.click(*place)
    assert under(zoomed, at(zoomed, 0.5, 0.5)) == pytest.approx(point, abs=1e-3)
    assert zoomed.answers() == []


def test_after_moving_m_brings_answers_back(zoomed):
    page, frame_id = zoomed.page, zoomed.frame_id
    page.keyboard.press("m")
    expect(page.locator("#move")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("m")
    expect(page.locator("#move")).to_have_attribute("aria-pressed", "false")
    page.mouse.click(*at(zoomed, 0.5, 0.5))
    zoomed.wait_for_frame(after=frame_id)
    assert len(zoomed.answers()) == 1


def test_the_middle_button_moves_the_picture_at_any_time(zoomed):
    page = zoomed.page
    before = zoomed.picture()
    page.mouse.move(*at(zoomed, 0.5, 0.5))
    page.mouse.down(button="middle")
    page.mouse.move(*at(zoomed, 0.4, 0.5), steps=4)
    page.mouse.up(button="middle")
    assert zoomed.picture()["x"] < before["x"] - 20
    assert zoomed.answers() == []


def test_the_picture_never_leaves_an_edge_of_its_frame_bare(zoomed):
    page = zoomed.page
    page.keyboard.press("m")
    page.mouse.move(*at(zoomed, 0.1, 0.1))
    page.mouse.down()
    page.mouse.move(*at(zoomed, 0.99, 0.99), steps=3)
    page.mouse.up()
    picture, frame = zoomed.picture(), frame_box(zoomed)
    assert picture["x"] == pytest.approx(frame["x"], abs=0.01)
    assert picture["y"] == pytest.approx(frame["y"], abs=0.01)


def touch(session, kind, *places):
    points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def phone(server, browser, new_annotator):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True
    )
    person = new_annotator(server, context.new_page())
    person.join()
    yield person
    assert person.problems == []
    context.close()


def test_two_fingers_zoom_and_move_and_answer_nothing(phone):
    session = phone.page.context.new_cdp_session(phone.page)
    a, b = at(phone, 0.4, 0.5), at(phone, 0.6, 0.5)
    middle = under(phone, at(phone, 0.5, 0.5))
    touch(session, "touchStart", a)
    touch(session, "touchStart", a, b)
    for n in range(1, 5):
        touch(session, "touchMove", at(phone, 0.4 - 0.05 * n, 0.5), at(phone, 0.6 + 0.05 * n, 0.5))
    touch(session, "touchEnd")
    phone.page.wait_for_function("() => !document.querySelector('#zoom-out').disabled")
    assert zoom_of(phone) == pytest.approx(3, rel=0.02)
    assert under(phone, at(phone, 0.5, 0.5)) == pytest.approx(middle, abs=0.01)
    assert phone.answers() == []
    phone.click(0.5, 0.5, touch=True)
    assert phone.answers()[0]["zoom"] == pytest.approx(3, rel=0.02)


# The loupe ------------------------------------------------------------------------------------


def test_a_held_press_shows_what_is_under_it_three_times_as_large(annotator):
    page = annotator.page
    loupe = page.locator("#loupe")
    x, y = at(annotator, 0.2, 0.5)  # on the disc
    page.mouse.move(x, y)
    page.mouse.down()
    expect(loupe).to_be_visible()
    colour = page.evaluate(
        """() => {
            const canvas = document.querySelector("#loupe");
            const side = canvas.width;
            const at = (x, y) => [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
            return at(Math.round(side / 2) + 4, Math.round(side / 2) + 4);
        }"""
    )
    assert colour[0] > 150, "the disc's red"
    assert colour[1] < 110
    page.keyboard.press("Escape")
    expect(loupe).to_be_hidden()
    page.mouse.up()
    assert annotator.answers() == []


def test_a_short_click_shows_no_loupe(annotator):
    page = annotator.page
    page.evaluate(
        """() => {
            const loupe = document.querySelector("#loupe");
            window.sawLoupe = false;
            new MutationObserver(() => (window.sawLoupe ||= !loupe.hidden))
                .observe(loupe, {attributes: true});
        }"""
    )
    annotator.click(0.4, 0.4)
    assert page.evaluate("window.sawLoupe") is False


def test_a_finger_does_not_hide_the_loupe_which_turns_aside_where_the_window_ends(phone):
    page = phone.page
    session = page.context.new_cdp_session(page)
    loupe = page.locator("#loupe")
    low = at(phone, 0.5, 0.95)
    touch(session, "touchStart", low)
    expect(loupe).to_be_visible()
    box = loupe.bounding_box()
    assert box["y"] + box["height"] == pytest.approx(low[1] - 60, abs=1)
    assert box["x"] + box["width"] / 2 == pytest.approx(low[0], abs=1)
    high = at(phone, 0.8, 0.05)
    touch(session, "touchMove", high)
    page.wait_for_function("() => document.querySelector('#loupe').getBoundingClientRect().x < 200")
    box = loupe.bounding_box()
    assert box["x"] + box["width"] == pytest.approx(high[0] - 60, abs=1)
    assert box["y"] >= 0
    touch(session, "touchMove", (10.0, 840.0))
    touch(session, "touchEnd")
    expect(loupe).to_be_hidden()
    assert phone.answers() == []
