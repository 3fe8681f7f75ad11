"""Fixtures for every package's tests: small snapshots, made from a seed."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from dataset_builder.domain import (
    Action,
    Clip,
    Segment,
    Video,
    action_id_for,
    clip_id_for,
    frame_seconds,
)
from dataset_builder.geometry import Point
from dataset_builder.snapshot import AnswerRow, FrameRow, Snapshot, write_snapshot

# Before torch is loaded, here and in the programs that tests start: workers of several threads each
# would spend most of their time waiting for each other. Sums have the same last bits, too.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("patient", deadline=None)  # a busy machine is no failing example
settings.load_profile("patient")


FIRST = ("learning", "browser")
"""Marks of the longest modules: `make test` deals whole modules out in this order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest modules first, whole: none is to begin when the other workers are done."""
    turns: dict[Path, int] = {}
    for item in items:
        marks = (n for n, mark in enumerate(FIRST) if item.get_closest_marker(mark))
        turns[item.path] = min(turns.get(item.path, len(FIRST)), next(marks, len(FIRST)))
    items.sort(key=lambda item: turns[item.path])


def pytest_collection_finish() -> None:
    """Spare Python's collector of cycles the libraries' objects, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


NOT_NEEDED = (
    # What playwright turns off: the last list alone counts.
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    # The address bar's lists are pages of their own, loaded anew for every tab.
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    f"--disable-features={','.join(NOT_NEEDED)}",
]
SHAPES = ((1280, 720), (640, 480), (720, 1280))
PHRASES = ("crack egg", "pour oil", "sauté it", "flip pancake")


@dataclass(frozen=True)
class Crowd:
    """How simulated people answer: seven people, five of them on each frame."""

    n_people: int = 7
    error: float = 0.03  # standard deviation of a click, fraction of either side
    not_visible: float = 0.2  # share of answers on frames where the action can be seen
    unanswered: float = 0.1  # share of frames that nobody has answered
    assisted: float = 0.3  # share of answers given with a hint in sight


def small_snapshot(seed: int = 0, n_clips: int = 6, crowd: Crowd | None = None) -> Snapshot:
    """Return a snapshot of three videos (wide, 4:3, portrait).

    Clip 0 and clip 3 share seconds of one video, clip 1 holds no whole second, clip 2 is no
    benchmark clip, and every fourth frame does not show its action.
    """
    rng = np.random.default_rng(seed)
    crowd = crowd or Crowd()
    videos = tuple(
        Video(f"video{i}", w, h, 30.0, _sha(f"video{i}")) for i, (w, h) in enumerate(SHAPES)
    )
    actions = tuple(Action(action_id_for(phrase), phrase) for phrase in PHRASES)
    clips = tuple(_clip(i, videos, actions) for i in range(n_clips))
    frames, answers = [], []
    for clip in clips:
        video = videos[int(clip.video_id.removeprefix("video"))]
        seconds, is_middle = frame_seconds(clip.segment)
        for second in seconds:
            frame = FrameRow(
                clip.clip_id,
                second,
                second + 0.01,
                _sha(f"{clip.video_id}/{second}"),
                video.width,
                video.height,
                redundancy=5,
                is_middle_frame=is_middle,
            )
            frames.append(frame)
            answers.extend(_answers(frame, len(frames), crowd, rng))
    return Snapshot(
        f"snapshot-{seed}", _sha("snapshot"), videos, actions, clips, *_sorted(frames, answers)
    )


