"""The same acts at the same moments: people with two tabs each in threads, in random order.

What comes of each act depends on who was first, so only the rows are judged: while everybody
works, and when all have gone.
"""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dataset_builder.geometry import Point
from tests.annot_server.crowd import DONE, LEASE_S, Acts, check, ids

N_PEOPLE, TABS_EACH = 4, 2
N_ACTS = 400 if os.environ.get("ANNOT_SOAK") == "1" else 60
LOOKS = 5
STEP_S = 0.6
KEYS = "SELECT idempotency_key FROM answers UNION SELECT idempotency_key FROM gold_answers"


class HastyClock:
    """A clock that every look moves on, so that leases lapse without anybody waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.lock = threading.Lock()

    def __call__(self) -> datetime:
        with self.lock:
            self.seconds += STEP_S
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


@dataclass
class Tab:
    """One tab: what it was handed out, and the keys of its acknowledged answers."""

    acts: Acts
    person: int
    name: str
    chance: random.Random
    frames: list[int] = field(default_factory=list)
    leases: list[int] = field(default_factory=list)
    sent: list[tuple[int, Point | None, str]] = field(default_factory=list)

    def work(self, half_way: threading.Barrier) -> None:
        doings = (self.claim, self.answer, self.answer, self.skip, self.undo, self.repeat)
        more = (self.claim, self.answer, self.answer, self.renew, self.release, self.review)
        for i in range(N_ACTS):
            if i % (N_ACTS // LOOKS) == 0:
                half_way.wait()
            self.chance.choice(doings + more)()

    def claim(self) -> None:
        after = self.chance.choice([None, *self.leases[-2:]])
        if held := self.acts.lease(self.person, after):
            self.leases.append(held.lease_id)
            self.frames += [frame.frame_id for frame in held.frames]

    def answer(self) -> None:
        if self.frames:
            frame, key = self.chance.choice(self.frames[-6:]), f"{self.name}-{len(self.sent)}"
            point = self.chance.choice([None, Point(self.chance.random(), self.chance.random())])
            if self.acts.answer(self.person, frame, point, key) == DONE:
                self.sent.append((frame, point, key))

    def skip(self) -> None:
        if self.frames:
            self.acts.skip(self.person, self.chance.choice(self.frames[-6:]))

    def undo(self) -> None:
        if self.sent:
            self.acts.undo(self.person, self.chance.choice(self.sent[-4:])[0])

    def repeat(self) -> None:
        if self.sent:
            frame, point, key = self.chance.choice(self.sent)
            assert self.acts.answer(self.person, frame, point, key) == "repeated"

    def review(self) -> None:
        """Decide as a maintainer would who looks on meanwhile."""
        what = self.chance.randrange(6)
        if what == 0:
            self.acts.set_aside_person(self.person)
        elif what < 3 and self.frames:
            self.acts.ask_more(self.chance.choice(self.frames))
        elif self.frames:
            self.acts.settle(self.chance.choice(self.frames))

    def renew(self) -> None:
        if self.leases:
            self.acts.renew(self.person, self.chance.choice(self.leases[-2:]))

    def release(self) -> None:
        if self.leases:
            self.acts.release(self.person, self.chance.choice(self.leases[-2:]))


@pytest.mark.parametrize("seed", range(3))
def test_no_schedule_of_threads_breaks_a_promise(server, project, seed) -> None:
    clock = HastyClock()
    frames = project.add_clip(6, redundancy=2)
    frames += project.add_clip(
        6, video_id="v2", redundancy=3, hint_quota=1, is_benchmark=False, start_s=3
    )
    gold = project.add_clip(2, video_id="v3")
    setting_up = Acts(server, clock)
    setting_up.make_gold(gold)
    setting_up.import_prelabels(frames[6:], "file")
    tabs = [
        Tab(
            Acts(server, clock, np.random.default_rng([seed, i])),
            project.person(f"Person {i % N_PEOPLE}"),
            f"tab {i}",
            random.Random(1000 * seed + i),
        )
        for i in range(N_PEOPLE * TABS_EACH)
    ]
    meeting = threading.Barrier(len(tabs), action=lambda: check(server))

    def work(tab: Tab) -> None:
        try:
            tab.work(meeting)
        except BaseException:
            meeting.abort()
            raise

    with ThreadPoolExecutor(len(tabs)) as pool:
        failures = [failure for failure in pool.map(outcome(work), tabs) if failure]
    assert failures == []
    check(server)
    assert ids(server, KEYS) == {key for tab in tabs for *_, key in tab.sent}
    assert sum(len(tab.sent) for tab in tabs) > 20
    assert clock.seconds > 3 * LEASE_S, "leases lapsed"


def outcome(work):
    """Return a function that says what went wrong instead of raising it."""

    def told(tab: Tab) -> str | None:
        try:
            work(tab)
        except threading.BrokenBarrierError:
            return None
        except BaseException as error:
            return repr(error)
        return None

    return told
