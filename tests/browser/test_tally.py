"""Batches, pace and breaks: where the end is in sight, and what the person has done is told."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

# Responses as [ms since the one before, ms taken]; the last state of the tally is what comes out.
COUNT = """async ([key, responses]) => {
  const { Tally } = await import("/static/tally.js");
  let now = 1_000_000;
  let full = 0;
  const tally = new Tally(key, () => {}, () => now);
  for (const [since, taken] of responses) {
    now += since;
    full += tally.responded(taken);
  }
  const { batch, medianMs, isBreakDue } = tally;
  now += 120_000;
  return { batch, medianMs, isBreakDue, full, isBreakDueLater: tally.isBreakDue };
}"""
MINUTE = 60_000


@pytest.fixture
def count(server, page):
    page.goto(f"{server.url}/join/unknown")
    return lambda responses, key="test": page.evaluate(COUNT, [key, responses])


def test_half_of_the_newest_thirty_answers_took_less_than_the_median(count):
    assert count([[1000, ms] for ms in (5000, 1000, 2000, 4000)])["medianMs"] is None
    times = [99_000, *[1000] * 15, *[3000] * 15]
    assert count([[1000, ms] for ms in times], "even")["medianMs"] == 2000
    odd = [*[3000] * 7, 2500, *[1000] * 7]
    assert count([[1000, ms] for ms in odd], "odd")["medianMs"] == 2500


def test_a_skip_counts_in_the_batch_and_has_no_time(count):
    found = count([[1000, 2000]] * 5 + [[1000, None]] * 2)
    assert found["batch"] == {"size": 30, "done": 7, "minutesLeft": 1}
    assert found["medianMs"] == 2000


def test_a_batch_ends_after_thirty_responses_and_the_next_begins(count):
    assert count([[1000, 60_000]] * 29)["full"] == 0
    found = count([[1000, 60_000]] * 6)
    assert found["full"] == 1, "a reload goes on with the same batch"
    assert found["batch"] == {"size": 30, "done": 5, "minutesLeft": 25}


@pytest.mark.parametrize(
    ("gaps", "is_due"),
    [
        ([0] + [MINUTE] * 19, False),
        ([0] + [MINUTE] * 20, True),
        ([0] + [MINUTE] * 22, False),  # spoken of for two minutes
        ([0] + [MINUTE] * 15 + [MINUTE + 1] + [MINUTE] * 15, False),  # a pause in between
        ([0] + [MINUTE] * 20 + [MINUTE + 1], False),  # taken
        ([0] + [MINUTE] * 42, True),  # and again after another twenty
    ],
)
def test_a_break_is_due_after_twenty_minutes_of_work(gaps, is_due, count):
    found = count([[gap, 1000] for gap in gaps])
    assert found["isBreakDue"] is is_due
    assert found["isBreakDueLater"] is False


def test_the_bar_shows_how_far_the_batch_is(annotator):
    bar = annotator.page.locator("#batch")
    for n in range(5):
        annotator.click(0.2 + 0.15 * n)
    expect(bar).to_have_js_property("value", 5)
    expect(bar).to_have_attribute("aria-label", "5 of 30 frames of this batch, about 1 min to go")
    annotator.wait_until_saved()
    annotator.page.keyboard.press("u")
    expect(bar).to_have_js_property("value", 4)
    annotator.page.reload()
    annotator.wait_for_frame()
    expect(bar).to_have_js_property("value", 4)


def test_the_end_of_a_batch_and_a_break_are_said_quietly(annotator):
    page = annotator.page
    page.evaluate(
        """() => {
            const place = `tally ${document.body.dataset.keptUnder}`;
            const state = { batch: 28, workedMs: 1199950, lastAt: Date.now(), times: [] };
            sessionStorage.setItem(place, JSON.stringify(state));
        }"""
    )
    page.reload()
    annotator.wait_for_frame()
    annotator.click(0.3)
    expect(annotator.message).to_have_text(re.compile("Twenty minutes of work"))
    expect(annotator.message).not_to_have_class(re.compile("warning"))
    annotator.click(0.6)
    expect(annotator.message).to_have_text("30 frames done. A new batch begins.")
    assert len(annotator.answers()) == 2


def test_somebody_from_a_panel_sees_their_share_and_where_it_ends(annotator):
    page = annotator.page
    visit = {"wanted": 3, "given": 1, "finish_url": "/panel/finish"}

    def with_visit(route):
        reply = route.fetch()
        route.fulfill(response=reply, json={**reply.json(), "visit": visit})

    page.route("**/api/v1/me", with_visit)
    page.reload()
    annotator.wait_for_frame()
    bar = page.locator("#batch")
    expect(bar).to_have_js_property("max", 3)
    expect(bar).to_have_js_property("value", 1)
    annotator.click(0.3)
    annotator.wait_until_saved()
    expect(bar).to_have_js_property("value", 2)
    expect(annotator.message).to_have_text("")
    annotator.click(0.6)
    expect(annotator.message).to_have_text(
        "You have given the 3 answers that were asked for. Thank you. Finish"
    )
    link = page.get_by_role("link", name="Finish")
    expect(link).to_have_attribute("href", "/panel/finish")
