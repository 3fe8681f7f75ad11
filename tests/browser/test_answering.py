"""One action is one answer and brings the next frame; nothing else ever becomes an answer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

# The mark of an answer stands long enough for a test to act while it stands.
SLOW_MARK = """
const setTimeoutNow = window.setTimeout;
window.setTimeout = (act, ms, ...rest) => setTimeoutNow(act, ms === 80 ? 800 : ms, ...rest);
"""
ARMING_MS = 3000


def last(rows):
    return rows[-1]


def test_one_click_answers_and_brings_the_next_frame(annotator):
    first = annotator.click(0.25, 0.75)
    assert annotator.frame_id != first
    (row,) = annotator.answers()
    assert (row["frame_id"], row["pointer"]) == (first, "mouse")
    assert row["ms_since_paint"] >= 0
    assert row["ms_taken"] >= row["ms_since_paint"]
    expect(annotator.page.locator("#progress")).to_contain_text("1 answer")
    expect(annotator.page.locator("#saved")).to_have_text("Saved")


def test_the_mark_is_shown_at_once_where_the_click_was(annotator):
    """Within one animation frame of the pointer's release."""
    page = annotator.page
    page.evaluate(
        """document.querySelector('#frame').addEventListener('pointerup', () => {
            requestAnimationFrame(() => {
                const dot = document.querySelector('#dot');
                window.mark = dot.hidden ? null : dot.getBoundingClientRect().toJSON();
            });
        })"""
    )
    place = annotator.place(0.3, 0.6)
    annotator.click(0.3, 0.6)
    mark = page.evaluate("window.mark")
    assert mark is not None
    assert abs(mark["x"] + mark["width"] / 2 - place[0]) < 1
    assert abs(mark["y"] + mark["height"] / 2 - place[1]) < 1
    assert mark["width"] == 22


@pytest.mark.parametrize("way", ["key", "button"])
def test_not_visible_is_an_answer_of_its_own(way, annotator):
    frame_id = annotator.frame_id
    if way == "key":
        annotator.press("n")
    else:
        annotator.page.get_by_role("button", name="Not visible").click()
        annotator.wait_for_frame(after=frame_id)
    (row,) = annotator.answers()
    assert (row["frame_id"], row["x"], row["y"]) == (frame_id, None, None)
    assert row["pointer"] == ("keyboard" if way == "key" else "mouse")


def test_a_skip_has_a_reason_and_is_no_answer(annotator):
    skipped = annotator.frame_id
    annotator.page.keyboard.press("s")
    annotator.page.get_by_role("button", name="The phrase does not fit").click()
    second = annotator.wait_for_frame(after=skipped)
    annotator.page.keyboard.press("s")
    annotator.page.keyboard.press("4")
    annotator.page.keyboard.type("two at once")
    annotator.page.get_by_role("button", name="Skip this frame").click()
    annotator.wait_for_frame(after=second)
    assert annotator.answers() == []
    skips = annotator.server.rows(
        "SELECT frame_id, reason, comment FROM skips JOIN people ON people.id = person_id"
        " WHERE name = ? ORDER BY skips.id",
        annotator.name,
    )
    assert [tuple(skip) for skip in skips] == [
        (skipped, "wrong_action", None),
        (second, "other", "two at once"),
    ]


def test_the_skip_menu_can_be_left_without_skipping(annotator):
    frame_id = annotator.frame_id
    annotator.page.keyboard.press("s")
    annotator.page.keyboard.press("n")  # the keys of the page rest while the menu is open
    annotator.page.keyboard.press("Escape")
    expect(annotator.page.locator("#skip-menu")).to_be_hidden()
    assert annotator.frame_id == frame_id
    assert annotator.answers() == []


