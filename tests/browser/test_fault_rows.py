"""The rows of faults that other annotation tools were measured with: ours keeps every answer.

In each row every answer arrives exactly once, at the place that was clicked, and the page never
says "Saved" while something is not.
"""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from annot_server.passwords import hash_password, set_password

pytestmark = pytest.mark.browser

PASSWORD = "seven green boats"
# What the page shows as saved is compared with what it knows, at every change of the page.
WATCH_FOR_LIES = """
window.lies = [];
new MutationObserver(() => {
  const saved = document.querySelector("#saved");
  const isShown = saved?.textContent === "Saved" && getComputedStyle(saved).opacity !== "0";
  if (isShown && document.body.dataset.unsent !== "0") window.lies.push(performance.now());
}).observe(document, { attributes: true, childList: true, characterData: true, subtree: true });
"""
PLACES = (0.2, 0.5, 0.8, 0.35, 0.65)  # not one near the one before


@pytest.fixture
def watched(annotator):
    """The annotator, on a page that notes when it says "Saved" too early."""
    annotator.page.context.add_init_script(WATCH_FOR_LIES)
    annotator.page.reload()
    annotator.wait_for_frame()
    yield annotator
    assert annotator.page.evaluate("window.lies ?? []") == []


@pytest.mark.parametrize("times", [2, 3])
def test_a_double_or_triple_click_is_one_answer(times, watched, clicks):
    frame_id = watched.frame_id
    box, (left, top) = watched.picture(), watched.place(0.4, 0.4)
    watched.page.mouse.click(left, top, click_count=times)
    clicks.given[frame_id] = (left - box["x"]) / box["width"], (top - box["y"]) / box["height"]
    watched.wait_for_frame(after=frame_id)
    clicks.click(0.7)
    watched.wait_until_saved()
    assert clicks.arrive()


def test_two_tabs_in_turn_give_no_frame_two_answers(watched, clicks):
    first, second = watched.page, watched.page.context.new_page()
    watched.open(second)
    for n in range(4):
        watched.page = (first, second)[n % 2]
        watched.page.bring_to_front()
        if watched.frame_id in clicks.given:  # the other tab answered it: this click is not needed
            frame_id = watched.frame_id
            watched.page.mouse.click(*watched.place(PLACES[n], 0.3))
            watched.wait_for_frame(after=frame_id)
            expect(watched.message).to_have_text(re.compile("already complete"))
        if watched.frame_id not in clicks.given:
            clicks.click(PLACES[n])
        watched.wait_until_saved()
    assert len(clicks.given) >= 3
    assert clicks.arrive()


@pytest.mark.parametrize("moment", ["at once", "0.3 s later", "once saved"])
def test_a_reload_after_a_click(moment, watched, clicks):
    clicks.click(0.3, wait=False)
    if moment == "0.3 s later":
        watched.page.wait_for_timeout(300)
    elif moment == "once saved":
        watched.wait_until_saved()
    watched.page.reload()
    watched.wait_for_frame()
    assert clicks.arrive()
    assert watched.frame_id not in clicks.given
    clicks.click(0.7)
    assert clicks.arrive()


def test_back_and_forward(watched, clicks):
    clicks.click(0.3, wait=False)
    watched.page.goto(f"{watched.server.url}/join/unknown")
    watched.page.go_back()
    watched.wait_for_frame()
    clicks.click(0.6, wait=False)
    watched.page.go_forward()
    watched.page.go_back()
    watched.wait_for_frame()
    assert clicks.arrive()
    assert watched.frame_id not in clicks.given


def test_a_page_that_the_browser_had_put_aside_begins_anew(watched, clicks):
    """Its leases were given back as it was left, and another tab may have its answers."""
    page = watched.page
    clicks.click(0.3)
    page.evaluate("window.isOldPage = true")
    page.evaluate(
        "dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })), undefined"
    )
    page.evaluate(
        "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })), undefined"
    )
    page.wait_for_function("() => !window.isOldPage && document.body.dataset.phase === 'armed'")
    assert watched.frame_id not in clicks.given
    clicks.click(0.6)
    assert clicks.arrive()


@pytest.mark.parametrize("ms", [None, 30, 60])
def test_the_network_goes_before_or_just_after_a_click(ms, watched, clicks):
    context = watched.page.context
    watched.wait_for_pictures()
    if ms is None:
        context.set_offline(True)
    clicks.click(0.3, wait=False)
    if ms is not None:
        watched.page.wait_for_timeout(ms)
        context.set_offline(True)
    watched.wait_for_frame(after=next(iter(clicks.given)))
    clicks.click(0.6)
    expect(watched.message).to_have_text(re.compile("Offline: . answers? kept on this device"))
    context.set_offline(False)
    assert clicks.arrive()
    watched.wait_until_saved()
    assert clicks.arrive()


