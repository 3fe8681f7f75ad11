"""Kill a working server again and again, and compare its database with what people were told."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from annot_server.audit import Audit, audit
from tests.faults.people import Acknowledged, Ledger, Tab
from tests.faults.site import KILLS, Site, site

PEOPLE, PEOPLE_WITH_TWO_TABS = 6, 2
BETWEEN_KILLS = (15, 70)
"""A kill comes after so many more acknowledged answers, at a random moment of the others' work."""
OPEN_ANSWERS = 200
"""There is always work for so many answers at a kill."""
PATIENCE_S = 60
GOES_ON = 5
"""So many answers after a kill show that the work goes on."""


@dataclass(frozen=True)
class Kill:
    """One kill, and how long people waited for the next acknowledged answers."""

    what: str
    outage_s: float


@dataclass(frozen=True)
class Comparison:
    """What the database holds against what people were told; all counts should be 0.

    Attributes:
        lost: acknowledged answers that are not there, or say something else.
        unexpected: stored answers that nobody was told of, though they asked until they were.
        over_assigned: active answers above their frame's redundancy.
        double: active answers of one person on one frame beyond the first.
        unfinished: frames that did not reach their redundancy, or are not retired with it.
        audit: what our own audit counts.
    """

    lost: int
    unexpected: int
    over_assigned: int
    double: int
    unfinished: int
    audit: Audit

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        n_found = self.lost + self.unexpected + self.over_assigned + self.double + self.unfinished
        return not n_found and self.audit.is_clean


@dataclass(frozen=True)
class Report:
    """One run of the harness."""

    kind: str
    seed: int
    kills: tuple[Kill, ...]
    acknowledged: int
    counts: dict[str, int]
    comparison: Comparison
    seconds: float
    problems: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return the run as plain values."""
        outages = sorted(kill.outage_s for kill in self.kills)
        found = self.comparison
        return {
            "database": self.kind,
            "seed": self.seed,
            "kills": dict(Counter(kill.what for kill in self.kills)),
            "acknowledged": self.acknowledged,
            "lost": found.lost,
            "unexpected": found.unexpected,
            "over_assigned": found.over_assigned,
            "double": found.double,
            "unfinished_frames": found.unfinished,
            "audit_clean": found.audit.is_clean,
            "frames": found.audit.frames,
            "outage_s_median": round(statistics.median(outages), 2),
            "outage_s_max": round(outages[-1], 2),
            "seconds": round(self.seconds, 1),
            "replies": self.counts,
            "problems": list(self.problems),
        }


def plan(kind: str, n_kills: int, seed: int) -> list[str]:
    """Return what to kill: each part as often as any other, in random order."""
    order = [KILLS[kind][i % len(KILLS[kind])] for i in range(n_kills)]
    random.Random(seed).shuffle(order)
    return order


def run(
    kind: str, folder: Path, order: Sequence[str], *, seed: int, say: Callable[[str], None]
) -> Report:
    """Let people work on a server of one kind of database while parts of it are killed.

    Args:
        kind: "sqlite" or "postgres".
        folder: an empty one for the server's home and log.
        order: what to kill; see `site.KILLS`.
        seed: of the moments and of what people do; when threads meet is chance all the same.
        say: takes one line for each kill.
    """
    started = time.monotonic()
    chance = random.Random(seed)
    ledger = Ledger()
    with site(kind, folder) as running:
        supply(running)
        tabs = open_tabs(running, ledger, seed)
        kills = []
        try:
            for what in order:
                supply(running)
                wait_for(ledger, chance.randint(*BETWEEN_KILLS))
                kills.append(kill(running, what, ledger, chance))
                say(f"{kind}: {what} killed, next answers after {kills[-1].outage_s:.2f} s")
            wait_until(lambda: n_unfinished(running.behind.database.engine) == 0, ledger)
        finally:
            send_home(tabs)
        return Report(
            kind,
            seed,
            tuple(kills),
            len({answer.key for answer in ledger.acknowledged}),
            dict(sorted(ledger.counts.items())),
            compare(running.behind.database.engine, ledger.acknowledged),
            time.monotonic() - started,
            tuple(ledger.problems),
        )


def open_tabs(running: Site, ledger: Ledger, seed: int) -> list[Tab]:
    """Let everybody begin, some of them in two tabs at once."""
    people = [running.visitor(f"Person {i}") for i in range(PEOPLE)]
    seats = people + people[:PEOPLE_WITH_TWO_TABS]
    tabs = [Tab(running.port, who, ledger, seed * 1000 + i) for i, who in enumerate(seats)]
    for tab in tabs:
        tab.start()
    return tabs


def supply(running: Site) -> None:
    """Bring clips until there is enough to do, while people work and the server runs."""
    running.wait_for_database()
    while n_open_answers(running.behind.database.engine) < OPEN_ANSWERS:
        running.add_clips(1)


def send_home(tabs: list[Tab]) -> None:
    """Let everybody bring what they hold to its end, and wait for them."""
    for tab in tabs:
        tab.finish.set()
    deadline = time.monotonic() + PATIENCE_S
    for tab in tabs:
        tab.join(max(0, deadline - time.monotonic()))
        tab.go_home.set()
        tab.join()


def kill(running: Site, what: str, ledger: Ledger, chance: random.Random) -> Kill:
    """Kill one part, bring the server back where it does not come by itself, see work go on."""
    time.sleep(chance.uniform(0, 0.05))  # not always just after somebody was told "stored"
    began = time.monotonic()
    running.kill(what, chance)
    supply(running)  # a dead master's workers go on for a moment
    wait_for(ledger, GOES_ON)
    return Kill(what, time.monotonic() - began)


def wait_for(ledger: Ledger, n: int) -> None:
    """Wait for more acknowledged answers."""
    came = ledger.wait_for_more(n, PATIENCE_S)
    assert not ledger.problems, ledger.problems[0]
    assert came, f"no {n} answers in {PATIENCE_S} s: {ledger.counts}"


def wait_until(is_so: Callable[[], bool], ledger: Ledger) -> None:
    """Wait for something that people's work brings about."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert not ledger.problems, ledger.problems[0]
        assert time.monotonic() < deadline, f"still not finished: {ledger.counts}"
        time.sleep(0.1)


