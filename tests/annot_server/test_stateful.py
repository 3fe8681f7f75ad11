"""No order of acts breaks a promise: hypothesis looks for one, on both databases (R1-R4).

Three people with two tabs each lease, prefetch, answer, skip, undo, repeat, renew and give back
while time passes and maintainers change things; after each act everything is counted from the rows.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.exc import DBAPIError

from annot_server import answers, encounter, set_aside, undo
from annot_server.server import Server
from dataset_builder.geometry import Point
from tests.annot_server.conftest import Clock, Project, empty
from tests.annot_server.crowd import (
    DONE,
    LEASE_FRAMES,
    LEASE_S,
    LOST,
    NOT_REVIEWABLE,
    NOTHING,
    REPEATED,
    SAID_BEFORE,
    TOO_LATE,
    UNDO_WINDOW_S,
    Acts,
    check,
    ids,
)

IS_LONG = os.environ.get("ANNOT_SOAK") == "1"
SHORT, LONG = {"max_examples": 20, "derandomize": True}, {"max_examples": 200}
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
LIMITS = settings(
    **(LONG if IS_LONG else SHORT),
    stateful_step_count=60 if IS_LONG else 30,
    database=None,
    deadline=None,
    suppress_health_check=QUIET,
)
N_PEOPLE, N_TABS = 3, 6

tabs = st.integers(0, N_TABS - 1)
picks = st.sampled_from(range(60))  # not integers(), which prefer small ones
points = st.one_of(st.none(), st.builds(Point, st.floats(0, 1), st.floats(0, 1)))

# One rule draws from a weighted list: with a rule each, hypothesis leaves half of them out of an
# example, and what is looked for takes four or five of them together.
ACTS = (
    *("claim", "claim", "work", "work", "prefetch"),
    *("answer", "answer", "skip", "undo", "undo", "speak_again"),
    *("repeat", "use_a_key_again", "renew", "give_back", "meddle_with_the_lease_of_another"),
    *("time_passes", "time_passes", "time_passes", "prelabels_come"),
    *("a_person_is_set_aside", "more_are_asked", "a_frame_is_settled"),
)


class Crowd(RuleBasedStateMachine):
    """Everybody, and what they know: `said` is what counts of what each said of each frame."""

    server: Server
    clock: Clock
    possible: tuple[str, ...] = ACTS

    @initialize()
    def open_the_project(self) -> None:
        empty(self.server.database.engine)
        self.clock.now = datetime(2026, 3, 4, tzinfo=UTC)
        self.acts = Acts(self.server, self.clock)
        project = Project(self.server)
        self.frames = project.add_clip(2, redundancy=1)
        self.frames += project.add_clip(
            2, video_id="v2", redundancy=2, hint_quota=1, is_benchmark=False
        )
        self.gold = project.add_clip(1, video_id="v3", action="crack gold")
        self.acts.make_gold(self.gold)
        self.people = [project.person(f"Person {i}") for i in range(N_PEOPLE)]
        self.leases: list[list[int]] = [[] for _ in range(N_TABS)]
        self.offered: dict[int, list[int]] = {person: [] for person in self.people}
        self.said: dict[tuple[int, int], str] = {}
        self.said_at: dict[tuple[int, int], datetime] = {}
        self.sent: list[tuple[int, int, Point | None, str]] = []
        self.n_prelabels = 0

    @rule(draw=picks, tab=tabs, pick=picks, point=points)
    def somebody_does_something(self, draw: int, tab: int, pick: int, point: Point | None) -> None:
        act = self.possible[draw % len(self.possible)]
        note(f"{act}: tab {tab}, pick {pick}")
        getattr(self, act)(tab, pick, point)

    def person(self, tab: int) -> int:
        return self.people[tab % N_PEOPLE]

    def frame(self, pick: int) -> int:
        return (self.frames + self.gold)[pick % (len(self.frames) + len(self.gold))]

    def waiting(self, person: int, pick: int) -> int:
        """Choose a frame that waits for the person's word, now and then any other."""
        frames = [f for f in self.offered[person] if (person, f) not in self.said]
        return frames[pick % len(frames)] if frames and pick % 5 else self.frame(pick)

    def spoken_of(self, person: int, pick: int) -> int:
        """Choose a frame that the person has spoken of, where there is one."""
        frames = [frame for who, frame in self.said if who == person]
        return frames[pick % len(frames)] if frames else self.frame(pick)

    # What people do

    def claim(self, tab: int, _pick: int, _point: Point | None) -> None:
        self.look_at(tab, self.acts.lease(self.person(tab)))

    def prefetch(self, tab: int, pick: int, _point: Point | None) -> None:
        if held := self.leases[tab]:
            self.look_at(tab, self.acts.lease(self.person(tab), held[pick % len(held)]))

    def look_at(self, tab: int, held) -> None:
        if held is None:
            return
        if held.lease_id not in self.leases[tab]:
            self.leases[tab].append(held.lease_id)
        frames = [frame.frame_id for frame in held.frames]
        assert 0 < len(frames) <= LEASE_FRAMES
        self.offered[self.person(tab)] += frames
        places = [(self.frames + self.gold).index(frame) for frame in frames]
        assert sorted(set(places)) == places, "time order, none twice"
        said = [frame for frame in frames if (self.person(tab), frame) in self.said]
        assert said == [], "frames are offered that the person has spoken of"
        retired = ids(self.server, "SELECT id FROM frames WHERE retired_at IS NOT NULL")
        assert not retired & set(frames), "retired frames are offered"

    def answer(self, tab: int, pick: int, point: Point | None) -> None:
        self.send(self.person(tab), self.waiting(self.person(tab), pick), point)

    def work(self, tab: int, pick: int, point: Point | None) -> None:
        """Answer the first frames of a lease, as nearly everybody does nearly always."""
        held = self.acts.lease(self.person(tab))
        self.look_at(tab, held)
        for frame in held.frames[: 1 + pick % 2] if held else ():
            self.send(self.person(tab), frame.frame_id, point)

    def send(self, person: int, frame: int, point: Point | None) -> None:
        key = f"key {len(self.sent)}"
        outcome = self.acts.answer(person, frame, point, key)
        if (person, frame) in self.said:
            assert outcome == SAID_BEFORE
            return
        assert outcome in (DONE, LOST)
        if outcome == DONE:
            self.say(person, frame, "answer")
            self.sent.append((person, frame, point, key))
        else:
            self.must_be_full(person, frame)

    def must_be_full(self, person: int, frame: int) -> None:
        """A lost lease means: never offered, or no place is left that this arm may take."""
        was_offered = ids(
            self.server,
            "SELECT lf.frame_id FROM lease_frames lf JOIN leases l ON l.id = lf.lease_id"
            " WHERE l.person_id = :person",
            person=person,
        )
        if frame not in was_offered or frame not in self.frames[:2]:
            return  # the other clip has hints, whose quota may be used up
        held = ids(
            self.server,
            "SELECT s.id FROM slots s LEFT JOIN leases l ON l.id = s.lease_id"
            " WHERE s.frame_id = :frame AND s.person_id <> :person"
            " AND (s.lease_id IS NULL OR l.expires_at > :now)",
            frame=frame,
            person=person,
            now=self.clock.now.replace(tzinfo=None) if self.is_sqlite() else self.clock.now,
        )
        places = ids(self.server, "SELECT id FROM slots WHERE frame_id = :frame", frame=frame)
        assert held == places, "an answer was refused though a place was free"

    def is_sqlite(self) -> bool:
        return self.server.database.engine.dialect.name == "sqlite"

    def repeat(self, _tab: int, pick: int, _point: Point | None) -> None:
        if not self.sent:
            return
        person, frame, point, key = self.sent[pick % len(self.sent)]
        assert self.acts.answer(person, frame, point, key) == REPEATED

    def use_a_key_again(self, tab: int, pick: int, _point: Point | None) -> None:
        if not self.sent:
            return
        person, frame, point, key = self.sent[pick % len(self.sent)]
        if (changed := self.frame(pick + tab)) != frame:
            assert self.acts.answer(person, changed, point, key) == "another answer"

    def skip(self, tab: int, pick: int, _point: Point | None) -> None:
        self.pass_on(self.person(tab), self.waiting(self.person(tab), pick))

    def speak_again(self, tab: int, pick: int, point: Point | None) -> None:
        person = self.person(tab)
        frame = self.spoken_of(person, pick)
        if pick % 2:
            self.pass_on(person, frame)
        else:
            self.send(person, frame, point)

    def pass_on(self, person: int, frame: int) -> None:
        outcome = self.acts.skip(person, frame)
        before = self.said.get((person, frame))
        if before == "skip":
            assert outcome == REPEATED
        elif before:
            assert outcome == SAID_BEFORE
        elif outcome == DONE:
            self.say(person, frame, "skip")
        else:
            assert outcome == LOST

    def undo(self, tab: int, pick: int, _point: Point | None) -> None:
        person = self.person(tab)
        frame = self.spoken_of(person, pick)
        said = self.said.get((person, frame))
        outcome = self.acts.undo(person, frame)
        if outcome == DONE:
            assert said in ("answer", "skip")
            assert self.clock.now - self.said_at[person, frame] <= timedelta(seconds=UNDO_WINDOW_S)
            del self.said[person, frame]
        elif said == "answer":
            age = self.clock.now - self.said_at[person, frame]
            assert outcome == TOO_LATE
            assert age > timedelta(seconds=UNDO_WINDOW_S), "a young answer could not be taken back"
        else:
            assert outcome in (NOTHING, TOO_LATE, LOST)

    def renew(self, tab: int, pick: int, _point: Point | None) -> None:
        if held := self.leases[tab]:
            assert self.acts.renew(self.person(tab), held[pick % len(held)]) in (DONE, LOST)

    def give_back(self, tab: int, pick: int, _point: Point | None) -> None:
        if held := self.leases[tab]:
            assert self.acts.release(self.person(tab), held[pick % len(held)]) == DONE

    def meddle_with_the_lease_of_another(self, tab: int, pick: int, _point: Point | None) -> None:
        other = (tab + 1) % N_TABS
        if held := self.leases[other]:
            lease_id = held[pick % len(held)]
            assert self.acts.renew(self.person(tab), lease_id) == NOTHING
            assert self.acts.release(self.person(tab), lease_id) == NOTHING

    def say(self, person: int, frame: int, what: str) -> None:
        self.said[person, frame] = what
        self.said_at[person, frame] = self.clock.now

    # What happens to them

    def time_passes(self, _tab: int, pick: int, _point: Point | None) -> None:
        self.clock.advance((20, UNDO_WINDOW_S, LEASE_S + 1, 400)[pick % 4])

    def prelabels_come(self, _tab: int, pick: int, _point: Point | None) -> None:
        self.n_prelabels += 1
        name = f"file {self.n_prelabels}"
        self.acts.import_prelabels([self.frames[pick % len(self.frames)]], name)

    def a_person_is_set_aside(self, tab: int, pick: int, _point: Point | None) -> None:
        if pick % 3:
            return  # seldom, or nothing would be left to look at
        person = self.person(tab)
        frames = [f for (who, f), what in self.said.items() if (who, what) == (person, "answer")]
        frames = [frame for frame in frames if frame not in self.gold]
        assert self.acts.set_aside_person(person) == len(frames)
        self.said |= {(person, frame): "set aside" for frame in frames}

    def more_are_asked(self, _tab: int, pick: int, _point: Point | None) -> None:
        outcome = self.acts.ask_more(self.frame(pick))
        assert outcome == (NOT_REVIEWABLE if self.frame(pick) in self.gold else DONE)

    def a_frame_is_settled(self, _tab: int, pick: int, _point: Point | None) -> None:
        frame = self.frame(pick)
        retired = ids(self.server, "SELECT id FROM frames WHERE retired_at IS NOT NULL")
        assert self.acts.settle(frame) == (DONE if frame in retired else NOT_REVIEWABLE)

    # What must hold

    @invariant()
    def every_promise_is_kept(self) -> None:
        check(self.server)

    @invariant()
    def nothing_is_lost_and_nothing_is_deleted(self) -> None:
        keys = "SELECT idempotency_key FROM answers UNION SELECT idempotency_key FROM gold_answers"
        assert ids(self.server, keys) == {key for *_, key in self.sent}

    @invariant()
    def what_counts_is_what_people_said(self) -> None:
        active = ids(
            self.server,
            "SELECT person_id || '/' || frame_id FROM answers"
            " WHERE superseded_at IS NULL AND set_aside_at IS NULL"
            " UNION SELECT person_id || '/' || frame_id FROM gold_answers"
            " WHERE superseded_at IS NULL",
        )
        said = {f"{p}/{f}" for (p, f), what in self.said.items() if what == "answer"}
        assert active == said