def _clip(index: int, videos: tuple[Video, ...], actions: tuple[Action, ...]) -> Clip:
    start_s = 3.0 * (index // len(videos)) + (0.5 if index % 2 else 0)
    segment = Segment(1.2, 1.8) if index == 1 else Segment(start_s, start_s + 5)
    video, action = videos[index % len(videos)], actions[index % len(actions)]
    clip_id = clip_id_for(video.video_id, segment, action.action_id)
    return Clip(clip_id, video.video_id, action.action_id, segment, is_benchmark=index != 2)


def _answers(
    frame: FrameRow, number: int, crowd: Crowd, rng: np.random.Generator
) -> list[AnswerRow]:
    people = rng.permutation(crowd.n_people)[: frame.redundancy]
    centre = rng.random(2)
    if rng.random() < crowd.unanswered:
        return []
    answers = []
    for person in people:
        x, y = np.clip(centre + rng.normal(0, crowd.error, 2), 0, 1)
        is_visible = number % 4 and rng.random() >= crowd.not_visible
        answers.append(
            AnswerRow(
                frame.clip_id,
                frame.second,
                f"person-{person}",
                Point(float(x), float(y)) if is_visible else None,
                ms_taken=int(rng.integers(400, 4000)),
                prelabel_shown=bool(rng.random() < crowd.assisted),
            )
        )
    return answers


def _sorted(
    frames: list[FrameRow], answers: list[AnswerRow]
) -> tuple[tuple[FrameRow, ...], tuple[AnswerRow, ...]]:
    return (
        tuple(sorted(frames, key=lambda f: (f.clip_id, f.second))),
        tuple(sorted(answers, key=lambda a: (a.clip_id, a.second, a.annotator_id))),
    )


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def save_snapshot(snapshot: Snapshot, path: Path) -> Path:
    """Write a snapshot that was made in memory, and return its folder."""
    write_snapshot(
        path,
        snapshot_id=snapshot.snapshot_id,
        videos=snapshot.videos,
        actions=snapshot.actions,
        clips=snapshot.clips,
        frames=snapshot.frames,
        answers=snapshot.answers,
    )
    return path


@pytest.fixture(scope="session")
def make_snapshot() -> Callable[..., Snapshot]:
    """Make a snapshot in memory: `make_snapshot(seed=0, n_clips=6, **changes of the crowd)`."""

    def make(seed: int = 0, n_clips: int = 6, **changes: Any) -> Snapshot:
        return small_snapshot(seed, n_clips, replace(Crowd(), **changes))

    return make


@pytest.fixture
def snapshot_folder(tmp_path: Path) -> Path:
    """Return the folder of the default small snapshot."""
    return save_snapshot(small_snapshot(), tmp_path / "snapshot")


@pytest.fixture(scope="session")
def write_snapshot_folder() -> Callable[[Snapshot, Path], Path]:
    """Write a snapshot made in memory: `write_snapshot_folder(snapshot, path) -> path`."""
    return save_snapshot


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Drive the Chromium that is installed; playwright's own is never downloaded."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        reason = "no chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return {"executable_path": chromium, "headless": True, "args": CHROMIUM_FLAGS}


SCREENS = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
AXE_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@pytest.fixture
def problems_of_page(browser: Any) -> Callable[..., list[str]]:
    """Open a page that should need no network, and return all that is wrong with it.

    `problems_of_page(address, screen, scheme)`: what axe finds with everything unfolded, messages
    of the console, requests for what is not in the file, and a page wider than the screen.
    """

    def look(address: str, screen: str, scheme: str) -> list[str]:
        from axe_playwright_python.sync_playwright import Axe

        page = browser.new_page(color_scheme=scheme, viewport=SCREENS[screen])
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request", lambda r: None if r.url[:4] in ("file", "data") else problems.append(r.url)
        )
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        options = {"runOnly": list(AXE_RULES), "resultTypes": ["violations"]}
        problems += [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in Axe().run(page, options=options).response["violations"]
            for node in violation["nodes"]
        ]
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > SCREENS[screen]["width"]:
            problems.append(f"the page is {width} px wide")
        page.close()
        return problems

    return look


@pytest.fixture(autouse=True)
def _normal_priority() -> Iterator[None]:
    """Fail a test that leaves its process under another scheduling policy.

    A library may take real-time priority as root. The servers and browsers of all later tests would
    inherit it, and a thread that spins until one without it has run then takes the machine.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    if (after := os.sched_getscheduler(0)) != before[0]:
        os.sched_setscheduler(0, *before)
        pytest.fail(f"the test left its process under scheduling policy {after}, not {before[0]}")
