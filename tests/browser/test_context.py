"""Context play: what moves around the frame, and the frame back exactly as it was."""

from __future__ import annotations

import av
import numpy as np
import pytest
from playwright.sync_api import expect

from annot_server.views.media import PIECE_BYTES

pytestmark = pytest.mark.browser

PLAYING = """() => document.body.dataset.phase === 'playing'
  && !document.querySelector('#clock').hidden"""
ARMED = "() => document.body.dataset.phase === 'armed'"


def hold_space(person, ms=0):
    """Hold the space bar until something plays, and `ms` more."""
    person.page.keyboard.down(" ")
    person.page.wait_for_function(PLAYING)
    person.page.wait_for_timeout(ms)


def let_go(person):
    person.page.keyboard.up(" ")
    person.page.wait_for_function(ARMED)


def without_video(person):
    """Make this browser one that plays no video."""
    person.page.evaluate("HTMLMediaElement.prototype.canPlayType = () => ''")


def nothing_around(page):
    """No strip, and no other frame of the lease: as for a clip of one second without its video."""
    page.route("**/media/context/*", lambda route: route.fulfill(status=404))
    page.evaluate("void (Image.prototype.decode = () => Promise.reject(new Error('refused')))")


def time_of(page):
    return page.evaluate("document.querySelector('#video').currentTime")


def test_space_plays_the_video_from_a_second_before_while_it_is_held(annotator):
    page = annotator.page
    annotator.click(0.3, 0.3)
    annotator.click(0.6, 0.3)  # the frame of second 2
    hold_space(annotator)
    video = page.locator("#video")
    expect(video).to_be_visible()
    page.wait_for_function("() => document.querySelector('#video').currentTime > 1.5")
    assert 1 <= time_of(page) <= 3.2
    assert page.evaluate("document.querySelector('#video').muted")
    let_go(annotator)
    expect(video).to_be_hidden()


def test_play_begins_again_a_second_after_the_frame(annotator):
    page = annotator.page
    annotator.click(0.3, 0.3)
    annotator.click(0.6, 0.3)
    hold_space(annotator)
    page.wait_for_function("() => document.querySelector('#video').currentTime > 2.6")
    page.wait_for_function("() => document.querySelector('#video').currentTime < 1.6")
    let_go(annotator)


def test_the_frame_comes_back_exactly_and_can_be_answered(annotator):
    page, frame_id = annotator.page, annotator.frame_id
    before = page.locator("#picture").screenshot()
    hold_space(annotator)
    let_go(annotator)
    assert annotator.frame_id == frame_id
    assert page.locator("#picture").screenshot() == before
    assert annotator.click(0.5, 0.5) == frame_id
    assert [row["frame_id"] for row in annotator.answers()] == [frame_id]


def test_nothing_counts_while_it_plays(annotator):
    page = annotator.page
    hold_space(annotator)
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.mouse.click(*annotator.place(0.4, 0.4))  # ends it, and is no answer
    page.wait_for_function(ARMED)
    page.keyboard.up(" ")
    assert annotator.answers() == []


def test_how_long_it_was_played_is_stored_with_the_answer(annotator):
    hold_space(annotator, 400)
    let_go(annotator)
    hold_space(annotator, 400)
    let_go(annotator)
    annotator.click(0.3, 0.5)
    annotator.click(0.6, 0.5)
    played, not_played = annotator.answers()
    assert 800 <= played["context_ms"] < 8000
    assert not_played["context_ms"] == 0


def test_a_browser_that_cannot_play_the_video_shows_the_strip(annotator):
    page = annotator.page
    without_video(annotator)
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    hold_space(annotator)
    expect(page.locator("#strip")).to_be_visible()
    expect(page.locator("#video")).to_be_hidden()
    tile = "() => getComputedStyle(document.querySelector('#strip')).getPropertyValue('--tile')"
    first = page.evaluate(tile)
    page.wait_for_function(f"first => ({tile})() !== first", arg=first)
    let_go(annotator)
    assert [url for url in seen if "/media/" in url] == [
        f"{annotator.server.url}/media/context/{annotator.frame_id}.jpg"
    ]


def test_a_tile_of_the_strip_stands_exactly_where_the_frame_is(annotator):
    page = annotator.page
    without_video(annotator)
    frame = annotator.picture()
    hold_space(annotator)
    box = page.locator("#strip").bounding_box()
    band = page.locator("#strip img").bounding_box()
    assert box == frame
    assert band["width"] == pytest.approx(11 * frame["width"], abs=0.1)
    assert band["height"] == frame["height"]
    let_go(annotator)


def test_without_video_and_strip_the_lease_s_own_frames_play(annotator):
    page = annotator.page
    without_video(annotator)
    page.route("**/media/context/*", lambda route: route.fulfill(status=404))
    annotator.click(0.3, 0.3)
    hold_space(annotator)
    expect(page.locator("#strip img")).to_have_count(3)
    let_go(annotator)


def test_where_there_is_nothing_to_play_the_page_says_so_and_stays_armed(annotator):
    page = annotator.page
    without_video(annotator)
    nothing_around(page)
    page.keyboard.down(" ")
    expect(annotator.message).to_have_text("There is nothing to play around this frame.")
    page.wait_for_function(ARMED)
    page.keyboard.up(" ")
    annotator.click(0.5, 0.5)
    assert len(annotator.answers()) == 1


