"""Take pictures of every page, large and small, light and dark: to look at after a change.

    python examples/screenshots.py FOLDER [--only annotate] [--screen 390x844] [--scheme dark]

Renders a small world, lets a simulated crowd answer its held-out videos, imports the open ones with
suggestions and some frames with known answers, and visits the pages of a real server as a newcomer,
an annotator and a maintainer. Needs Chromium and the `dev` extra.

A page is one row of PAGES; what is more than an address is a function of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from dataset_builder.geometry import Point
from dataset_builder.prelabels import Prelabel, write_prelabels
from dataset_builder.release import read_release

SCREENS = {
    "1440x900": {"viewport": {"width": 1440, "height": 900}},
    "390x844": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}
SCHEMES = ("light", "dark")
PROGRAMS = Path(sys.executable).parent
HERE = Path(__file__).parent
CROWD = 6
N_VISIBLE, N_NOT_VISIBLE = 8, 2
START_S = 60

Take = Callable[[Page, str], None]


# The pages ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shot:
    """One page: its rule in the application's URL map, who visits it, and where it is.

    From the page at `path` the first link that each of the CSS selectors in `links` finds is
    followed. `visit` does more than look: it gets the page and what takes a picture, and takes them
    all itself.
    """

    name: str
    rule: str
    who: str | None
    path: str
    links: tuple[str, ...] = ()
    visit: Callable[[Page, Take], None] | None = None


def annotate(page: Page, take: Take) -> None:
    """Answer every frame, and take pictures of each state on the way."""
    seen: set[str] = set()
    n = 0
    while next_frame(page):
        name = "annotate-with-hint" if page.locator("#hint").is_visible() else "annotate"
        if n > 2 and name not in seen:
            seen.add(name)
            take(page, name)
            if name == "annotate":
                annotate_states(page, take)
        page.mouse.click(*place(page, 0.3 + 0.05 * (n % 8), 0.5))
        n += 1
    take(page, "done")


def annotate_states(page: Page, take: Take) -> None:
    """Open what can be opened over a frame, and leave it armed."""
    for key, name in (("s", "skip"), ("?", "help")):
        page.keyboard.press(key)
        take(page, f"annotate-{name}")
        page.keyboard.press("Escape")
    page.keyboard.down(" ")
    page.wait_for_function("() => !document.querySelector('#clock').hidden")
    take(page, "annotate-context")
    page.keyboard.up(" ")
    next_frame(page)
    for key in ("7", "3"):
        page.keyboard.press(key)
    take(page, "annotate-keys")
    page.mouse.move(*place(page, 0.55, 0.5))
    page.keyboard.press("z")
    page.mouse.down()
    page.wait_for_timeout(300)
    take(page, "annotate-zoom")
    page.keyboard.press("Escape")
    page.mouse.up()
    page.keyboard.press("z")
    page.keyboard.press("z")


def introduce(page: Page, take: Take) -> None:
    """Go through the introduction step by step."""
    n = 1
    while True:
        take(page, f"introduction-{n}")
        if not page.locator("#forward").is_visible():
            return
        page.locator("#forward").click()
        n += 1


def qualify(page: Page, take: Take) -> None:
    """Answer the first frames of the qualification, one of them badly."""
    take(page, "qualify")
    page.locator("#panel").get_by_role("button").first.click()
    for n, x in enumerate((0.5, 0.02)):
        page.wait_for_function("() => document.querySelector('#frame').dataset.armed === 'true'")
        if n == 0:
            take(page, "qualify-frame")
        page.mouse.click(*place(page, x, 0.5))
        page.wait_for_function("() => document.body.dataset.phase === 'feedback'")
        take(page, f"qualify-feedback-{n + 1}")
        page.keyboard.press("Enter")


A_PERSON = 'main a[href^="/maintain/people/"]'
A_CLIP = 'main a[href^="/review/clips/"]'

PAGES = (
    Shot("sign-in", "/sign-in", None, "/sign-in"),
    Shot("message", "/join/<token>", None, "/join/unknown"),
    Shot("panel", "/panel/<name>", None, "/panel/prolific"),
    Shot("introduction", "/introduction", "newcomer", "/introduction", visit=introduce),
    Shot("consent", "/consent", "newcomer", "/consent"),
    Shot("annotate", "/", "annotator", "/", visit=annotate),
    Shot("account", "/account", "annotator", "/account"),
    Shot("forget", "/account/forget", "annotator", "/account/forget"),
    Shot("panel-finish", "/panel/finish", "annotator", "/panel/finish"),
    Shot("qualify", "/qualify", "candidate", "/qualify", visit=qualify),
    Shot("maintain", "/maintain", "maintainer", "/maintain"),
    Shot("pace", "/maintain/pace", "maintainer", "/maintain/pace"),
    Shot("agreement", "/maintain/agreement", "maintainer", "/maintain/agreement"),
    Shot("people", "/maintain/people", "maintainer", "/maintain/people"),
    Shot(
        "person", "/maintain/people/<int:person_id>", "maintainer", "/maintain/people", (A_PERSON,)
    ),
    Shot(
        "set-aside",
        "/maintain/people/<int:person_id>/set-aside",
        "maintainer",
        "/maintain/people",
        (A_PERSON, 'main a[href$="/set-aside"]'),
    ),
    Shot("audit", "/maintain/audit", "maintainer", "/maintain/audit"),
    Shot("snapshots", "/maintain/snapshots", "maintainer", "/maintain/snapshots"),
    Shot("review", "/review", "maintainer", "/review"),
    Shot("clips", "/review/clips", "maintainer", "/review/clips"),
    Shot("clip", "/review/clips/<clip_id>", "maintainer", "/review/clips", (A_CLIP,)),
    Shot("frame", "/review/clips/<clip_id>/<int:second>", "maintainer", "/review", (A_CLIP,)),
)


def next_frame(page: Page) -> bool:
    """Wait for the next frame; False at the end of the work."""
    page.wait_for_function("() => ['armed', 'done'].includes(document.body.dataset.phase)")
    return bool(page.evaluate("document.body.dataset.phase === 'armed'"))


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return the place in the window of a point of the picture on the page."""
    box = page.locator(".picture > *").first.bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


