"""Take pictures of every page, large and small, light and dark: to look at after a change.

    python examples/screenshots.py FOLDER

Renders a small world, imports its open set with suggestions, starts a server on it and visits the
pages as one annotator and one maintainer for each kind of screen. Needs Chromium and the `dev`
extra.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

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


def command(name: str, *args: object) -> str:
    """Run one of our commands and return what it printed."""
    done = subprocess.run(
        [PROGRAMS / name, *map(str, args)], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def prepare(folder: Path) -> Path:
    """Render a world, import its open set with suggestions at the true centres; return the home."""
    world, home = folder / "world", folder / "home"
    sizes = ("--train", 1, "--validation", 1, "--held-out", 1, "--open", 1)
    command("stg-model", "render-world", world, "--seed", 3, *sizes)
    server = ("annot-server", "--home", home)
    command(*server, "init")
    clips, videos = world / "open" / "clips.csv", world / "open" / "videos"
    command(*server, "import-clips", clips, "--videos", videos, "--no-benchmark")
    suggestions = [
        Prelabel(clip_id, second, Point((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2), 0.7)
        for (clip_id, second), box in read_release(world / "open" / "truth").boxes.items()
    ]
    write_prelabels(folder / "prelabels.jsonl", "screenshots", "0" * 64, suggestions)
    command(*server, "import-prelabels", folder / "prelabels.jsonl")
    return home


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Run the server while the block runs; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [PROGRAMS / "annot-server", "--home", home, "run", "--port", str(port)]
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_up(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the server answers."""
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/static/style.css").close()
        except OSError:
            continue
        return
    raise SystemExit("the server did not start")


def invite(home: Path, url: str, name: str, role: str) -> str:
    """Return a new invite link."""
    args = ("invite", name, "--role", role, "--base-url", url, "--json")
    link: str = json.loads(command("annot-server", "--home", home, *args))["url"]
    return link


def visit(browser: Browser, home: Path, url: str, folder: Path) -> None:
    """Go through every page on every screen and in both colour schemes."""
    for screen, scheme in product(SCREENS, SCHEMES):
        context = browser.new_context(color_scheme=scheme, **SCREENS[screen])
        page = context.new_page()

        def take(name: str, page: Page = page, prefix: str = f"{screen}-{scheme}") -> None:
            page.screenshot(path=folder / f"{prefix}-{name}.png")

        page.goto(invite(home, url, f"Ada ({screen}, {scheme})", "annotator"))
        take("join")
        page.get_by_role("button", name="Agree and start").click()
        visit_annotation(page, take)
        page.goto(invite(home, url, f"Grace ({screen}, {scheme})", "maintainer"))
        page.get_by_role("button", name="Agree and start").click()
        take("maintain")
        page.goto(f"{url}/join/unknown")
        take("message")
        context.close()


def visit_annotation(page: Page, take) -> None:  # noqa: ANN001 - a closure
    """Answer every frame, and take pictures of each state on the way."""
    seen: set[str] = set()
    n = 0
    while next_frame(page):
        has_hint = page.locator("#hint").is_visible()
        name = "annotate-with-hint" if has_hint else "annotate"
        if n > 2 and name not in seen:
            seen.add(name)
            take(name)
            if not has_hint:
                take_dialogs(page, take)
        box = page.locator("#picture img").bounding_box()
        assert box is not None
        x = box["x"] + box["width"] * (0.3 + 0.05 * (n % 8))
        page.mouse.click(x, box["y"] + box["height"] * 0.5)
        n += 1
    take("done")


def next_frame(page: Page) -> bool:
    """Wait for the next frame; False at the end of the work."""
    page.wait_for_function("() => ['armed', 'done'].includes(document.body.dataset.phase)")
    return bool(page.evaluate("document.body.dataset.phase === 'armed'"))


def take_dialogs(page: Page, take) -> None:  # noqa: ANN001 - a closure
    """Open the two dialogs, and the cross-hair."""
    for key, name in (("s", "skip"), ("?", "help")):
        page.keyboard.press(key)
        take(name)
        page.keyboard.press("Escape")
    page.keyboard.press("ArrowLeft")
    take("cross-hair")


def main() -> None:
    """Take all pictures into the folder named on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        home = prepare(Path(work))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with serving(home) as url:
            visit(browser, home, url, folder)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