@pytest.fixture
def machine(server, clock) -> type[Crowd]:
    """Return the machine over this test's server and clock."""
    return type("Crowd", (Crowd,), {"server": server, "clock": clock})


def test_no_order_of_acts_breaks_a_promise(machine) -> None:
    """PostgreSQL, where each statement takes longer, tries fewer orders: the logic is one."""
    is_sqlite = machine.server.database.engine.dialect.name == "sqlite"
    limits = LIMITS if is_sqlite or IS_LONG else settings(LIMITS, max_examples=8)
    run_state_machine_as_test(machine, settings=limits)


# The machine can fail --------------------------------------------------------------------------


def never_full(_n_active: int, _redundancy: int) -> bool:
    return False


def too_soon_full(n_active: int, redundancy: int) -> bool:
    return n_active >= redundancy - 1


# What is broken, and the acts that show it: among all of them, luck decides whether it is found.
WORK = ("claim", "work", "work")
SABOTAGE = {
    "frames never retire": (answers, "is_full", never_full, WORK),
    "frames retire one answer too soon": (answers, "is_full", too_soon_full, WORK),
    "undo leaves the frame retired": (undo, "reopen", lambda *_: None, (*WORK, "undo")),
    "a second answer is not refused": (
        answers,
        "_refuse_second_response",
        lambda _: None,
        (*WORK, "speak_again"),
    ),
    "what was skipped counts as not skipped": (
        encounter.Encounter,
        "is_skipped",
        property(lambda _: False),
        (*WORK, "skip", "speak_again"),
    ),
    "setting aside leaves the frame retired": (
        set_aside,
        "REOPENED",
        {"settled_at": None},
        (*WORK, "a_person_is_set_aside"),
    ),
    "an old answer can be taken back": (
        undo,
        "may_undo",
        lambda *_: True,
        (*WORK, "time_passes", "undo"),
    ),
    "a lost place is nobody's": (
        answers,
        "place_to_take",
        lambda *_, **__: None,
        ("claim", "time_passes", "answer"),
    ),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", SABOTAGE)
def test_the_machine_finds_a_guard_that_is_gone(machine, monkeypatch, what) -> None:
    where, name, replacement, machine.possible = SABOTAGE[what]
    monkeypatch.setattr(where, name, replacement)
    limits = settings(
        max_examples=300,
        derandomize=True,
        stateful_step_count=40,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=QUIET,
        report_multiple_bugs=False,
    )
    with pytest.raises((AssertionError, DBAPIError)):
        run_state_machine_as_test(machine, settings=limits)
    empty(machine.server.database.engine)  # the server's fixture audits what is left