@pytest.mark.parametrize("key", ["u", "Backspace"])
def test_undo_shows_the_old_dot_and_the_new_answer_supersedes(key, annotator):
    first = annotator.click(0.2, 0.3)
    annotator.wait_until_saved()
    second = annotator.frame_id
    annotator.page.keyboard.press(key)
    assert annotator.wait_for_frame(after=second) == first
    old = annotator.page.locator("#old-dot")
    expect(old).to_be_visible()
    box, left_top = old.bounding_box(), annotator.place(0.2, 0.3)
    assert abs(box["x"] + box["width"] / 2 - left_top[0]) < 1
    annotator.click(0.7, 0.6)
    assert annotator.frame_id == second, "and on from where the person was"
    before, after = annotator.answers()
    assert before["superseded_at"] is not None
    assert after["superseded_at"] is None
    assert (after["frame_id"], after["supersedes_id"]) == (first, before["id"])
    assert after["x"] == pytest.approx(0.7, abs=0.01)


def test_a_skip_can_be_undone(annotator):
    frame_id = annotator.frame_id
    annotator.page.keyboard.press("s")
    annotator.page.keyboard.press("2")
    after = annotator.wait_for_frame(after=frame_id)
    annotator.wait_until_saved()
    annotator.page.get_by_role("button", name="Undo").click()
    assert annotator.wait_for_frame(after=after) == frame_id
    annotator.click()
    (row,) = annotator.answers()
    assert row["frame_id"] == frame_id


def test_the_last_ten_answers_can_be_undone_one_by_one(annotator):
    frames = [annotator.click(0.1 + 0.07 * n, 0.5) for n in range(11)]
    annotator.wait_until_saved()
    for frame_id in reversed(frames[1:]):
        current = annotator.frame_id
        annotator.page.keyboard.press("u")
        assert annotator.wait_for_frame(after=current) == frame_id
    expect(annotator.page.locator("#undo")).to_be_disabled()
    active = [row for row in annotator.answers() if row["superseded_at"] is None]
    assert [row["frame_id"] for row in active] == frames[:1]


def test_arrows_move_the_cross_hair_and_enter_answers(annotator):
    page = annotator.page
    frame_id = annotator.frame_id
    page.keyboard.press("Enter")  # shows the cross-hair in the middle first
    expect(page.locator("#crosshair")).to_be_visible()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowUp", "Shift+ArrowUp"):
        page.keyboard.press(key)
    annotator.press("Enter")
    (row,) = annotator.answers()
    assert (row["frame_id"], row["pointer"]) == (frame_id, "keyboard")
    assert (row["x"], row["y"]) == (pytest.approx(0.57), pytest.approx(0.44))


def test_enter_on_a_button_presses_the_button(annotator):
    annotator.page.keyboard.press("ArrowRight")
    annotator.page.locator("#skip").focus()
    annotator.page.keyboard.press("Enter")
    expect(annotator.page.locator("#skip-menu")).to_be_visible()
    assert annotator.answers() == []


def test_enter_answers_at_the_cross_hair_after_a_click_on_a_button(annotator):
    first = annotator.frame_id
    annotator.page.locator("#not-visible").click()
    second = annotator.wait_for_frame(after=first)
    annotator.page.wait_for_timeout(450)  # longer than one "not visible" holds back the next
    annotator.page.keyboard.press("ArrowRight")
    annotator.press("Enter")
    row = last(annotator.answers())
    assert (row["frame_id"], row["x"], row["y"]) == (second, 0.51, 0.5)


def test_enter_held_down_on_a_button_answers_one_frame(annotator):
    first = annotator.frame_id
    annotator.page.locator("#not-visible").focus()
    annotator.page.keyboard.down("Enter")
    for _ in range(8):  # as the system repeats it, past the 400 ms of the arming rule
        annotator.page.wait_for_timeout(80)
        annotator.page.keyboard.down("Enter")
    annotator.page.keyboard.up("Enter")
    annotator.wait_for_frame(after=first)
    assert [row["frame_id"] for row in annotator.answers()] == [first]


def test_help_opens_with_a_question_mark(annotator):
    annotator.page.keyboard.press("?")
    expect(annotator.page.get_by_role("heading", name="How it works")).to_be_visible()


# ------------------------------------------------------------------ what must not become an answer


def test_a_double_click_is_one_answer(annotator):
    first = annotator.frame_id
    annotator.page.mouse.dblclick(*annotator.place(0.4, 0.4))
    second = annotator.wait_for_frame(after=first)
    annotator.page.keyboard.press("?")  # later than anything the double click could set off
    assert annotator.frame_id == second
    assert [row["frame_id"] for row in annotator.answers()] == [first]


