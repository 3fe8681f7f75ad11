"""Five people annotate three real videos, and the files come out of the commands.

The points that they click near are single-viewer reference points, read from stills.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_builder.release import read_release

pytestmark = pytest.mark.browser

DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
VIDEOS = ("flipping_a_pancake.mkv", "04_coffee.mp4", "03_blocks.mp4")
PEOPLE = 5
SPREAD = 0.012  # of the frame: a steady hand
HALF_PIXEL = 0.5

needs_videos = pytest.mark.skipif(
    not all((DATA / "videos" / name).is_file() for name in VIDEOS),
    reason=f"the shared videos are not at {DATA} (SHARED_DATA names another place)",
)


@pytest.fixture(scope="module")
def reference():
    """Segments and points of the three videos: {video_id: record}."""
    videos = json.loads((DATA / "reference.json").read_text())["videos"]
    return {Path(name).stem: videos[f"videos/{name}"] for name in VIDEOS}


@pytest.fixture(scope="module")
def real(run_server, command, reference, tmp_path_factory):
    """A server with one clip for each segment; answers enter a snapshot after a second."""
    home = tmp_path_factory.mktemp("real") / "home"
    lines = ["video_id,start_s,end_s,action"]
    for video_id, record in reference.items():
        for segment in record["segments"]:
            lines.append(f"{video_id},{segment['start']},{segment['end']},{segment['action']}")
    for server in run_server(home, {"undo_window_s": 0}):
        table = home.parent / "clips.csv"
        table.write_text("\n".join(lines) + "\n")
        imported = ("import-clips", table, "--videos", DATA / "videos")
        command("annot-server", "--home", home, *imported)
        yield server


@pytest.fixture
def people(real, browser, new_annotator):
    """Five people, one after another, each in a browser profile of their own."""

    def join():
        context = browser.new_context(viewport={"width": 900, "height": 600})
        person = new_annotator(real, context.new_page())
        person.join()
        yield person
        context.close()

    return itertools.chain.from_iterable(join() for _ in range(PEOPLE))


def reference_points(record):
    """Points by second, as fractions of the frame."""
    return {
        point["t"]: (point["x"] / record["width"], point["y"] / record["height"])
        for segment in record["segments"]
        for point in segment["points"]
    }


@needs_videos
def test_five_people_annotate_and_every_row_is_the_place_clicked(
    real, reference, people, command, tmp_path
):
    frames = {
        row["id"]: (row["clip_id"], row["video_id"], row["second"])
        for row in real.rows(
            "SELECT id, clip_id, video_id, second FROM frames JOIN clips USING (clip_id)"
        )
    }
    points = {video_id: reference_points(record) for video_id, record in reference.items()}
    for n, person in enumerate(people):
        check_one_person(person, frames, points, np.random.default_rng(n))
    check_files(real, command, tmp_path, frames, points)


def check_one_person(person, frames, points, rng):
    """Answer every frame, near its reference point, and compare the rows with the clicks."""
    clicked = {}
    for _ in frames:
        frame_id = person.frame_id
        _, video_id, second = frames[frame_id]
        x, y = np.clip(rng.normal(points[video_id][second], SPREAD), 0, 1)
        box = person.picture()
        left, top = person.place(x, y)
        clicked[frame_id] = (box, left - box["x"], top - box["y"])
        person.click(x, y)
    assert clicked.keys() == frames.keys()
    rows = {row["frame_id"]: row for row in person.answers()}
    assert rows.keys() == clicked.keys()
    for frame_id, (box, x_px, y_px) in clicked.items():
        row = rows[frame_id]
        assert math.hypot(row["x"] * box["width"] - x_px, row["y"] * box["height"] - y_px) <= (
            HALF_PIXEL
        )


def check_files(real, command, folder, frames, points):
    """Snapshot, release and contact sheet come out of the commands, and say what was clicked."""
    snapshot, release, sheet = folder / "snapshot", folder / "release", folder / "sheet.png"
    command("annot-server", "--home", real.home, "export-snapshot", snapshot)
    command("dataset-builder", "build", snapshot, release, "--name", "three", "--version", "1.0.0")
    assert json.loads(command("dataset-builder", "verify", release, "--json"))["ok"]
    boxes = read_release(release).boxes
    assert len(boxes) == len(frames)
    for clip_id, video_id, second in frames.values():
        x, y = points[video_id][second]
        box = boxes[clip_id, second]
        assert box.x1 < x < box.x2
        assert box.y1 < y < box.y2
    command("dataset-builder", "contact-sheet", release, sheet, "--frames", real.home / "frames")
    with Image.open(sheet) as drawn:
        assert min(drawn.size) > 1000