# A server with something in it ----------------------------------------------------------------


class Site:
    """A home folder, the server on it, and people with invite links."""

    def __init__(self, folder: Path) -> None:
        """Render the world and make an empty home."""
        self.folder, self.home, self.world = folder, folder / "home", folder / "world"
        self.url = ""
        self.n_people = 0
        sizes = ("--train", 1, "--validation", 2, "--held-out", 2, "--open", 1)
        command("stg-model", "render-world", self.world, "--seed", 3, *sizes)
        self.command("init")

    def command(self, *args: object) -> str:
        """Run one of the server's commands and return what it printed."""
        return command("annot-server", "--home", self.home, *args)

    def import_set(self, name: str, *options: str) -> None:
        """Import one of the world's sets of videos."""
        clips, videos = self.world / name / "clips.csv", self.world / name / "videos"
        self.command("import-clips", clips, "--videos", videos, *options)

    def invite(self, role: str = "annotator") -> str:
        """Return a new person's invite link."""
        self.n_people += 1
        name = f"{'Grace' if role == 'maintainer' else 'Ada'} {self.n_people}"
        args = ("invite", name, "--role", role, "--base-url", self.url, "--json")
        link: str = json.loads(self.command(*args))["url"]
        return link

    def answer_held_out(self) -> None:
        """Let a crowd answer the held-out videos."""
        self.import_set("held-out")
        links = self.folder / "invites.txt"
        links.write_text("\n".join(self.invite() for _ in range(CROWD)), encoding="utf-8")
        program = (sys.executable, HERE / "simulated_crowd.py", "--server", self.url)
        truth = ("--truth", self.world / "held-out" / "truth", "--invites", links, "--seed", 0)
        subprocess.run([*map(str, (*program, *truth))], check=True, stdout=subprocess.DEVNULL)

    def import_open(self) -> None:
        """Import the open videos with suggestions at the true centres."""
        self.import_set("open", "--no-benchmark")
        suggestions = [
            Prelabel(clip_id, second, Point((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2), 0.7)
            for (clip_id, second), box in read_release(self.world / "open" / "truth").boxes.items()
        ]
        path = self.folder / "prelabels.jsonl"
        write_prelabels(path, "screenshots", "0" * 64, suggestions)
        self.command("import-prelabels", path)

    def import_gold(self) -> None:
        """Import frames of the validation videos as a qualification."""
        release = read_release(self.world / "validation" / "truth")
        clips = {clip.clip_id: clip for clip in release.clips}
        actions = {action.action_id: action.description for action in release.actions}
        rows: dict[tuple[str, int], list[object]] = {}
        wanted = {True: N_VISIBLE, False: N_NOT_VISIBLE}
        for frame in release.frames:
            clip, box = clips[frame.clip_id], release.boxes.get((frame.clip_id, frame.second))
            key = (clip.video_id, frame.second)
            if wanted[box is not None] == 0 or key in rows:
                continue
            wanted[box is not None] -= 1
            x, y = ("", "") if box is None else ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
            rows[key] = [*key, actions[clip.action_id], x, y, ""]
        path = self.folder / "gold.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                [["video_id", "second", "action", "x", "y", "note"], *rows.values()]
            )
        videos = self.world / "validation" / "videos"
        self.command("import-gold", path, "--videos", videos, "--purpose", "qualification")


