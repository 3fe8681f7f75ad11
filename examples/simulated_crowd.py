"""A simulated crowd that answers over HTTP, as the page would; one of them is careless.

    python examples/simulated_crowd.py --server http://127.0.0.1:8000 --truth held-out/truth \
        --invites invites.txt --seed 0

`--invites` holds one unused invite link a line: one person each, all at work at once. They know
where the action is from the boxes of releases (`--truth`, e.g. the exact truth of a rendered world;
several may be given) and stop at the first clip that none of them holds. Where the server asks for
it they do the qualification first. The last line printed is one JSON object.

How they err follows the released GroundingYouTube clicks, whose mean distance to the frame's mean
click has median 12 px and 90th percentile 46 px on a 640x480 frame: each frame has a difficulty
(log-normal) that all its people share, each person a steadiness. Now and then somebody undoes and
answers again, skips, posts the same answer twice, or walks away from a lease.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import requests

from dataset_builder.geometry import Box, Point
from dataset_builder.release import Release, read_release

DIAGONAL_PX = math.hypot(640, 480)
MEDIAN_SPREAD, P90_SPREAD = 12 / DIAGONAL_PX, 46 / DIAGONAL_PX
# Five Gaussian clicks of standard deviation s per axis lie s * sqrt(pi / 2) * sqrt(4 / 5) from
# their own mean on average.
SPREAD_PER_SIGMA = math.sqrt(math.pi / 2 * 4 / 5)
DIFFICULTY_LOG_SD = math.log(P90_SPREAD / MEDIAN_SPREAD) / 1.2816
TIMEOUT_S = 30

Frame = dict[str, Any]
Subject = tuple[str, str, int]
"""Video, action and second."""
Truth = Mapping[Subject, Box | None]
"""Where what happens; None where it cannot be seen."""


@dataclass(frozen=True)
class Habits:
    """What a person does besides answering well; shares of frames, 0..1."""

    misses_visible: float = 0.05
    sees_invisible: float = 0.05
    undoes: float = 0.02
    skips: float = 0.01
    posts_twice: float = 0.02
    walks_away: float = 0.01
    clicks_anywhere: float = 0.0


CARELESS = Habits(misses_visible=0.1, sees_invisible=0.5, clicks_anywhere=0.25)
WIDE_AWAKE = Habits(misses_visible=0, sees_invisible=0)
"""At the qualification everybody takes care."""


@dataclass
class Tally:
    """What one person did, as the server confirmed it."""

    answers: int = 0
    clicks: int = 0
    replays: int = 0
    undone: int = 0
    skips: int = 0
    refused: int = 0
    assisted: int = 0
    walked_away: int = 0
    questions: int = 0
    paused: int = 0
    unqualified: int = 0
    distances: list[float] = field(default_factory=list)


class Person:
    """One annotator with a session of their own."""

    def __init__(
        self, server: str, invite: str, truth: Truth, habits: Habits, rng: np.random.Generator
    ) -> None:
        """Open the invite link: from here on the session cookie says who this is."""
        self.api = f"{server}/api/v1"
        self.truth = truth
        self.habits = habits
        self.rng = rng
        self.steadiness = float(rng.lognormal(0, 0.2))
        self.tally = Tally()
        self.http = requests.Session()
        self.http.post(invite, timeout=TIMEOUT_S).raise_for_status()

    def work(self) -> Tally:
        """Answer lease after lease until there is nothing left that this person knows."""
        while True:
            reply = self._post("leases", {})
            lease = reply["lease"]
            if lease is None and reply["reason"] == "to_qualify" and self._qualify():
                continue
            if lease is None:
                self.tally.paused += reply["reason"] == "paused"
                self.tally.unqualified += reply["reason"] == "to_qualify"
                return self.tally
            if any(subject(lease, frame) not in self.truth for frame in lease["frames"]):
                self._release(lease)
                return self.tally
            for frame in lease["frames"]:
                if self._happens(self.habits.walks_away):
                    self._release(lease)
                    self.tally.walked_away += 1
                    break
                self._handle(lease, frame)

    def _handle(self, lease: Mapping[str, Any], frame: Frame) -> None:
        if self._happens(self.habits.skips):
            self._post(f"frames/{frame['frame_id']}/skips", {"reason": "cannot_tell"})
            self.tally.skips += 1
            return
        if self._answer(lease, frame) and self._happens(self.habits.undoes):
            undo = f"{self.api}/frames/{frame['frame_id']}/undo"
            response = self.http.post(undo, json={}, timeout=TIMEOUT_S)
            if response.status_code == requests.codes.conflict:
                return  # too late for it, as on a busy machine: the answer stands
            response.raise_for_status()
            self.tally.undone += 1
            self._answer(lease, frame)

    def _qualify(self) -> bool:
        """Answer the frames of the qualification, in as many attempts as are open now."""
        while True:
            progress = self._get("qualification")
            frame = progress["frame"]
            if frame is None:
                return bool(progress["state"] in ("passed", "off"))
            known = (frame["video_id"], frame["action_id"], frame["second"])
            if known not in self.truth:
                return False
            place = self._look(known, frame, WIDE_AWAKE)
            body = {"point": None if place is None else {"x": place.x, "y": place.y}}
            self._post(f"qualification/frames/{frame['frame_id']}/answers", body)
            self.tally.questions += 1

    def _answer(self, lease: Mapping[str, Any], frame: Frame) -> bool:
        """Answer a frame; return whether the server took it."""
        place = self._look(subject(lease, frame), frame, self.habits)
        body = {
            "point": None if place is None else {"x": place.x, "y": place.y},
            "details": {"ms_since_paint": int(self.rng.lognormal(7.3, 0.4)), "pointer": "mouse"},
        }
        headers = {"Idempotency-Key": str(uuid.UUID(bytes=self.rng.bytes(16), version=4))}
        where = f"frames/{frame['frame_id']}/answers"
        for attempt in range(2 if self._happens(self.habits.posts_twice) else 1):
            response = self.http.post(
                f"{self.api}/{where}", json=body, headers=headers, timeout=TIMEOUT_S
            )
            if response.status_code == requests.codes.conflict:
                self.tally.refused += 1
                return False
            response.raise_for_status()
            self.tally.replays += attempt
        self.tally.answers += 1
        self.tally.clicks += place is not None
        self.tally.assisted += "hint" in frame
        return True

    def _look(self, known: Subject, frame: Frame, habits: Habits) -> Point | None:
        """Return where this person clicks, or None for "not visible"."""
        box = self.truth[known]
        if box is None and not self._happens(habits.sees_invisible):
            return None
        if box is not None and self._happens(habits.misses_visible):
            return None
        if box is None or self._happens(habits.clicks_anywhere):
            return Point(*self.rng.uniform(0, 1, size=2).tolist())
        place = self._near(box, known, frame)
        wide, high = frame["width"], frame["height"]
        away = math.hypot((place.x - box.centre.x) * wide, (place.y - box.centre.y) * high)
        self.tally.distances.append(away / math.hypot(wide, high) * DIAGONAL_PX)
        return place

    def _near(self, box: Box, known: Subject, frame: Frame) -> Point:
        video_id, action_id, second = known
        shared = np.random.default_rng([second, *f"{video_id}/{action_id}".encode()])
        difficulty = float(shared.lognormal(0, DIFFICULTY_LOG_SD))
        sigma = MEDIAN_SPREAD / SPREAD_PER_SIGMA * difficulty * self.steadiness
        diagonal = math.hypot(frame["width"], frame["height"])
        dx, dy = self.rng.normal(0, sigma * diagonal, size=2).tolist()
        x = min(max(box.centre.x + dx / frame["width"], 0), 1)
        y = min(max(box.centre.y + dy / frame["height"], 0), 1)
        return Point(x, y)

    def _release(self, lease: Mapping[str, Any]) -> None:
        self.http.post(f"{self.api}/leases/{lease['lease_id']}/release", timeout=TIMEOUT_S)

    def _get(self, where: str) -> dict[str, Any]:
        response = self.http.get(f"{self.api}/{where}", timeout=TIMEOUT_S)
        response.raise_for_status()
        answered: dict[str, Any] = response.json()
        return answered

    def _post(self, where: str, body: Mapping[str, Any]) -> dict[str, Any]:
        response = self.http.post(f"{self.api}/{where}", json=body, timeout=TIMEOUT_S)
        response.raise_for_status()
        answered: dict[str, Any] = response.json()
        return answered

    def _happens(self, share: float) -> bool:
        return bool(self.rng.random() < share)


def subject(lease: Mapping[str, Any], frame: Frame) -> Subject:
    """Return what a leased frame is about."""
    return lease["clip"]["video_id"], lease["action"]["action_id"], frame["second"]


def truth_of(releases: Iterable[Release]) -> dict[Subject, Box | None]:
    """Return what the frames of some releases show."""
    found = {}
    for release in releases:
        clips = {clip.clip_id: clip for clip in release.clips}
        for frame in release.frames:
            clip = clips[frame.clip_id]
            box = release.boxes.get((frame.clip_id, frame.second))
            found[clip.video_id, clip.action_id, frame.second] = box
    return found


def run_crowd(
    server: str, invites: list[str], truth: Truth, *, seed: int, n_careless: int
) -> dict[str, Any]:
    """Let everybody work at once; return the sums of what the server confirmed.

    `spread_px` are the median and 90th percentile of the distance from the true centre of all
    clicks that aimed at it, in pixels of a 640x480 frame.
    """
    streams = np.random.SeedSequence(seed).spawn(len(invites))
    started = time.monotonic()

    def one(index: int) -> Tally:
        careless = index >= len(invites) - n_careless
        habits = CARELESS if careless else Habits()
        rng = np.random.default_rng(streams[index])
        return Person(server, invites[index], truth, habits, rng).work()

    with ThreadPoolExecutor(len(invites)) as pool:
        tallies = list(pool.map(one, range(len(invites))))
    names = [name for name in vars(Tally()) if name != "distances"]
    sums: dict[str, Any] = {name: sum(getattr(t, name) for t in tallies) for name in names}
    distances = [away for tally in tallies for away in tally.distances]
    if len(distances) > 1:
        deciles = statistics.quantiles(distances, n=10)
        sums["spread_px"] = {"p50": round(deciles[4], 1), "p90": round(deciles[8], 1)}
    return sums | {"people": len(invites), "seconds": round(time.monotonic() - started, 1)}


def main() -> int:
    """Run the crowd as the command line says; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--truth", required=True, type=Path, action="append")
    parser.add_argument("--invites", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--careless", type=int, default=1, help="how many of them are careless")
    options = parser.parse_args()
    invites = options.invites.read_text(encoding="utf-8").split()
    result = run_crowd(
        options.server,
        invites,
        truth_of(map(read_release, options.truth)),
        seed=options.seed,
        n_careless=options.careless,
    )
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
