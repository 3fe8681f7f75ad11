"""What somebody answered is kept on their device until the server has it, and for nobody else."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Error, expect

pytestmark = pytest.mark.browser

ANSWERS = re.compile("/api/v1/frames/.*/answers")
NO_DATABASE = {
    "refused": "() => { throw new DOMException('not here', 'SecurityError'); }",
    "never opened": "() => ({})",
}


def unsent(page):
    return page.evaluate("document.body.dataset.unsent")


def test_answers_of_a_page_that_was_closed_offline_are_sent_by_the_next_one(annotator, clicks):
    context = annotator.page.context
    annotator.go_offline()
    for n in range(3):
        clicks.click(0.2 + 0.2 * n)
    annotator.page.close()
    context.set_offline(False)
    assert clicks.rows() == []
    asked = []
    page = context.new_page()
    page.on("request", lambda request: asked.append((request.method, request.url)))
    annotator.open(page)
    assert clicks.arrive()
    posts = [url.split("/api/v1/")[1] for method, url in asked if method == "POST"]
    assert posts.index("leases") == 3, "before the first lease is asked for"
    assert annotator.frame_id not in clicks.given


def test_a_page_that_crashes_loses_nothing(locked_in, clicks):
    clicks.click(0.3)
    clicks.click(0.6)
    with pytest.raises(Error, match="crash"):
        locked_in.page.goto("chrome://crash")
    locked_in.open()
    assert clicks.arrive()


@pytest.fixture
def start_browser(browser_type, browser_type_launch_args, tmp_path):
    """A browser of one's own: started again, it has what it had."""
    return lambda: browser_type.launch_persistent_context(tmp_path, **browser_type_launch_args)


def test_a_browser_closed_and_opened_again_sends_what_it_kept(
    server, start_browser, new_annotator, new_clicks
):
    context = start_browser()
    person = new_annotator(server, context.new_page())
    person.join()
    clicks = new_clicks(person)
    person.go_offline()
    clicks.click(0.3)
    clicks.click(0.6)
    context.close()
    context = start_browser()
    person.open(context.new_page())
    assert clicks.arrive()
    context.close()


def test_skips_are_kept_like_answers(annotator):
    context, skipped = annotator.page.context, annotator.frame_id
    annotator.go_offline()
    annotator.page.keyboard.press("s")
    annotator.page.keyboard.press("2")
    annotator.wait_for_frame(after=skipped)
    annotator.page.close()
    context.set_offline(False)
    annotator.open()
    (skip,) = annotator.server.rows(
        "SELECT frame_id, reason FROM skips JOIN people ON people.id = person_id WHERE name = ?",
        annotator.name,
    )
    assert tuple(skip) == (skipped, "wrong_action")


def test_somebody_else_at_the_same_browser_neither_sends_nor_sees_them(
    annotator, clicks, new_annotator
):
    context = annotator.page.context
    cookies = context.cookies()
    annotator.go_offline()
    clicks.click(0.3)
    clicks.click(0.6)
    annotator.page.close()
    context.set_offline(False)
    other = new_annotator(annotator.server, context.new_page())
    other.join()
    assert unsent(other.page) == "0"
    expect(other.page.locator("#undo")).to_be_disabled()
    other.click(0.5)
    assert len(other.answers()) == 1
    assert clicks.rows() == []
    other.page.close()
    context.add_cookies(cookies)
    annotator.open()
    assert clicks.arrive()


@pytest.fixture
def locked_in(annotator):
    """The annotator, whose page cannot send answers; other tabs of theirs can."""
    annotator.page.route(ANSWERS, lambda route: route.abort())
    return annotator


def test_a_tab_leaves_the_answers_of_another_open_tab_alone(locked_in, clicks):
    first = locked_in.page
    clicks.click(0.3)
    first.wait_for_function("() => document.querySelector('#message').textContent !== ''")
    second = first.context.new_page()
    sent = []
    second.on("request", lambda r: sent.append(r.url) if ANSWERS.search(r.url) else None)
    second.goto(locked_in.server.url)
    second.wait_for_function("() => document.body.dataset.phase === 'armed'")
    assert unsent(second) == "0"
    assert sent == []
    first.unroute(ANSWERS)
    assert clicks.arrive()


def test_a_tab_takes_over_what_a_closed_one_left(locked_in, clicks):
    first = locked_in.page
    second = first.context.new_page()
    second.goto(locked_in.server.url)
    second.wait_for_function("() => document.body.dataset.phase === 'armed'")
    first.bring_to_front()
    clicks.click(0.3)
    # The browser gives the page no time to send anything.
    first.evaluate("window.fetch = () => Promise.reject(new Error('gone')), undefined")
    first.close()
    assert clicks.arrive(second)
    second.wait_for_function("() => document.body.dataset.unsent === '0'")


