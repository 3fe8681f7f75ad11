"""How long a person waits between two frames in a real browser, and what travels for each.

A Chromium answers frames of 1280x720 (about 120 kB each) through real pointer and key events, one
after a second's thought, with the real server behind it: on this machine as it is, and again with
100 ms of round trip, 10 Mbit/s down and 2 up. Times run from the browser's own stamp of the event
(button or key let go) to the moment after the paint, read in the page. The dot of an answer stands
for 80 ms before the next frame comes; that is part of the figure.

    python benchmarks/page.py [--frames 100] [--think 1.0] [--json]
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import av
import click
import numpy as np
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from server import running_server

from annot_server.config import Config, Home
from annot_server.imports import ClipSettings, import_clips
from annot_server.invitations import invite
from annot_server.migration import upgrade
from annot_server.models import ANNOTATOR
from annot_server.server import open_server

WIDTH, HEIGHT = 1280, 720
VIEWPORT = {"width": 1440, "height": 900}
CONDITIONS = {
    "as it is": None,
    "100 ms, 10/2 Mbit/s": {
        "offline": False,
        "latency": 100,
        "downloadThroughput": 10e6 / 8,
        "uploadThroughput": 2e6 / 8,
    },
}
NOT_VISIBLE_EVERY = 5
"""Every fifth frame is answered "not visible", by key: about as many as the public clicks hold."""

BARS = {"dot_p95_ms": 33, "next_frame_p50_ms": 150, "next_frame_p95_ms": 200}
"""PAGE: the dot within two frames of a 60 Hz screen; the next frame armed in 150 and 200 ms."""

WATCH = """() => {
  window.times = { action: null, dot: null, armed: null };
  const stamp = (event) => {
    window.times = { action: event.timeStamp, dot: null, armed: null };
  };
  addEventListener("pointerup", stamp, true);
  addEventListener("keydown", stamp, true);
  const afterPaint = (callback) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = callback;
    channel.port2.postMessage(null);
  });
  // The dot of a click, or the picture turned pale for "not visible".
  const marked = new MutationObserver(() => {
    const isMarked = document.body.dataset.phase === "answered";
    if (!isMarked || window.times.dot !== null) return;
    window.times.dot = NaN;
    afterPaint(() => (window.times.dot = performance.now()));
  });
  marked.observe(document.querySelector("#dot"), { attributes: true });
  marked.observe(document.querySelector("#frame"), { attributes: true });
  new MutationObserver(() => {
    if (document.body.dataset.phase === "armed") window.times.armed ??= performance.now();
  }).observe(document.body, { attributes: true });
}"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One condition's figures: times in ms; requests and bytes are a frame's, images apart."""

    condition: str
    frames: int
    dot_p50_ms: float
    dot_p95_ms: float
    next_frame_p50_ms: float
    next_frame_p95_ms: float
    next_frame_max_ms: float
    requests_a_frame: float
    bytes_a_frame: float
    image_kb_a_frame: float
    first_load_kb: float
    first_load_requests: int
    first_armed_ms: float


class Traffic:
    """Counts what the page asks for, by kind: "image" (frames) or "other"."""

    def __init__(self, session: CDPSession) -> None:
        self.requests: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._kinds: dict[str, str] = {}
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.loadingFinished", self._finished)

    def reset(self) -> None:
        """Begin again at nothing."""
        self.requests.clear()
        self.bytes.clear()

    def _sent(self, event: dict[str, object]) -> None:
        url = event["request"]["url"]  # type: ignore[index]
        if not url.startswith("http"):
            return
        kind = "image" if "/media/frames/" in url else "other"
        self._kinds[str(event["requestId"])] = kind
        self.requests[kind] += 1

    def _finished(self, event: dict[str, object]) -> None:
        kind = self._kinds.get(str(event["requestId"]))
        if kind is not None:
            self.bytes[kind] += int(event["encodedDataLength"])  # type: ignore[call-overload]