# Counted from the rows alone, without the server's own queries.
ACTIVE = "superseded_at IS NULL AND set_aside_at IS NULL"
PER_FRAME = f"""
    SELECT f.id, f.redundancy, f.retired_at, COUNT(a.id) AS n FROM frames f
    LEFT JOIN answers a ON a.frame_id = f.id AND {ACTIVE}
    GROUP BY f.id, f.redundancy, f.retired_at
"""
OVER = f"SELECT COALESCE(SUM(n - redundancy), 0) FROM ({PER_FRAME}) AS t WHERE n > redundancy"
UNFINISHED = f"SELECT COUNT(*) FROM ({PER_FRAME}) AS t WHERE n < redundancy OR retired_at IS NULL"
OPEN = f"SELECT COALESCE(SUM(redundancy - n), 0) FROM ({PER_FRAME}) AS t WHERE n < redundancy"
DOUBLE = f"""
    SELECT COALESCE(SUM(n - 1), 0) FROM (
        SELECT COUNT(*) AS n FROM answers WHERE {ACTIVE} GROUP BY frame_id, person_id
    ) AS t
"""


def n_open_answers(engine: Engine) -> int:
    """Return how many answers are still wanted."""
    with engine.connect() as connection:
        return int(connection.execute(text(OPEN)).scalar_one())


def n_unfinished(engine: Engine) -> int:
    """Return how many frames wait for answers."""
    with engine.connect() as connection:
        return int(connection.execute(text(UNFINISHED)).scalar_one())


def compare(engine: Engine, acknowledged: list[Acknowledged]) -> Comparison:
    """Compare the rows with what people were told."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT idempotency_key, person_id, frame_id, x, y FROM answers")
        )
        stored = {row.idempotency_key: tuple(row) for row in rows}
        over, double, unfinished = (
            int(connection.execute(text(query)).scalar_one())
            for query in (OVER, DOUBLE, UNFINISHED)
        )
        audited = audit(connection)  # type: ignore[arg-type]
    told = {a.key: (a.key, a.person_id, a.frame_id, a.x, a.y) for a in acknowledged}
    return Comparison(
        lost=sum(stored.get(key) != answer for key, answer in told.items()),
        unexpected=len(stored.keys() - told.keys()),
        over_assigned=over,
        double=double,
        unfinished=unfinished,
        audit=audited,
    )