NO_LOCKS = {
    "not there": "Object.defineProperty(navigator, 'locks', { value: undefined })",
    "refused": """for (const name of ["request", "query"]) {
        const refuse = () => Promise.reject(new DOMException("not here", "SecurityError"));
        Object.defineProperty(navigator.locks, name, { value: refuse });
    }""",
}


@pytest.mark.parametrize("how", NO_LOCKS)
def test_without_web_locks_two_tabs_may_both_send_and_the_server_stores_once(
    how, server, browser, new_annotator, new_clicks
):
    context = browser.new_context()
    context.add_init_script(NO_LOCKS[how])
    person = new_annotator(server, context.new_page())
    person.join()
    clicks = new_clicks(person)
    first, second = person.page, context.new_page()
    first.route(ANSWERS, lambda route: route.abort())
    second.route(ANSWERS, lambda route: route.abort())
    clicks.click(0.3)
    clicks.click(0.6)
    second.goto(server.url)
    expect(second.locator("body")).to_have_attribute("data-unsent", re.compile("[02]"))
    for page in (first, second, first):
        page.evaluate("dispatchEvent(new Event('online')), undefined")
        page.wait_for_timeout(200)
    assert unsent(first) == "2", "none is counted twice"
    first.unroute(ANSWERS)
    second.unroute(ANSWERS)
    assert clicks.arrive()
    for page in (first, second):
        page.wait_for_function("() => document.body.dataset.unsent === '0'")
    assert clicks.arrive()
    context.close()


@pytest.mark.parametrize("how", NO_DATABASE)
def test_a_browser_that_keeps_nothing_is_said_so_and_asks_before_it_leaves(
    how, server, browser, new_annotator, new_clicks
):
    context = browser.new_context()
    context.add_init_script(f"indexedDB.open = {NO_DATABASE[how]}")
    person = new_annotator(server, context.new_page())
    person.join()
    clicks = new_clicks(person)
    person.go_offline()
    clicks.click(0.3)
    expect(person.message).to_have_text(
        "Offline: 1 answer kept on this page only, please leave it open"
    )
    asked = []
    person.page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    person.page.close(run_before_unload=True)
    person.page.wait_for_timeout(100)
    assert asked == ["beforeunload"]
    context.set_offline(False)
    assert clicks.arrive()
    assert person.problems == []
    context.close()


def test_an_answer_that_the_device_has_no_room_for_is_said_to_be_on_the_page_only(
    annotator, clicks
):
    annotator.page.evaluate(
        "IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError') },"
        " undefined"
    )
    annotator.go_offline()
    clicks.click(0.3)
    expect(annotator.message).to_contain_text("1 answer kept on this page only")
    annotator.page.context.set_offline(False)
    assert clicks.arrive()


def test_with_the_answers_on_the_device_nothing_is_asked_before_leaving(annotator, clicks):
    page, context = annotator.page, annotator.page.context
    annotator.go_offline()
    clicks.click(0.3)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    context.set_offline(False)
    annotator.open()
    assert clicks.arrive()
    assert asked == []


def test_what_was_answered_before_a_reload_can_be_undone(annotator, clicks):
    page = annotator.page
    clicks.click(0.3)
    answered = clicks.click(0.6)
    annotator.wait_until_saved()
    page.reload()
    current = annotator.wait_for_frame()
    page.keyboard.press("u")
    assert annotator.wait_for_frame(after=current) == answered
    expect(page.locator("#old-dot")).to_be_visible()
    again = annotator.click(0.8, 0.3)
    assert again == answered
    rows = annotator.answers()
    assert [row["frame_id"] for row in rows if row["superseded_at"] is None].count(answered) == 1
    assert rows[-1]["x"] == pytest.approx(0.8, abs=0.01)


def test_an_answer_older_than_a_minute_is_not_offered_for_undo_after_a_reload(annotator, clicks):
    page = annotator.page
    clicks.click(0.3)
    annotator.wait_until_saved()
    page.clock.install()
    page.clock.fast_forward(61_000)
    page.reload()
    annotator.wait_for_frame()
    expect(page.locator("#undo")).to_be_disabled()


def test_the_device_keeps_nothing_that_is_no_longer_needed(annotator):
    for n in range(12):
        annotator.click(0.1 + 0.06 * n, 0.4)
    annotator.wait_until_saved()
    kept = """() => new Promise((resolve) => {
        indexedDB.open("annotations").onsuccess = ({ target: { result } }) => {
            result.transaction("responses").objectStore("responses").getAll().onsuccess =
                ({ target }) => resolve(target.result.length);
        };
    })"""
    assert annotator.page.evaluate(kept) == 10, "those that can be undone"
