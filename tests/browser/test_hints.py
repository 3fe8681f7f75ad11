"""Half of a frame's people see a suggestion as a ring; the other half get no trace of it (R9)."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SECONDS = 5
POINT = (0.25, 0.75)


@pytest.fixture(scope="module")
def hinted(run_server, call_command, import_clips, tmp_path_factory):
    """A server whose only clip has a suggestion on each frame, two answers of three with it."""
    home = tmp_path_factory.mktemp("hints") / "home"
    for server in run_server(home, {"redundancy": 3}):
        import_clips(home, home.parent / "videos", ["b_wide"], "--no-benchmark", "--hint-quota", 2)
        (clip,) = server.rows("SELECT clip_id FROM clips")
        records = [
            {
                "kind": "header",
                "format": "grounding-prelabels",
                "format_version": 1,
                "model": "test",
                "checkpoint_digest": "0" * 64,
            },
            *(
                {"clip_id": clip["clip_id"], "second": n, "point": POINT, "score": 0.5}
                for n in range(SECONDS)
            ),
        ]
        path = home.parent / "prelabels.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        call_command(home, "import-prelabels", path)
        yield server


def test_an_assisted_frame_shows_the_ring_and_a_blind_one_has_no_trace(
    hinted, browser, new_annotator
):
    leased: list[dict] = []
    taken_by_key = []
    for _ in range(3):
        context = browser.new_context()
        person = new_annotator(hinted, context.new_page())
        frames: dict[int, dict] = {}

        def keep(response, frames=frames):
            if response.url.endswith("/leases") and response.status == 200:
                lease = response.json()["lease"]
                for frame in lease["frames"] if lease else []:
                    frames.setdefault(frame["frame_id"], frame)

        person.page.on("response", keep)
        person.join()
        ring = person.page.locator("#hint")
        for n in range(SECONDS):
            frame = frames[person.frame_id]
            if "hint" in frame:
                expect(ring).to_be_visible()
                box, place = ring.bounding_box(), person.place(*POINT)
                assert abs(box["x"] + box["width"] / 2 - place[0]) < 1
                assert box["width"] == 28
            else:
                expect(ring).to_be_hidden()
                places = {"image_url", "context_url", "width", "height"}
                assert frame.keys() == {"frame_id", "second"} | places
            if "hint" in frame and person.name not in taken_by_key:
                person.press("h")
                taken_by_key.append(person.name)
            else:
                person.click(0.4 + 0.1 * n, 0.4)
        rows = {row["frame_id"]: row for row in person.answers()}
        for frame_id, frame in frames.items():
            assert rows[frame_id]["arm"] == ("assisted" if "hint" in frame else "blind")
        leased += frames.values()
        context.close()
    assert sum("hint" in frame for frame in leased) == 2 * SECONDS
    by_key = hinted.rows("SELECT x, y FROM answers WHERE hint_taken_by_key")
    assert [(row["x"], row["y"]) for row in by_key] == [POINT] * len(taken_by_key)
    assert taken_by_key


def test_h_without_a_suggestion_answers_nothing(annotator):
    annotator.page.keyboard.press("h")
    expect(annotator.message).to_have_text("This frame has no suggestion.")
    assert annotator.answers() == []
