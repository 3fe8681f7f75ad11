"""Many people at once on one small project: every frame gets exactly its answers."""

from __future__ import annotations

import random
import threading
import traceback
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select

from annot_server import assignment, database
from annot_server.answers import give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.audit import audit
from annot_server.errors import AlreadyAnsweredError, LeaseLostError
from annot_server.leases import HeldLease, release, renew
from annot_server.models import ASSISTED, Answer, Frame, Prelabel, Slot
from annot_server.server import Server
from annot_server.undo import undo_response
from dataset_builder.geometry import Point

N_PEOPLE = 7
TABS = 12
LEASE_S = 30
STEP_S = 0.25


ON_POSTGRES = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""For what only happens where writers do not wait for each other as a whole."""


class RunningClock:
    """A clock that every look moves on, so that leases lapse without anybody waiting."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.lock = threading.Lock()

    def __call__(self) -> datetime:
        with self.lock:
            self.now += timedelta(seconds=STEP_S)
            return self.now


class Tab:
    """One browser tab: leases, answers, walks away, skips and takes answers back at random."""

    def __init__(self, server: Server, person_id: int, clock: RunningClock, seed: int) -> None:
        self.server = server
        self.person_id = person_id
        self.clock = clock
        self.random = random.Random(seed)
        self.rng = np.random.default_rng(seed)
        self.n_refused = 0

    def work(self, given_up: threading.Event) -> None:
        n_idle = 0
        while not given_up.is_set() and n_idle < 400 and self.has_frames_left():
            held = self.lease()
            n_idle = 0 if held else n_idle + 1
            for frame in held.frames if held else ():
                if self.random.random() < 0.1:
                    break  # walks away; the lease lapses
                self.answer(frame.frame_id)

    def has_frames_left(self) -> bool:
        """Say whether some frame is not full and not answered by this person."""
        answered = select(Answer.frame_id).where(Answer.person_id == self.person_id)
        with self.server.database.read() as session:
            left = select(Frame.id).where(Frame.retired_at.is_(None), Frame.id.not_in(answered))
            return session.scalars(left.limit(1)).first() is not None

    def lease(self) -> HeldLease | None:
        return self.server.database.write(
            lambda session: next_lease(
                session,
                person_id=self.person_id,
                now=self.clock(),
                lease_s=LEASE_S,
                lease_frames=4,
                rng=self.rng,
            )
        )

    def answer(self, frame_id: int) -> None:
        point = Point(self.random.random(), self.random.random())
        key = f"{self.person_id}-{self.random.getrandbits(64)}"
        try:
            self.server.database.write(
                lambda session: give_answer(
                    session,
                    person_id=self.person_id,
                    frame_id=frame_id,
                    point=point,
                    key=key,
                    now=self.clock(),
                )
            )
            if self.random.random() < 0.1:
                self.server.database.write(
                    lambda session: undo_response(
                        session,
                        person_id=self.person_id,
                        frame_id=frame_id,
                        now=self.clock(),
                        undo_window_s=3600,
                        lease_s=LEASE_S,
                    )
                )
                self.answer(frame_id)
        except (LeaseLostError, AlreadyAnsweredError):
            self.n_refused += 1


def counts(server: Server) -> Counter[int]:
    with server.database.read() as session:
        return Counter(
            session.scalars(select(Answer.frame_id).where(Answer.superseded_at.is_(None)))
        )


