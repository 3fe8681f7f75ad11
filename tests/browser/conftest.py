"""A real server in a process of its own, a real Chromium, and people with invite links.

The server stays for the whole run: each test brings its own person, and every frame has places for
100 of them, so that all begin at the first clip.
"""

from __future__ import annotations

import itertools
import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from annot_server import invitations
from annot_server.audit import audit
from annot_server.cli import main
from annot_server.database import Database, open_engine

SCENES = {
    # video: (width, height, seconds, action); the clips are handed out in this order
    "a_scene": (640, 360, 5, "stir soup"),
    "b_wide": (960, 200, 5, "slice bread"),
    "c_tall": (200, 640, 5, "pour milk"),
    "d_tiny": (96, 64, 3, "crack egg"),
    "e_more": (640, 360, 12, "fold dough"),
}
START_S = 60
PATIENCE_MS = 30_000
"""How long a test waits for what must come: a busy machine is slow, and only a failure waits."""
PICTURES_AHEAD = 5  # the one shown and the four that the page asks for before they are needed
SAME_PLACE_PX, SAME_PLACE_MS = 6, 750  # a little more than the page asks for (R8)


@pytest.fixture(scope="session", autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def run_command(name: str, *args: object) -> str:
    """Run one of our commands as a person would, and return what it printed."""
    command = [str(Path(sys.executable).with_name(name)), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def command() -> Callable[..., str]:
    return run_command


@dataclass
class Server:
    """A running server and its home folder."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start its processes and wait until it answers."""
        program = Path(sys.executable).with_name("annot-server")
        run = [program, "--home", self.home, "run", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.home / "server.log").open("a") as log:
            # In a group of its own, so that all of it can be killed at once.
            self.process = subprocess.Popen(run, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/static/style.css", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        log_text = (self.home / "server.log").read_text()
        pytest.fail(f"the server did not come up within {START_S} s:\n{log_text}")

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=20)

    def kill(self) -> None:
        """Kill all of it at once, without a word."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(open_engine(f"sqlite:///{self.home / 'annotations.db'}"))
        yield database
        database.close()

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with sqlite3.connect(self.home / "annotations.db") as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(sql, values).fetchall()
        connection.close()
        return found

    def invite(self, name: str, role: str = "annotator") -> str:
        """Return the address of a new invite link."""
        now = datetime.now(UTC)
        with self.database() as database:
            token = database.write(lambda s: invitations.invite(s, name=name, role=role, now=now))
        return f"{self.url}/join/{token}"


def call_command(home: Path, *args: object) -> None:
    """Run an annot-server command in this process: the same code, without a second's start."""
    code = main.main(["--home", str(home), *map(str, args)], standalone_mode=False)
    assert not code, f"annot-server {args} ended with {code}"


def start_server(home: Path, settings: dict[str, int]) -> Iterator[Server]:
    """Make a home, run the server on it, and audit its database in the end (R4)."""
    call_command(home, "init")
    config = home / "config.toml"
    lines = config.read_text().splitlines()
    for name, value in settings.items():
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{name} ="))
        lines[at] = f"{name} = {value}"
    config.write_text("\n".join(lines) + "\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(home, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
    with server.database() as database, database.read() as session:
        assert audit(session).is_clean


@pytest.fixture(scope="session")
def run_server() -> Callable[..., Iterator[Server]]:
    return start_server


def write_video(path: Path, width: int, height: int, seconds: int) -> None:
    """Write a short H.264 video: a disc that moves over a shaded ground, two pictures a second."""
    rows, columns = np.mgrid[0:height, 0:width]
    shade = (90 + 90 * rows / height).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for n in range(2 * seconds):
            picture = np.stack([shade, shade, shade // 2 + 60], axis=-1)
            x, y = width * (0.2 + 0.6 * n / (2 * seconds)), height * 0.5
            disc = np.hypot(columns - x, rows - y) < min(width, height) / 5
            picture[disc] = (200, 60, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def import_scenes(server_home: Path, folder: Path, names: Sequence[str], *options: object) -> None:
    """Write the named scenes and import one clip of each whole video."""
    folder.mkdir()
    lines = ["video_id,start_s,end_s,action"]
    for name in names:
        width, height, seconds, action = SCENES[name]
        write_video(folder / f"{name}.mp4", width, height, seconds)
        lines.append(f"{name},0,{seconds},{action}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    call_command(server_home, "import-clips", folder / "clips.csv", "--videos", folder, *options)


@pytest.fixture(scope="session", name="call_command")
def call_command_fixture() -> Callable[..., None]:
    return call_command


@pytest.fixture(scope="session")
def import_clips() -> Callable[..., None]:
    return import_scenes


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("browser") / "home"
    for running in start_server(home, {"redundancy": 100}):
        import_scenes(home, home.parent / "videos", list(SCENES))
        yield running


class Annotator:
    """A person at the page: everything goes through real pointer and key events."""

    def __init__(self, server: Server, page: Page, name: str) -> None:
        self.server, self.page, self.name = server, page, name
        self.problems: list[str] = []
        self._last_place = (-100.0, -100.0)
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def join(self) -> None:
        """Use an invite link up and wait for the first frame."""
        reply = self.page.context.request.post(self.server.invite(self.name), max_redirects=0)
        assert reply.status == 303
        self.page.context.request.post(f"{self.server.url}/introduction", max_redirects=0)
        self.page.goto(self.server.url)
        self.wait_for_frame()

    def open(self, page: Page | None = None) -> None:
        """Open the annotation page anew, in a new tab by default, and wait for its first frame."""
        self.page = page or self.page.context.new_page()
        self.page.goto(self.server.url)
        self.wait_for_frame()

    def wait_for_pictures(self) -> None:
        """Wait until the page has the pictures of the next frames."""
        self.page.wait_for_function(
            "n => performance.getEntriesByType('resource')"
            ".filter((entry) => entry.name.includes('/media/frames/')).length >= n",
            arg=PICTURES_AHEAD,
        )

    def go_offline(self) -> None:
        """Lose the network in mid work."""
        self.wait_for_pictures()
        self.page.context.set_offline(True)

    def leave(self) -> None:
        """Leave the page, and wait until it has given back the places that it held."""
        self.page.goto("about:blank")
        held = (
            "SELECT 1 FROM slots JOIN leases ON leases.id = lease_id JOIN people"
            " ON people.id = leases.person_id WHERE name = ? AND released_at IS NULL"
        )
        for _ in range(PATIENCE_MS // 50):
            if not self.server.rows(held, self.name):
                return
            self.page.wait_for_timeout(50)
        pytest.fail("the page was left and kept its places")

    @property
    def frame_id(self) -> int:
        return int(self.page.evaluate("document.body.dataset.frame"))

    @property
    def message(self) -> Any:
        return self.page.locator("#message")

    def wait_for_frame(self, after: int | None = None) -> int:
        """Wait until a frame (other than `after`) is armed, or the work is done."""
        self.page.wait_for_function(
            "after => document.body.dataset.phase === 'done'"
            " || document.body.dataset.phase === 'armed'"
            " && document.body.dataset.frame !== String(after)",
            arg=after,
        )
        return self.frame_id

    def wait_until_saved(self) -> None:
        self.page.wait_for_function("() => document.body.dataset.unsent === '0'")

    def picture(self) -> dict[str, float]:
        """The displayed picture: x, y, width, height in CSS pixels of the window."""
        box = self.page.locator("#picture img").bounding_box()
        assert box is not None
        return box

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A place inside the picture near a point of it, in CSS pixels."""
        box = self.picture()
        left = box["x"] + min(max(x * box["width"], 0.5), box["width"] - 0.5)
        top = box["y"] + min(max(y * box["height"], 0.5), box["height"] - 0.5)
        return left, top

    def click(self, x: float = 0.5, y: float = 0.5, *, touch: bool = False) -> int:
        """Click (or tap) near a point and wait for what comes; return the frame answered."""
        frame_id, place = self.frame_id, self.place(x, y)
        if math.dist(place, self._last_place) <= SAME_PLACE_PX:
            self.page.wait_for_timeout(SAME_PLACE_MS)  # as somebody who looks at the new frame
        if touch:
            self.page.touchscreen.tap(*place)
        else:
            self.page.mouse.click(*place)
        self._last_place = place
        self.wait_for_frame(after=frame_id)
        return frame_id

    def press(self, key: str) -> int:
        """Press a key that answers and wait for the next frame; return the one answered."""
        frame_id = self.frame_id
        self.page.keyboard.press(key)
        self.wait_for_frame(after=frame_id)
        return frame_id

    def answers(self) -> list[sqlite3.Row]:
        """This person's rows, superseded ones too, in the order they were given."""
        self.wait_until_saved()
        return self.server.rows(
            "SELECT answers.*, clip_id, second FROM answers"
            " JOIN people ON people.id = person_id JOIN frames ON frames.id = frame_id"
            " WHERE name = ? ORDER BY answers.id",
            self.name,
        )


class Clicks:
    """What a person clicked, to be compared with the rows that the server has."""

    def __init__(self, annotator: Annotator) -> None:
        self.annotator = annotator
        self.given: dict[int, tuple[float, float]] = {}  # frame id: (x, y)

    def click(self, x: float, y: float = 0.5, *, wait: bool = True) -> int:
        """Click near a point; `wait` for the next frame, or return at once."""
        annotator = self.annotator
        frame_id, box, (left, top) = annotator.frame_id, annotator.picture(), annotator.place(x, y)
        annotator.page.mouse.click(left, top)
        self.given[frame_id] = (left - box["x"]) / box["width"], (top - box["y"]) / box["height"]
        if wait:
            annotator.wait_for_frame(after=frame_id)
        return frame_id

    def rows(self) -> list[sqlite3.Row]:
        """This person's active answers, in the order in which they arrived."""
        return self.annotator.server.rows(
            "SELECT frame_id, x, y FROM answers JOIN people ON people.id = person_id"
            " WHERE name = ? AND superseded_at IS NULL ORDER BY answers.id",
            self.annotator.name,
        )

    def arrive(self, page: Page | None = None) -> bool:
        """Wait until the clicks are rows: each is one, at its place, and there are no others."""
        for _ in range(PATIENCE_MS // 50):
            if len(self.rows()) >= len(self.given):
                break
            (page or self.annotator.page).wait_for_timeout(50)
        rows = self.rows()
        found = {row["frame_id"]: (row["x"], row["y"]) for row in rows}
        assert len(rows) == len(found)
        assert found.keys() == self.given.keys()
        for frame_id, point in self.given.items():
            assert found[frame_id] == pytest.approx(point, abs=1e-6)
        return True


_names = (f"Person {n}" for n in itertools.count(1))


@pytest.fixture
def annotator(server: Server, page: Page) -> Iterator[Annotator]:
    """A new person whose first frame is on the page."""
    person = Annotator(server, page, next(_names))
    person.join()
    yield person
    assert person.problems == []


@pytest.fixture
def new_annotator() -> Callable[[Server, Page], Annotator]:
    return lambda server, page: Annotator(server, page, next(_names))


@pytest.fixture
def clicks(annotator: Annotator) -> Clicks:
    return Clicks(annotator)


@pytest.fixture
def new_clicks() -> Callable[[Annotator], Clicks]:
    return Clicks
