"""The qualification in the browser: answering, feedback, and what comes in the end."""

from __future__ import annotations

import itertools
import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SECONDS = 12
KNOWN = (0.25, 0.5)
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def school(tmp_path_factory, run_server, import_clips, call_command):
    """A server with work, and a qualification of eight frames at one place and two without."""
    home = tmp_path_factory.mktemp("school") / "home"
    for running in run_server(home, {"qualification_wait_s": 0, "qualification_attempts": 2}):
        folder = home.parent / "videos"
        import_clips(home, folder, ["a_scene", "e_more"])
        bring_known(call_command, home, folder)
        yield running


def bring_known(call_command, home, folder) -> None:
    """Bring in ten known answers."""
    lines = ["video_id,second,action,x,y,note"]
    lines += [f"e_more,{second},roll dough,{KNOWN[0]},{KNOWN[1]},Left." for second in range(8)]
    lines += [f"e_more,{second},drop dough,,,It is still held." for second in (9, 10)]
    path = home.parent / "known.csv"
    path.write_text("\n".join(lines) + "\n")
    call_command(home, "import-gold", path, "--videos", folder, "--purpose", "qualification")


class Learner:
    """Somebody at the exercise, through real pointer and key events."""

    def __init__(self, server, page) -> None:
        self.server, self.page = server, page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def join(self) -> None:
        """Use an invitation and go through the introduction."""
        request = self.page.context.request
        request.post(self.server.invite(f"Learner {next(NUMBERS)}"), max_redirects=0)
        request.post(f"{self.server.url}/introduction", max_redirects=0)
        self.page.goto(self.server.url)
        self.page.wait_for_url("**/qualify")

    def begin(self) -> None:
        self.page.locator("#panel-button").click()
        self.wait_for_frame()

    def wait_for_frame(self) -> None:
        self.page.locator("#frame[data-armed=true]").wait_for()

    @property
    def is_hidden(self) -> bool:
        return self.page.locator("#phrase").text_content() == "drop dough"

    def place(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator("#picture img").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def answer(self, point: tuple[float, float] | None) -> None:
        if point is None:
            self.page.locator("#not-visible").click()
        else:
            self.page.mouse.click(*self.place(*point))
        expect(self.page.locator("#next")).to_be_focused()

    def rightly(self) -> tuple[float, float] | None:
        return None if self.is_hidden else KNOWN

    def attempt(self, *, rightly: bool) -> None:
        """Answer the ten frames of an attempt."""
        for _ in range(10):
            self.wait_for_frame()
            self.answer(self.rightly() if rightly else (0.9, 0.9))
            self.page.locator("#next").click()
        expect(self.page.locator("#panel")).to_be_visible()


@pytest.fixture
def learner(school, page):
    learner = Learner(school, page)
    learner.join()
    yield learner
    assert learner.problems == []


def until(learner: Learner, *, hidden: bool) -> None:
    """Go on until a frame of a kind is shown."""
    learner.begin()
    while learner.is_hidden is not hidden:
        learner.answer(learner.rightly())
        learner.page.locator("#next").click()
        learner.wait_for_frame()


def test_ten_right_answers_pass_and_lead_to_the_frames(learner) -> None:
    learner.begin()
    expect(learner.page.locator("#position")).to_have_text("Frame 1 of 10")
    learner.attempt(rightly=True)
    expect(learner.page.locator("#panel-title")).to_have_text("Passed. Thank you.")
    expect(learner.page.locator("#panel-text")).to_contain_text("10 of 10 were right")
    learner.page.get_by_role("button", name="Start").click()
    learner.page.wait_for_function("() => document.body.dataset.phase === 'armed'")
    assert learner.page.url == f"{learner.server.url}/"


def test_a_right_click_shows_dot_and_ring_with_the_known_point(learner) -> None:
    until(learner, hidden=False)
    learner.answer((0.28, 0.5))
    expect(learner.page.locator("#verdict")).to_have_text("Right. Your click lies within the ring.")
    marks = learner.page.locator("[data-marks]")
    expect(marks.locator(".clicked.right")).to_have_count(2)
    expect(marks.locator(".arrow")).to_have_count(0)
    shown = marks.locator(".ring.over").evaluate(
        "ring => ['cx', 'cy', 'r'].map((name) => Number(ring.getAttribute(name)))"
    )
    size = learner.page.locator("#frame").bounding_box()
    diagonal = (size["width"] ** 2 + size["height"] ** 2) ** 0.5
    expected = [KNOWN[0] * size["width"], KNOWN[1] * size["height"], 0.08 * diagonal]
    assert shown == pytest.approx(expected, abs=1)


def test_a_wrong_click_shows_an_arrow_and_the_sentence(learner) -> None:
    until(learner, hidden=False)
    learner.answer((0.9, 0.9))
    expect(learner.page.locator("#verdict")).to_have_text(
        "Not quite. The arrow leads from your click to the centre. Left."
    )
    expect(learner.page.locator("[data-marks] .arrow")).to_have_count(2)


def test_not_visible_is_right_where_it_is_and_explained_where_not(learner) -> None:
    """The frames come in any order: two of the ten are without a point."""
    answers = {
        True: [
            (None, "Right. It cannot be seen in this frame."),
            ((0.5, 0.5), "It cannot be seen in this frame. It is still held."),
        ],
        False: [(None, "It can be seen here, at the ring. Left.")],
    }
    learner.begin()
    while True:
        waiting = answers[learner.is_hidden]
        answer, verdict = waiting.pop(0) if waiting else (learner.rightly(), "Right.")
        learner.answer(answer)
        expect(learner.page.locator("#verdict")).to_contain_text(verdict)
        if not any(answers.values()):
            break
        learner.page.locator("#next").click()
        learner.wait_for_frame()


def test_it_is_done_by_keys_alone(learner) -> None:
    expect(learner.page.locator("#panel-button")).to_be_focused()
    learner.page.keyboard.press("Enter")
    for _ in range(10):
        learner.wait_for_frame()
        if learner.is_hidden:
            learner.page.keyboard.press("n")
        else:
            for _ in range(5):
                learner.page.keyboard.press("Shift+ArrowLeft")
            expect(learner.page.locator("[data-crosshair]")).to_be_visible()
            learner.page.keyboard.press("Enter")
        expect(learner.page.locator("#verdict")).to_contain_text("Right.")
        expect(learner.page.locator("#next")).to_be_focused()
        learner.page.keyboard.press("Enter")
    expect(learner.page.locator("#panel-title")).to_have_text("Passed. Thank you.")


def test_failing_is_told_kindly_and_the_last_attempt_ends_it(learner) -> None:
    learner.begin()
    learner.attempt(rightly=False)
    expect(learner.page.locator("#panel-title")).to_have_text("Not yet")
    expect(learner.page.locator("#panel-text")).to_contain_text("0 of 10 were right.")
    expect(learner.page.get_by_role("link", name="See the introduction again")).to_be_visible()
    learner.page.get_by_role("button", name="Try again").click()
    learner.attempt(rightly=False)
    expect(learner.page.locator("#panel-title")).to_have_text("Thank you for trying")
    expect(learner.page.locator("#panel-button")).to_be_hidden()


@pytest.fixture
def patient(tmp_path_factory, run_server, import_clips, call_command):
    """A server where one waits between attempts."""
    home = tmp_path_factory.mktemp("patient") / "home"
    for running in run_server(home, {"qualification_wait_s": 90}):
        folder = home.parent / "videos"
        import_clips(home, folder, ["e_more"])
        bring_known(call_command, home, folder)
        yield running


def test_between_attempts_the_page_says_how_long_to_wait(patient, page) -> None:
    learner = Learner(patient, page)
    learner.join()
    learner.begin()
    learner.attempt(rightly=False)
    expect(page.locator("#panel-title")).to_have_text("Not yet")
    expect(page.locator("#panel-more")).to_contain_text("You can try again in 2 min")
    expect(page.locator("#panel-more")).to_contain_text("attempt 1 of 3")
    expect(page.locator("#panel-button")).to_be_hidden()
    assert learner.problems == []


def test_a_page_opened_again_goes_on_where_it_was(learner) -> None:
    learner.begin()
    learner.answer(learner.rightly())
    learner.page.reload()
    learner.page.get_by_role("button", name="Go on").click()
    learner.wait_for_frame()
    expect(learner.page.locator("#position")).to_have_text("Frame 2 of 10")


def test_the_known_answer_is_nowhere_in_the_page_before_the_answer(learner) -> None:
    replies = []
    learner.page.on(
        "response", lambda r: replies.append(r.text()) if "qualification" in r.url else None
    )
    learner.page.reload()
    learner.begin()
    held = json.dumps(replies) + learner.page.content()
    assert "tolerance" not in held
    assert "Left." not in held
    assert "still held" not in held


def test_a_cut_network_loses_nothing_and_says_so(learner) -> None:
    learner.begin()
    learner.page.context.set_offline(True)
    learner.page.mouse.click(*learner.place(*KNOWN))
    expect(learner.page.locator("#verdict")).to_contain_text("No connection.")
    learner.page.context.set_offline(False)
    learner.wait_for_frame()
    learner.answer(learner.rightly())
    expect(learner.page.locator("#verdict")).to_contain_text("Right.")


@pytest.mark.parametrize("window", [(1440, 900), (390, 844), (844, 390)])
def test_everything_is_in_view(school, browser, window) -> None:
    size = {"width": window[0], "height": window[1]}
    context = browser.new_context(viewport=size, has_touch=True, locale="de-DE")
    learner = Learner(school, context.new_page())
    learner.join()
    learner.begin()
    learner.page.touchscreen.tap(*learner.place(0.9, 0.9))
    expect(learner.page.locator("#next")).to_be_visible()
    assert learner.page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    ) == [window[0], window[1]]
    for part in ("#next", "#verdict", "#frame", "#prompt"):
        expect(learner.page.locator(part)).to_be_in_viewport(ratio=1)
    context.close()