def test_twelve_tabs_of_seven_people_give_each_frame_exactly_five_answers(server, project) -> None:
    frames = [
        frame
        for video_id in ("v1", "v2", "v3")
        for frame in project.add_clip(4, video_id=video_id, hint_quota=2, is_benchmark=False)
    ]

    def add_prelabels(session) -> None:
        for frame_id in frames:
            session.add(
                Prelabel(
                    frame_id=frame_id,
                    file_sha256="f",
                    model="m",
                    checkpoint_digest="d",
                    x=0.5,
                    y=0.5,
                    score=1,
                    imported_at=server.now(),
                )
            )

    server.database.write(add_prelabels)
    people = [project.person(f"Person {i}") for i in range(N_PEOPLE)]
    clock = RunningClock()
    tabs = [Tab(server, people[i % N_PEOPLE], clock, seed=i) for i in range(TABS)]
    given_up = threading.Event()

    def watch_one(tab: Tab) -> str:
        try:
            tab.work(given_up)
        except Exception:
            given_up.set()
            return traceback.format_exc()
        return ""

    with ThreadPoolExecutor(TABS) as pool:
        failures = [failure for failure in pool.map(watch_one, tabs) if failure]
    assert failures == []
    assert counts(server) == dict.fromkeys(frames, 5)
    with server.database.read() as session:
        found = audit(session)
        retired = session.scalars(select(Frame.retired_at)).all()
        assisted = Counter(session.scalars(select(Slot.frame_id).where(Slot.arm == ASSISTED)))
        n_rows = len(session.scalars(select(Answer.id)).all())
    assert (found.over_assigned, found.duplicate_answers, found.answers) == (0, 0, 60)
    assert all(retired), "no frame was left open though full"
    assert max(assisted.values()) <= 2
    assert n_rows > 60, "some answers were taken back"


@pytest.mark.parametrize("act", ["answer", "skip"])
def test_two_tabs_that_send_at_the_same_moment_count_once(server, project, act) -> None:
    [frame] = project.add_clip(1)
    person_id = project.person("Ada")
    tab = Tab(server, person_id, RunningClock(), seed=0)
    assert tab.lease() is not None
    start = threading.Barrier(4)

    def send(i: int) -> str:
        start.wait()
        try:
            if act == "skip" and i % 2:
                server.database.write(
                    lambda session: skip_frame(
                        session,
                        person_id=person_id,
                        frame_id=frame,
                        reason="other",
                        comment=None,
                        now=tab.clock(),
                    )
                )
                return "skip"
            server.database.write(
                lambda session: give_answer(
                    session,
                    person_id=person_id,
                    frame_id=frame,
                    point=None,
                    key=f"tab {i}",
                    now=tab.clock(),
                )
            )
        except AlreadyAnsweredError:
            return "refused"
        return "answer"

    with ThreadPoolExecutor(4) as pool:
        outcome = Counter(pool.map(send, range(4)))
    assert outcome["answer"] + min(1, outcome["skip"]) == 1
    assert sum(counts(server).values()) == outcome["answer"]


def test_the_same_request_sent_twice_at_once_is_one_answer(server, project) -> None:
    [frame] = project.add_clip(1)
    person_id = project.person("Ada")
    tab = Tab(server, person_id, RunningClock(), seed=0)
    tab.lease()
    start = threading.Barrier(4)

    def send(_: int) -> int:
        start.wait()
        return server.database.write(
            lambda session: give_answer(
                session,
                person_id=person_id,
                frame_id=frame,
                point=None,
                key="one key",
                now=tab.clock(),
            )
        ).answer_id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(send, range(4)))) == 1


def test_a_lease_given_back_while_it_is_being_renewed_stays_given_back(server, project) -> None:
    project.add_clip(1)
    person_id = project.person("Ada")
    clock = RunningClock()
    lease_id = Tab(server, person_id, clock, seed=0).lease().lease_id
    release_at, renew_at = clock(), clock()

    def renew_it() -> str:
        try:
            server.database.write(
                lambda session: renew(
                    session, person_id=person_id, lease_id=lease_id, now=renew_at, lease_s=LEASE_S
                )
            )
        except LeaseLostError:
            return "lost"
        return "renewed"

    with ThreadPoolExecutor(1) as pool:

        def release_it(session) -> Future[str]:
            release(session, person_id=person_id, lease_id=lease_id, now=release_at)
            session.flush()
            renewal = pool.submit(renew_it)
            wait([renewal], timeout=0.5)  # it waits for this transaction
            return renewal

        assert server.database.write(release_it).result() == "lost"