def command(name: str, *args: object) -> str:
    """Run one of our commands and return what it printed."""
    done = subprocess.run(
        [PROGRAMS / name, *map(str, args)], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


@contextmanager
def serving(site: Site) -> Iterator[None]:
    """Run the server while the block runs, at `site.url`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = [PROGRAMS / "annot-server", "--home", site.home, "run", "--port", str(port)]
    with (site.folder / "server.log").open("w") as log:
        process = subprocess.Popen(run, stdout=log, stderr=log)
    site.url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(site.url, process)
        yield
    finally:
        process.terminate()
        process.wait()


def wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the server answers."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/static/style.css").close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


# Visits ---------------------------------------------------------------------------------------


class Camera:
    """Visits pages on one screen in one colour scheme."""

    def __init__(self, site: Site, context: BrowserContext, folder: Path, prefix: str) -> None:
        """Open nothing yet."""
        self.site, self.context, self.folder, self.prefix = site, context, folder, prefix

    def take(self, page: Page, name: str) -> None:
        """Save what stands on the page."""
        page.screenshot(path=self.folder / f"{self.prefix}-{name}.png")

    def become(self, who: str | None) -> None:
        """Sign a new person in: see `Shot.who`."""
        self.context.clear_cookies()
        if who is None:
            return
        link = self.site.invite("maintainer" if who == "maintainer" else "annotator")
        if who == "newcomer":
            page = self.context.new_page()
            page.goto(link)
            self.take(page, "join")
            page.close()
        self.context.request.post(link, max_redirects=0)
        if who != "newcomer":
            self.context.request.post(f"{self.site.url}/introduction", max_redirects=0)

    def visit(self, shot: Shot) -> None:
        """Take one row's pictures."""
        page = self.context.new_page()
        page.goto(self.site.url + shot.path)
        for selector in shot.links:
            link = page.locator(selector).first.get_attribute("href")
            page.goto(self.site.url + (link or ""))
        page.wait_for_load_state("networkidle")
        if shot.visit:
            shot.visit(page, self.take)
        else:
            self.take(page, shot.name)
        page.close()


def visit_all(site: Site, browser: Browser, folder: Path, options: argparse.Namespace) -> None:
    """Go through the pages on every screen that was asked for; candidates come last.

    Once there are frames for a qualification nobody annotates without it.
    """
    for is_candidate in (False, True):
        if is_candidate:
            site.import_gold()
        for screen, scheme in product(options.screen, options.scheme):
            context = browser.new_context(color_scheme=scheme, **SCREENS[screen])
            camera = Camera(site, context, folder, f"{screen}-{scheme}")
            who: str | None = ""
            for shot in PAGES:
                if (shot.who == "candidate") != is_candidate or options.only not in shot.name:
                    continue
                if shot.who != who:
                    who = shot.who
                    camera.become(who)
                camera.visit(shot)
            context.close()


def main() -> int:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the pictures go; made if it is missing")
    parser.add_argument("--only", default="", help="pages with this in their name")
    parser.add_argument("--screen", action="append", choices=SCREENS, help="one of the screens")
    parser.add_argument("--scheme", action="append", choices=SCHEMES, help="light or dark")
    options = parser.parse_args()
    options.screen, options.scheme = options.screen or [*SCREENS], options.scheme or [*SCHEMES]
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("no chromium on this machine (Debian: apt-get install chromium)")
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        site = Site(Path(work))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with serving(site):
            site.answer_held_out()
            site.import_open()
            visit_all(site, browser, options.folder, options)
        browser.close()
    print(f"{len(list(options.folder.glob('*.png')))} pictures in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
