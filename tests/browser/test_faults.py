"""No answer is lost and none arrives twice, whatever the network and the server do."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import TimeoutError as TookTooLong
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ANSWERS = re.compile("/api/v1/frames/.*/answers")


def frames_of(rows):
    return [row["frame_id"] for row in rows]


def test_answers_given_offline_arrive_once_each_when_the_network_is_back(annotator):
    annotator.go_offline()
    clicked = [annotator.click(0.2 + 0.1 * n, 0.5) for n in range(3)]
    expect(annotator.message).to_have_text("Offline: 3 answers kept on this device")
    annotator.page.context.set_offline(False)
    assert frames_of(annotator.answers()) == clicked
    expect(annotator.message).to_have_text("")


def test_offline_the_page_goes_on_until_the_prefetched_frames_are_used_up(annotator):
    annotator.go_offline()
    clicked = []
    while len(clicked) < 4:
        clicked.append(annotator.click(0.2 + 0.1 * len(clicked), 0.5))
    annotator.page.mouse.click(*annotator.place(0.8, 0.4))
    expect(annotator.page.locator("#panel-text")).to_contain_text("No connection")
    annotator.page.context.set_offline(False)
    annotator.wait_for_frame()
    assert len(annotator.answers()) == 5
    assert frames_of(annotator.answers())[:4] == clicked


def test_an_answer_whose_reply_was_lost_is_stored_once(annotator):
    lost = []

    def lose_the_first_reply(route):
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)
            route.abort()

    annotator.page.route(ANSWERS, lose_the_first_reply)
    clicked = [annotator.click(0.3, 0.5), annotator.click(0.6, 0.5)]
    assert frames_of(annotator.answers()) == clicked
    assert lost == [201], "the server had stored it, and the page sent it again"


def test_an_answer_is_kept_while_the_server_is_out_of_order(annotator):
    answers = []

    def fail_twice(route):
        answers.append(route.request.headers["idempotency-key"])
        if len(answers) <= 2:
            route.fulfill(status=503, body="<h1>Bad gateway</h1>")
        else:
            route.continue_()

    annotator.page.route(ANSWERS, fail_twice)
    clicked = annotator.click()
    assert frames_of(annotator.answers()) == [clicked]
    assert len(answers) == 3
    assert len(set(answers)) == 1, "one key for one answer"


def test_an_answer_that_the_server_fails_on_lets_the_others_pass(annotator):
    stuck = re.compile(f"/frames/{annotator.frame_id}/answers")
    annotator.page.route(stuck, lambda route: route.fulfill(status=500, body="{}"))
    first = annotator.click(0.3, 0.5)
    others = [annotator.click(0.5, 0.5), annotator.click(0.7, 0.5)]
    annotator.page.wait_for_function("() => document.body.dataset.unsent === '1'")
    annotator.page.unroute(stuck)
    assert frames_of(annotator.answers()) == [*others, first]


def test_an_answer_that_the_server_fails_on_for_ever_does_not_stop_the_work(annotator, clicks):
    """It is kept, and the person goes on through this clip and the next ones."""
    stuck = re.compile(f"/frames/{annotator.frame_id}/answers")
    annotator.page.route(stuck, lambda route: route.fulfill(status=500, body="{}"))
    first = clicks.click(0.3)
    for n in range(14):
        assert clicks.click(0.2 + 0.05 * n, 0.4) != first
    expect(annotator.message).to_have_text(
        "The server has trouble: 1 answer kept on this device. Sent again by itself."
    )
    annotator.page.wait_for_function("() => document.body.dataset.unsent === '1'")
    assert len(clicks.rows()) == 14
    annotator.page.unroute(stuck)
    annotator.page.reload()
    annotator.wait_for_frame()
    assert clicks.arrive()


def test_while_the_server_takes_no_answer_the_page_waits_and_keeps_all(annotator, clicks):
    """It does not let somebody work on and on for nothing."""
    page = annotator.page
    page.route(ANSWERS, lambda route: route.fulfill(status=500, body="{}"))
    for n in range(20):
        last = clicks.click(0.2 + 0.06 * (n % 10), wait=False)
        try:
            page.wait_for_function(
                "id => document.body.dataset.phase === 'armed'"
                " && document.body.dataset.frame !== id",
                arg=str(last),
                timeout=8_000,
            )
        except TookTooLong:
            break
    kept = len(clicks.given)
    assert 5 <= kept <= 10, "two leases at most"
    text = f"The server has trouble: {kept} answers kept on this device. Sent again by itself."
    expect(annotator.message).to_have_text(text)
    page.unroute(ANSWERS)
    page.reload()
    annotator.wait_for_frame()
    assert clicks.arrive()


def test_half_an_emoji_in_a_comment_does_not_cost_the_skip(annotator):
    skipped = annotator.frame_id
    annotator.page.keyboard.press("s")
    annotator.page.keyboard.press("4")
    annotator.page.evaluate("document.querySelector('#comment').value = 'two \\ud83d'")
    annotator.page.get_by_role("button", name="Skip this frame").click()
    annotator.wait_for_frame(after=skipped)
    annotator.wait_until_saved()
    (skip,) = annotator.server.rows(
        "SELECT comment FROM skips JOIN people ON people.id = person_id WHERE name = ?",
        annotator.name,
    )
    assert skip["comment"] == "two \ufffd"


def test_signed_out_the_answers_stay_until_signed_in_again(annotator):
    context = annotator.page.context
    cookies = context.cookies()
    context.clear_cookies()
    clicked = annotator.click()
    expect(annotator.message).to_have_text(
        re.compile("Signed out: 1 answer kept on this device. Sign in")
    )
    context.add_cookies(cookies)
    assert frames_of(annotator.answers()) == [clicked]
    expect(annotator.message).to_have_text("")


def test_answers_wait_while_somebody_else_is_signed_in(annotator, new_annotator):
    context = annotator.page.context
    cookies = context.cookies()
    other = new_annotator(annotator.server, context.new_page())
    other.join()
    clicked = annotator.click()
    expect(annotator.message).to_have_text(
        re.compile("Somebody else is signed in here: 1 answer kept on this device. Sign in")
    )
    assert other.answers() == []
    context.add_cookies(cookies)
    assert frames_of(annotator.answers()) == [clicked]


def test_a_frame_answered_in_another_tab_is_passed_over_with_a_note(annotator, new_annotator):
    page = annotator.page.context.new_page()
    other = new_annotator(annotator.server, page)
    other.name = annotator.name
    page.goto(annotator.server.url)
    assert other.wait_for_frame() == annotator.frame_id
    first = other.click(0.3, 0.3)
    other.wait_until_saved()
    annotator.click(0.7, 0.7)
    expect(annotator.message).to_have_text(re.compile("already complete"))
    second = annotator.click(0.6, 0.4)
    assert frames_of(annotator.answers()) == [first, second]


def test_undo_without_a_network_says_so_and_the_answer_stays(annotator):
    page = annotator.page
    sent = annotator.click(0.3, 0.5)
    annotator.wait_until_saved()
    page.context.set_offline(True)
    page.keyboard.press("u")
    expect(annotator.message).to_have_text(re.compile("No connection"))
    kept = annotator.click(0.6, 0.5)
    page.keyboard.press("u")
    expect(annotator.message).to_have_text(re.compile("No connection"))
    page.context.set_offline(False)
    assert frames_of(annotator.answers()) == [sent, kept]
    assert [row["superseded_at"] for row in annotator.answers()] == [None, None]


def test_an_undo_whose_reply_was_lost_brings_the_frame_again(annotator, clicks):
    page = annotator.page
    undone = clicks.click(0.3)
    annotator.wait_until_saved()
    undo = re.compile(f"/frames/{undone}/undo")
    page.route(undo, lambda route: (route.fetch(), route.abort()))
    page.keyboard.press("u")
    expect(annotator.message).to_have_text(re.compile("No connection"))
    page.unroute(undo)
    page.keyboard.press("u")
    expect(annotator.message).to_have_text(re.compile("Its frame comes again"))
    others = itertools.cycle((0.2, 0.5, 0.8))
    while annotator.frame_id != undone:
        clicks.click(next(others))
    clicks.click(0.65, 0.3)
    annotator.wait_until_saved()
    assert clicks.arrive()


def test_a_skip_whose_frame_others_took_leaves_the_answers_before_it_undoable(annotator):
    page = annotator.page
    first = annotator.click(0.3, 0.5)
    skipped = annotator.frame_id
    page.keyboard.press("s")
    page.keyboard.press("2")
    current = annotator.wait_for_frame(after=skipped)
    annotator.wait_until_saved()
    refusal = {"error": "lease_lost", "message": "others have taken this frame since"}
    page.route(f"**/frames/{skipped}/undo", lambda route: route.fulfill(status=409, json=refusal))
    page.keyboard.press("u")
    expect(annotator.message).to_have_text(re.compile("already complete"))
    page.keyboard.press("u")
    assert annotator.wait_for_frame(after=current) == first


def test_an_answer_that_never_left_is_taken_back_on_the_page(annotator):
    page = annotator.page
    annotator.go_offline()
    first = annotator.click(0.3, 0.5)
    second = annotator.click(0.5, 0.5)
    current = annotator.frame_id
    page.keyboard.press("u")
    assert annotator.wait_for_frame(after=current) == second
    annotator.click(0.7, 0.5)
    page.context.set_offline(False)
    rows = annotator.answers()
    assert frames_of(rows) == [first, second]
    assert rows[1]["x"] == pytest.approx(0.7, abs=0.01)


def test_answers_given_just_before_the_page_closes_arrive(annotator):
    """Also those that wait behind one whose reply does not come."""
    page = annotator.page
    held = []
    page.route(ANSWERS, lambda route: route.continue_() if held else held.append(route))
    clicked = [annotator.click(0.3, 0.5), annotator.click(0.6, 0.5)]
    page.goto("about:blank")
    sql = "SELECT frame_id FROM answers JOIN people ON people.id = person_id WHERE name = ?"
    for _ in range(600):
        if len(annotator.server.rows(sql, annotator.name)) == len(clicked):
            break
        page.wait_for_timeout(50)
    assert set(frames_of(annotator.server.rows(sql, annotator.name))) == set(clicked)
    page.unroute(ANSWERS)


def test_undo_while_the_next_frame_is_awaited_shows_each_frame_once(annotator):
    page = annotator.page
    asked, held = [], []

    def hold_the_second(route):
        asked.append(route)
        if len(asked) == 2:
            held.append(route)
        else:
            route.continue_()

    page.route("**/leases", hold_the_second)
    page.reload()
    annotator.wait_for_frame()
    clicked = [annotator.click(0.1 + 0.15 * n, 0.5) for n in range(4)]
    last = annotator.frame_id
    page.mouse.click(*annotator.place(0.8, 0.4))
    expect(page.locator("#panel-text")).to_contain_text("Waiting")
    annotator.wait_until_saved()
    page.keyboard.press("u")
    page.wait_for_function("() => document.body.dataset.phase === 'armed'")
    assert annotator.frame_id == last
    held.pop().continue_()
    annotator.click(0.7, 0.6)
    later = [annotator.click(0.2 + 0.2 * n, 0.3) for n in range(3)]
    active = [row for row in annotator.answers() if row["superseded_at"] is None]
    assert frames_of(active) == [*clicked, last, *later]
    seconds = [row["second"] for row in active if row["frame_id"] in later]
    assert seconds == sorted(seconds), "in time order"


def test_a_broken_picture_is_skipped_not_answered(annotator):
    """The rest of the clip goes on."""
    page = annotator.page
    page.route("**/media/frames/*", lambda route: route.fulfill(status=200, body="no picture"))
    page.reload()
    expect(page.locator("#panel-title")).to_have_text("This picture does not load")
    frame_id = annotator.wait_for_frame()
    page.unroute("**/media/frames/*")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.keyboard.press("s")
    page.get_by_role("button", name="Broken picture").click()
    page.wait_for_function("id => document.body.dataset.frame !== String(id)", arg=frame_id)
    assert annotator.answers() == []


def test_a_paused_person_is_told_so_calmly(annotator, call_command):
    call_command(annotator.server.home, "pause", annotator.name, "--reason", "test")
    annotator.page.reload()
    title = annotator.page.locator("#panel-title")
    expect(title).to_have_text("No frames for you just now")
    expect(annotator.page.locator("#panel-text")).not_to_be_empty()
    call_command(annotator.server.home, "resume", annotator.name)
    annotator.page.get_by_role("button", name="Look again").click()
    annotator.wait_for_frame()
    annotator.click()
    assert len(annotator.answers()) == 1


def test_answers_of_somebody_paused_in_mid_work_are_taken(annotator, call_command, clicks):
    clicks.click(0.3)
    annotator.wait_until_saved()
    call_command(annotator.server.home, "pause", annotator.name, "--reason", "test")
    clicks.click(0.6)
    assert clicks.arrive()


def test_somebody_who_has_to_qualify_is_taken_there(annotator):
    reply = {"lease": None, "reason": "to_qualify", "message": None}
    # Once: the server knows better and sends the browser back, again and again.
    annotator.page.route("**/leases", lambda route: route.fulfill(json=reply), times=1)
    with annotator.page.expect_request("**/qualify"):
        annotator.page.reload()
    annotator.page.wait_for_url(f"{annotator.server.url}/")
    annotator.wait_for_frame()