def test_a_lease_given_back_by_a_clock_ahead_is_not_renewed(server, project) -> None:
    """Two workers' clocks differ a little."""
    project.add_clip(1)
    person_id = project.person("Ada")
    clock = RunningClock()
    lease_id = Tab(server, person_id, clock, seed=0).lease().lease_id
    behind, ahead = clock(), clock()
    whose = {"person_id": person_id, "lease_id": lease_id}
    server.database.write(lambda session: release(session, now=ahead, **whose))
    with pytest.raises(LeaseLostError):
        server.database.write(lambda session: renew(session, now=behind, lease_s=LEASE_S, **whose))


def ask_at(
    server: Server, person_id: int, now: datetime, after: int | None = None
) -> HeldLease | None:
    return server.database.write(
        lambda session: next_lease(
            session,
            person_id=person_id,
            now=now,
            lease_s=LEASE_S,
            lease_frames=4,
            rng=np.random.default_rng(person_id),
            after_lease_id=after,
        )
    )


def frames_of(lease: HeldLease | None) -> list[int]:
    return [frame.frame_id for frame in lease.frames] if lease else []


@pytest.fixture
def at_the_end(project) -> tuple[int, int, datetime, datetime, list[int]]:
    """Return Ada, whose lease ends, and Bo; a moment before that and one after; Ada's frames."""
    ada, bo = project.person("Ada"), project.person("Bo")
    frames = project.add_clip(2, redundancy=1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert frames_of(ask_at(project.server, ada, start)) == frames
    end = start + timedelta(seconds=LEASE_S)
    return ada, bo, end - timedelta(milliseconds=1), end + timedelta(milliseconds=1), frames


@ON_POSTGRES
def test_a_lease_that_is_lost_while_it_is_asked_for_is_followed_by_the_next(
    server, project, at_the_end, monkeypatch
) -> None:
    ada, bo, before, after, frames = at_the_end
    others = project.add_clip(1, video_id="v2", redundancy=1)
    prolong, taken = assignment.prolong, []

    def prolong_later(*arguments) -> None:
        monkeypatch.setattr(assignment, "prolong", prolong)
        with ThreadPoolExecutor(1) as pool:
            taken.append(pool.submit(ask_at, server, bo, after).result())
        prolong(*arguments)

    monkeypatch.setattr(assignment, "prolong", prolong_later)
    assert frames_of(ask_at(server, ada, before)) == others
    assert frames_of(taken[0]) == frames


@ON_POSTGRES
def test_who_asks_for_a_lease_that_is_just_being_taken_over_does_not_get_it(
    server, project, at_the_end
) -> None:
    ada, bo, before, after, frames = at_the_end
    with ThreadPoolExecutor(1) as pool:

        def take_over(session) -> tuple[HeldLease | None, Future[HeldLease | None]]:
            taken = next_lease(
                session,
                person_id=bo,
                now=after,
                lease_s=LEASE_S,
                lease_frames=4,
                rng=np.random.default_rng(0),
            )
            asking = pool.submit(ask_at, server, ada, before)
            wait([asking], timeout=0.5)  # it waits for this transaction
            return taken, asking

        taken, asking = server.database.write(take_over)
        assert frames_of(taken) == frames
        assert asking.result() is None


@ON_POSTGRES
def test_two_who_find_nothing_in_clip_after_clip_do_not_wait_for_each_other(
    server, project, monkeypatch
) -> None:
    """In other orders, each still holding the other's next frames, they would wait for good."""
    for video_id in ("v1", "v2"):
        project.add_clip(2, video_id=video_id)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    people = [project.person("Ada"), project.person("Bo")]
    ada_first, bo_first = (ask_at(server, person_id, now) for person_id in people)
    bo_second = ask_at(server, people[1], now, after=bo_first.lease_id)
    assert ada_first.clip_id == bo_first.clip_id != bo_second.clip_id  # each goes on from the last
    later = now + timedelta(seconds=LEASE_S + 1)
    monkeypatch.setattr(database, "WRITE_ATTEMPTS", 1)
    both_hold_a_clip, met = threading.Barrier(2), set()

    def no_place(*_: object, **__: object) -> None:
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            both_hold_a_clip.wait(timeout=10)

    monkeypatch.setattr(assignment, "place_for_lease", no_place)
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda person_id: ask_at(server, person_id, later), people)
        assert list(found) == [None, None]