def write_video(path: Path, seconds: int) -> None:
    """Write a textured scene that moves, one picture a second."""
    rng = np.random.default_rng(0)
    fine = rng.integers(-6, 6, (HEIGHT, 2 * WIDTH, 1))
    rows, columns = np.mgrid[0:HEIGHT, 0 : 2 * WIDTH]
    coarse = 110 + 50 * np.sin(columns / 37)[..., None] + 40 * np.cos(rows / 23)[..., None]
    ground = np.clip(coarse + fine, 0, 255).astype(np.uint8).repeat(3, axis=2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for second in range(seconds):
            x = 9 * second % WIDTH
            picture = np.ascontiguousarray(ground[:, x : x + WIDTH])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def prepare(folder: Path, n_frames: int) -> tuple[Home, list[str]]:
    """Make a home with one video; return it and an invite token for each condition."""
    home, videos = Home(folder / "home"), folder / "videos"
    videos.mkdir()
    seconds = n_frames + 1
    write_video(videos / "scene.mp4", seconds)
    (folder / "clips.csv").write_text(
        "video_id,start_s,end_s,action\n"
        + "".join(
            f"scene,{start},{min(start + 40, seconds)},action {start}\n"
            for start in range(0, seconds, 40)
        )
    )
    home.create(Config())
    server = open_server(home)
    upgrade(server.database.engine)
    report = import_clips(
        server.database,
        home,
        server.config,
        csv_path=folder / "clips.csv",
        videos=videos,
        settings=ClipSettings(),
        now=datetime.now(UTC),
    )
    if report.problems:
        raise SystemExit("\n".join(report.problems))
    now = datetime.now(UTC)
    tokens = [
        server.database.write(
            lambda session, name=name: invite(session, name=name, role=ANNOTATOR, now=now)
        )
        for name in CONDITIONS
    ]
    server.database.close()
    return home, tokens


def measure(
    browser: Browser, url: str, token: str, condition: str, *, frames: int, think_s: float
) -> Outcome:
    """Answer frames under one condition, in a browser profile with an empty cache."""
    context = browser.new_context(viewport=VIEWPORT)
    for path in (f"/join/{token}", "/introduction"):
        context.request.post(url + path, max_redirects=0)
    page = context.new_page()
    session = context.new_cdp_session(page)
    traffic = Traffic(session)
    if limits := CONDITIONS[condition]:
        session.send("Network.emulateNetworkConditions", limits)
    page.goto(url)
    wait_until_armed(page, None)
    first_armed_ms = page.evaluate("performance.now()")
    first_kb, first_requests = traffic.bytes["other"] / 1024, traffic.requests["other"]
    page.wait_for_timeout(2000)  # the frames ahead are there
    page.evaluate(WATCH)
    traffic.reset()
    rng = np.random.default_rng(1)
    times = []
    for n in range(frames):
        page.wait_for_timeout(1000 * think_s)
        times.append(answer(page, rng, is_visible=n % NOT_VISIBLE_EVERY != NOT_VISIBLE_EVERY - 1))
    page.wait_for_function("() => document.body.dataset.unsent === '0'")
    context.close()
    dot, next_frame = np.array(times).T
    return Outcome(
        condition=condition,
        frames=frames,
        dot_p50_ms=percentile(dot, 50),
        dot_p95_ms=percentile(dot, 95),
        next_frame_p50_ms=percentile(next_frame, 50),
        next_frame_p95_ms=percentile(next_frame, 95),
        next_frame_max_ms=percentile(next_frame, 100),
        requests_a_frame=round(traffic.requests.total() / frames, 2),
        bytes_a_frame=round(traffic.bytes["other"] / frames),
        image_kb_a_frame=round(traffic.bytes["image"] / frames / 1024, 1),
        first_load_kb=round(first_kb, 1),
        first_load_requests=first_requests,
        first_armed_ms=round(first_armed_ms),
    )


def answer(page: Page, rng: np.random.Generator, *, is_visible: bool) -> tuple[float, float]:
    """Answer the frame; return the ms until the answer is marked, and until the next is armed."""
    frame = page.evaluate("document.body.dataset.frame")
    if is_visible:
        box = page.locator("#picture img").bounding_box()
        assert box is not None
        x, y = rng.uniform(0.1, 0.9, 2)
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    else:
        page.keyboard.press("n")
    wait_until_armed(page, frame)
    page.wait_for_function("() => window.times.dot > 0")  # on a busy machine the paint comes late
    times = page.evaluate("window.times")
    return times["dot"] - times["action"], times["armed"] - times["action"]


def wait_until_armed(page: Page, before: str | None) -> None:
    """Wait until another frame can be answered."""
    page.wait_for_function(
        "before => document.body.dataset.phase === 'armed'"
        " && document.body.dataset.frame !== before",
        arg=before,
    )


def percentile(values: np.ndarray, percent: float) -> float:
    """Return a percentile in ms, to a tenth."""
    return round(float(np.percentile(values, percent)), 1)


def table(outcomes: list[Outcome]) -> str:
    """Return the figures side by side, with the bar beside each that has one."""
    rows = [asdict(outcome) for outcome in outcomes]
    lines = []
    for name in rows[0]:
        bar = f"  (bar {BARS[name]})" if name in BARS else ""
        label = name.replace("_", " ").removesuffix(" ms") + (", ms" if "_ms" in name else "")
        lines.append(f"{label:<22}" + "".join(f"{row[name]!s:>22}" for row in rows) + bar)
    return "\n".join(lines)


@click.command()
@click.option("--frames", default=100, show_default=True, help="Answers for each condition.")
@click.option("--think", default=1.0, show_default=True, help="Seconds of thought for each frame.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line.")
def main(*, frames: int, think: float, as_json: bool) -> None:
    """Measure the annotation page under each condition."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise click.ClickException("no chromium on this machine (Debian: apt-get install chromium)")
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home, tokens = prepare(Path(folder), frames)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with running_server(home.path, None) as (_, port):
            for condition, token in zip(CONDITIONS, tokens, strict=True):
                click.echo(f"{condition}: {frames} frames ...", err=True)
                url = f"http://127.0.0.1:{port}"
                outcomes.append(
                    measure(browser, url, token, condition, frames=frames, think_s=think)
                )
        browser.close()
    load = round(os.getloadavg()[0], 1)
    if as_json:
        plain, throttled = map(asdict, outcomes)
        click.echo(json.dumps({**plain, "throttled": throttled, "load": load}))
        return
    click.echo(table(outcomes))
    click.echo(f"load of the machine at the end: {load}")


if __name__ == "__main__":
    sys.exit(main())