def test_a_busy_server_is_asked_again(annotator):
    page = annotator.page
    without_video(annotator)
    tries = []

    def busy_once(route):
        tries.append(route.request.url)
        route.fulfill(status=503) if len(tries) == 1 else route.continue_()

    page.route("**/media/context/*", busy_once)
    hold_space(annotator)
    expect(page.locator("#strip")).to_be_visible()
    let_go(annotator)
    assert len(tries) == 2


def test_a_tap_on_the_button_plays_until_the_next_tap(server, browser, new_annotator):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    person = new_annotator(server, context.new_page())
    person.join()
    button = person.page.locator("#context-button")
    button.tap()
    person.page.wait_for_function(PLAYING)
    expect(button).to_have_attribute("aria-pressed", "true")
    button.tap()
    person.page.wait_for_function(ARMED)
    expect(button).to_have_attribute("aria-pressed", "false")
    context.close()


def test_holding_the_button_plays_until_it_is_let_go(annotator):
    page = annotator.page
    box = page.locator("#context-button").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.wait_for_function(PLAYING)
    page.wait_for_timeout(350)  # longer than a tap
    page.mouse.up()
    page.wait_for_function(ARMED)


def test_enter_on_the_button_switches_it(annotator):
    page = annotator.page
    page.locator("#context-button").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(PLAYING)
    page.keyboard.press("Enter")
    page.wait_for_function(ARMED)


def test_i_cannot_tell_is_taken_only_after_a_look_at_what_moves(annotator):
    page, frame_id = annotator.page, annotator.frame_id
    page.keyboard.press("s")
    page.get_by_role("button", name="I cannot tell").click()
    page.wait_for_function(PLAYING)
    expect(annotator.message).to_contain_text("If you still cannot tell, press S again.")
    page.wait_for_function(ARMED)
    assert annotator.frame_id == frame_id
    page.keyboard.press("s")
    page.get_by_role("button", name="I cannot tell").click()
    annotator.wait_for_frame(after=frame_id)
    annotator.wait_until_saved()
    skips = annotator.server.rows(
        "SELECT reason FROM skips JOIN people ON people.id = person_id"
        " WHERE frame_id = ? AND people.name = ?",
        frame_id,
        annotator.name,
    )
    assert [row["reason"] for row in skips] == ["cannot_tell"]


def test_i_cannot_tell_needs_no_look_where_there_is_none(annotator):
    page, frame_id = annotator.page, annotator.frame_id
    without_video(annotator)
    nothing_around(page)
    page.keyboard.press("s")
    page.get_by_role("button", name="I cannot tell").click()
    annotator.wait_for_frame(after=frame_id)


def test_other_reasons_need_no_look(annotator):
    page, frame_id = annotator.page, annotator.frame_id
    page.keyboard.press("s")
    page.get_by_role("button", name="The phrase does not fit").click()
    annotator.wait_for_frame(after=frame_id)


def test_a_space_bar_let_go_before_anything_came_leaves_the_frame_armed(annotator):
    page = annotator.page
    without_video(annotator)
    held = []
    page.route("**/media/context/*", lambda route: held.extend([route]))
    page.keyboard.down(" ")
    page.wait_for_function("() => document.body.dataset.phase === 'playing'")
    page.keyboard.up(" ")
    page.wait_for_function(ARMED)
    held[0].continue_()
    annotator.click(0.5, 0.5)
    assert annotator.answers()[0]["context_ms"] == 0
    expect(page.locator("#strip")).to_be_hidden()


@pytest.fixture(scope="module")
def long(run_server, call_command, tmp_path_factory):
    """A server with a video of several pieces; its clip is the last seconds."""
    home = tmp_path_factory.mktemp("long") / "home"
    for server in run_server(home, {"redundancy": 5}):
        folder = home.parent / "videos"
        folder.mkdir()
        write_noise(folder / "noise.mp4", seconds=24)
        assert (folder / "noise.mp4").stat().st_size > 3 * PIECE_BYTES
        table = home.parent / "clips.csv"
        table.write_text("video_id,start_s,end_s,action\nnoise,20,24,stir soup\n")
        call_command(home, "import-clips", table, "--videos", folder)
        yield server


def write_noise(path, seconds):
    """A video that hardly compresses, its index at the end as most programs write it."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(5 * seconds):
            picture = rng.integers(0, 255, (240, 320, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())


def test_a_long_video_plays_from_where_the_frame_is(long, page, new_annotator):
    """The browser asks for the rest of the file, gets pieces, and jumps to the end of it."""
    seen = []

    def note(response):
        if "/media/videos/" in response.url:
            seen.append(response.status)

    page.on("response", note)
    person = new_annotator(long, page)
    person.join()
    person.click(0.3, 0.3)
    person.click(0.6, 0.3)  # the frame of second 22
    hold_space(person)
    expect(page.locator("#video")).to_be_visible()
    page.wait_for_function("() => document.querySelector('#video').currentTime > 22.5")
    let_go(person)
    assert set(seen) == {206}
    assert len(seen) > 1