@pytest.fixture
def patient(annotator):
    """The annotator, on a page whose arming rule has longer times: a busy machine is slow."""

    def lengthen(route):
        source = route.fetch().text()
        for short in ("SAME_PLACE_MS = 700", "NOT_VISIBLE_AGAIN_MS = 400"):
            assert short in source
            source = source.replace(short, f"{short.split(' = ')[0]} = {ARMING_MS}")
        route.fulfill(body=source, content_type="text/javascript")

    annotator.page.route("**/static/arming.js", lengthen)
    annotator.page.reload()
    annotator.wait_for_frame()
    return annotator


def test_a_click_at_the_same_place_right_after_the_paint_is_held_back(patient):
    annotator = patient
    # Frames of one shape: the same place of the window is the same place of the frame.
    first = annotator.frame_id
    place = annotator.place(0.4, 0.4)
    annotator.page.mouse.click(*place)
    second = annotator.wait_for_frame(after=first)
    painted = annotator.page.evaluate("performance.now()")
    annotator.page.mouse.click(*place)
    expect(annotator.message).to_have_text(re.compile("Same place again"))
    assert len(annotator.answers()) == 1
    later = f"painted => performance.now() > painted + {ARMING_MS}"
    annotator.page.wait_for_function(later, arg=painted)
    annotator.page.mouse.click(*place)
    annotator.wait_for_frame(after=second)
    assert [row["frame_id"] for row in annotator.answers()] == [first, second]


def test_n_twice_in_a_row_is_held_back(patient):
    annotator = patient
    first = annotator.frame_id
    annotator.page.keyboard.press("n")
    annotator.page.keyboard.press("n")  # while the first is still marked
    annotator.wait_for_frame(after=first)
    annotator.page.keyboard.press("n")  # on the new frame, too soon after the first
    expect(annotator.message).to_have_text(re.compile("Not visible again"))
    assert len(annotator.answers()) == 1


def test_a_press_begun_before_the_new_frame_never_counts(annotator):
    page = annotator.page
    page.add_init_script(SLOW_MARK)
    page.reload()
    first = annotator.wait_for_frame()
    page.mouse.click(*annotator.place(0.3, 0.3))
    page.mouse.move(*annotator.place(0.8, 0.8))
    assert page.evaluate("document.body.dataset.phase") == "answered"
    page.mouse.down()
    second = annotator.wait_for_frame(after=first)
    page.mouse.up()
    page.keyboard.press("ArrowRight")  # handled after the release
    assert page.evaluate("document.body.dataset.phase") == "armed"
    assert annotator.frame_id == second
    assert [row["frame_id"] for row in annotator.answers()] == [first]


@pytest.mark.parametrize("way", ["slide off", "escape"])
def test_a_press_can_be_called_off(way, annotator):
    page = annotator.page
    frame_id = annotator.frame_id
    page.mouse.move(*annotator.place(0.5, 0.5))
    page.mouse.down()
    if way == "slide off":
        box = annotator.picture()
        page.mouse.move(box["x"] + 20, box["y"] + box["height"] + 12)
    else:
        page.keyboard.press("Escape")
    page.mouse.up()
    expect(annotator.message).to_have_text("Not counted.")
    assert annotator.frame_id == frame_id
    assert annotator.answers() == []


def test_a_press_may_slide_and_the_release_is_the_answer(annotator):
    page = annotator.page
    frame_id = annotator.frame_id
    page.mouse.move(*annotator.place(0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*annotator.place(0.6, 0.5), steps=4)
    page.mouse.up()
    annotator.wait_for_frame(after=frame_id)
    (row,) = annotator.answers()
    assert row["x"] == pytest.approx(0.6, abs=0.002)


def test_the_right_button_is_no_answer(annotator):
    annotator.page.mouse.click(*annotator.place(0.5, 0.5), button="right")
    annotator.page.keyboard.press("Escape")
    assert annotator.answers() == []