@pytest.mark.parametrize("ms", [0, 100, 400])
def test_the_tab_is_closed_just_after_a_click(ms, annotator, clicks):
    context = annotator.page.context
    clicks.click(0.3, wait=False)
    if ms:
        annotator.page.wait_for_timeout(ms)
    annotator.page.close()
    page = context.new_page()
    assert clicks.arrive(page), "also if the person never comes back"
    annotator.open(page)
    annotator.wait_until_saved()
    assert clicks.arrive()
    assert annotator.frame_id not in clicks.given


def test_a_slow_network(watched, clicks):
    """100 ms of latency, 10 Mbit/s down and 2 up."""
    network = watched.page.context.new_cdp_session(watched.page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 100,
            "downloadThroughput": 10_000_000 / 8,
            "uploadThroughput": 2_000_000 / 8,
        },
    )
    for x in itertools.islice(itertools.cycle(PLACES), 12):
        clicks.click(x)
    watched.wait_until_saved()
    assert clicks.arrive()


# ---------------------------------------------------------------- leases that lapse


@pytest.fixture(scope="module")
def scarce(run_server, import_clips, tmp_path_factory):
    """A server whose frames need one person each."""
    home = tmp_path_factory.mktemp("scarce") / "home"
    for server in run_server(home, {"redundancy": 1}):
        import_clips(home, home.parent / "videos", ["a_scene", "b_wide", "c_tall", "e_more"])
        yield server


@pytest.fixture
def offline_for_long(scarce, browser, new_annotator, new_clicks):
    """Somebody who has clicked three frames without a network, and whose leases have lapsed."""
    context = browser.new_context()
    person = new_annotator(scarce, context.new_page())
    person.join()
    clicks = new_clicks(person)
    person.go_offline()
    for x in PLACES[:3]:
        clicks.click(x)
    scarce.rows(
        "UPDATE leases SET expires_at = created_at"
        " WHERE person_id = (SELECT id FROM people WHERE name = ?)",
        person.name,
    )
    yield person, clicks
    context.close()


def test_answers_after_the_lease_lapsed_count_where_places_are_left(offline_for_long):
    person, clicks = offline_for_long
    person.page.context.set_offline(False)
    assert clicks.arrive()
    expect(person.message).to_have_text("")


def test_answers_after_others_took_the_places_are_told_of_in_one_line(
    offline_for_long, scarce, browser, new_annotator, new_clicks
):
    person, clicks = offline_for_long
    context = browser.new_context()
    other = new_annotator(scarce, context.new_page())
    other.join()
    others = new_clicks(other)
    assert other.frame_id in clicks.given
    for x in PLACES[:2]:
        others.click(x, 0.3)
    assert others.arrive()
    other.leave()  # the third place is free again
    context.close()
    person.page.context.set_offline(False)
    expect(person.message).to_have_text(
        "2 of your answers were not needed: their frames were already complete."
    )
    person.wait_until_saved()
    for frame_id in others.given:
        del clicks.given[frame_id]
    assert clicks.arrive(), "the third one was needed"


# ---------------------------------------------------------------- signed out


def test_signed_out_in_mid_work_one_signs_in_and_everything_is_sent(watched, clicks):
    page, server = watched.page, watched.server
    (row,) = server.rows("SELECT id FROM people WHERE name = ?", watched.name)
    with server.database() as database:
        database.write(
            lambda session: set_password(
                session,
                person_id=row["id"],
                password_hash=hash_password(PASSWORD),
                now=datetime.now(UTC),
                by_person_id=row["id"],
            )
        )
    page.context.clear_cookies()
    clicks.click(0.3)
    clicks.click(0.6)
    expect(watched.message).to_have_text("Signed out: 2 answers kept on this device. Sign in")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill(watched.name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    watched.wait_for_frame()
    assert clicks.arrive()
    assert watched.frame_id not in clicks.given


# ---------------------------------------------------------------- the server is killed


@pytest.fixture
def mortal(run_server, import_clips, tmp_path):
    """A server of this test alone, to be killed."""
    for server in run_server(tmp_path / "home", {"redundancy": 3}):
        import_clips(server.home, tmp_path / "videos", ["a_scene", "e_more"])
        yield server


def test_the_server_is_killed_in_mid_work(mortal, browser, new_annotator, new_clicks):
    context = browser.new_context()
    person = new_annotator(mortal, context.new_page())
    person.join()
    clicks = new_clicks(person)
    clicks.click(0.2)
    clicks.click(0.5, wait=False)
    mortal.kill()
    person.wait_for_frame(after=list(clicks.given)[-1])
    clicks.click(0.8)
    expect(person.message).to_have_text(re.compile("Offline: . answers? kept on this device"))
    person.page.close()
    mortal.start()
    person.open(context.new_page())
    assert clicks.arrive()
    clicks.click(0.4)
    person.wait_until_saved()
    assert clicks.arrive()
    context.close()
