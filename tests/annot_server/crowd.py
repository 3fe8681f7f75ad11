"""What people and maintainers do to a server, one act a call, and what must hold after each.

`Acts` calls the service functions as the views do and says what came of it in a word. `broken`
counts from the rows alone, without the server's queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.orm import Session

from annot_server.answers import give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.audit import audit
from annot_server.errors import (
    AlreadyAnsweredError,
    IdempotencyConflictError,
    LeaseLostError,
    NotFoundError,
    NotReviewableError,
    UndoExpiredError,
)
from annot_server.leases import HeldLease, release, renew
from annot_server.models import HIDDEN, Clip, Frame, GoldFrame, Prelabel, Slot
from annot_server.review import ask_more, settle
from annot_server.server import Server
from annot_server.set_aside import set_aside_person
from annot_server.undo import undo_response
from dataset_builder.geometry import Point

LEASE_S, LEASE_FRAMES = 60, 4
UNDO_WINDOW_S = 60
GOLD_EVERY = 3

DONE, REPEATED, NOTHING = "done", "repeated", "nothing"
LOST, SAID_BEFORE, TOO_LATE = "lost", "said before", "too late"
NOT_REVIEWABLE = "not reviewable"
REFUSALS = {
    LeaseLostError: LOST,
    AlreadyAnsweredError: SAID_BEFORE,
    UndoExpiredError: TOO_LATE,
    NotFoundError: NOTHING,
    NotReviewableError: NOT_REVIEWABLE,
    IdempotencyConflictError: "another answer",
}


@dataclass
class Acts:
    """The acts of everybody on one server, at the times that `clock` gives."""

    server: Server
    clock: Callable[[], datetime]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def lease(self, person_id: int, after_lease_id: int | None = None) -> HeldLease | None:
        """Ask for frames, as a page does at its start or to prefetch."""
        return self.server.database.write(
            lambda session: next_lease(
                session,
                person_id=person_id,
                now=self.clock(),
                lease_s=LEASE_S,
                lease_frames=LEASE_FRAMES,
                rng=self.rng,
                after_lease_id=after_lease_id,
                gold_every=GOLD_EVERY,
            )
        )

    def answer(self, person_id: int, frame_id: int, point: Point | None, key: str) -> str:
        """Answer a frame under a key, new or used before."""

        def work(session: Session) -> str:
            given = give_answer(
                session,
                person_id=person_id,
                frame_id=frame_id,
                point=point,
                key=key,
                now=self.clock(),
            )
            return REPEATED if given.is_repeat else DONE

        return self._outcome(work)

    def skip(self, person_id: int, frame_id: int) -> str:
        """Pass a frame on."""

        def work(session: Session) -> str:
            skipped = skip_frame(
                session,
                person_id=person_id,
                frame_id=frame_id,
                reason="other",
                comment=None,
                now=self.clock(),
            )
            return REPEATED if skipped.is_repeat else DONE

        return self._outcome(work)

    def undo(self, person_id: int, frame_id: int) -> str:
        """Take back what was said of a frame."""

        def work(session: Session) -> str:
            undo_response(
                session,
                person_id=person_id,
                frame_id=frame_id,
                now=self.clock(),
                undo_window_s=UNDO_WINDOW_S,
                lease_s=LEASE_S,
            )
            return DONE

        return self._outcome(work)

    def renew(self, person_id: int, lease_id: int) -> str:
        """Send a heartbeat."""

        def work(session: Session) -> str:
            now = self.clock()
            renew(session, person_id=person_id, lease_id=lease_id, now=now, lease_s=LEASE_S)
            return DONE

        return self._outcome(work)

    def release(self, person_id: int, lease_id: int) -> str:
        """Give a lease back."""

        def work(session: Session) -> str:
            release(session, person_id=person_id, lease_id=lease_id, now=self.clock())
            return DONE

        return self._outcome(work)

    def set_aside_person(self, person_id: int) -> int:
        """Let everything that somebody said count no longer; return how many answers that were."""
        return self.server.database.write(
            lambda session: set_aside_person(
                session, person_id=person_id, by_person_id=None, reason="test", now=self.clock()
            )
        ).answers

    def ask_more(self, frame_id: int, n: int = 1) -> str:
        """Ask more people about a frame."""

        def work(session: Session) -> str:
            ask_more(session, frame_id=frame_id, by_person_id=None, now=self.clock(), n=n)
            return DONE

        return self._outcome(work)

    def settle(self, frame_id: int) -> str:
        """Let a frame's disagreement stay."""

        def work(session: Session) -> str:
            settle(session, frame_id=frame_id, by_person_id=None, now=self.clock())
            return DONE

        return self._outcome(work)

    def import_prelabels(self, frame_ids: list[int], name: str) -> None:
        """Bring a model's suggestions for some frames."""
        values = {"file_sha256": name, "model": "m", "checkpoint_digest": "d", "x": 0.5, "y": 0.5}
        rows = [
            {"frame_id": frame_id, "score": 1.0, "imported_at": self.clock(), **values}
            for frame_id in frame_ids
        ]
        self.server.database.write(lambda session: session.execute(insert(Prelabel), rows))

    def make_gold(self, frame_ids: list[int]) -> None:
        """Turn a fresh clip into a gold one: known answers, no places."""

        def work(session: Session) -> None:
            clips = select(Frame.clip_id).where(Frame.id.in_(frame_ids))
            session.execute(delete(Slot).where(Slot.frame_id.in_(frame_ids)))
            session.execute(update(Clip).where(Clip.clip_id.in_(clips)).values(is_gold=True))
            known = {"purpose": HIDDEN, "x": 0.5, "y": 0.5, "tolerance": 0.1}
            rows = [{"frame_id": i, "created_at": self.clock(), **known} for i in frame_ids]
            session.execute(insert(GoldFrame), rows)

        self.server.database.write(work)

    def _outcome(self, work: Callable[[Session], str]) -> str:
        try:
            return self.server.database.write(work)
        except tuple(REFUSALS) as error:
            return REFUSALS[type(error)]


# What must hold, counted from the rows alone --------------------------------------------------

ACTIVE = "superseded_at IS NULL AND set_aside_at IS NULL"
PROMISES = {
    "frames with more active answers than their redundancy": f"""
        SELECT f.id FROM frames f JOIN answers a ON a.frame_id = f.id AND {ACTIVE}
        GROUP BY f.id, f.redundancy HAVING COUNT(*) > f.redundancy""",
    "people with two active answers on one frame": f"""
        SELECT frame_id, person_id FROM answers WHERE {ACTIVE}
        GROUP BY frame_id, person_id HAVING COUNT(*) > 1""",
    "people with an active answer and a skip on one frame": f"""
        SELECT a.frame_id, a.person_id FROM answers a JOIN skips s
        ON s.frame_id = a.frame_id AND s.person_id = a.person_id AND s.undone_at IS NULL
        WHERE {ACTIVE}""",
    "frames retired with too few answers, or full and still open": f"""
        SELECT f.id FROM frames f JOIN clips c ON c.clip_id = f.clip_id AND NOT c.is_gold
        LEFT JOIN answers a ON a.frame_id = f.id AND {ACTIVE}
        GROUP BY f.id, f.redundancy, f.retired_at
        HAVING (COUNT(a.id) >= f.redundancy) <> (f.retired_at IS NOT NULL)""",
    "what answers agree on, where they are not all there, or missing where they are": """
        SELECT f.id FROM frames f JOIN clips c ON c.clip_id = f.clip_id AND NOT c.is_gold
        WHERE (f.retired_at IS NULL) <> (f.disagreement IS NULL)""",
    "frames without a place for each answer": """
        SELECT f.id FROM frames f JOIN clips c ON c.clip_id = f.clip_id
        LEFT JOIN slots s ON s.frame_id = f.id GROUP BY f.id, f.redundancy, c.is_gold
        HAVING COUNT(s.id) <> CASE WHEN c.is_gold THEN 0 ELSE f.redundancy END""",
    "active answers that have no place of their own": f"""
        SELECT a.id FROM answers a JOIN slots s ON s.id = a.slot_id
        WHERE {ACTIVE} AND (s.person_id IS NULL OR s.person_id <> a.person_id
        OR s.frame_id <> a.frame_id OR s.lease_id IS NOT NULL)""",
    "places marked as answered without an active answer": f"""
        SELECT s.id FROM slots s LEFT JOIN answers a ON a.slot_id = s.id AND {ACTIVE}
        WHERE s.person_id IS NOT NULL AND s.lease_id IS NULL AND a.id IS NULL""",
    "answers without a lease of theirs behind them": """
        SELECT a.id FROM answers a LEFT JOIN leases l
        ON l.id = a.lease_id AND l.person_id = a.person_id
        LEFT JOIN lease_frames lf ON lf.lease_id = l.id AND lf.frame_id = a.frame_id
        WHERE lf.frame_id IS NULL""",
    "frames with more assisted places than their quota": """
        SELECT f.id FROM frames f JOIN slots s ON s.frame_id = f.id AND s.arm = 'assisted'
        GROUP BY f.id, f.hint_quota HAVING COUNT(*) > f.hint_quota""",
    "blind answers by people who were shown the hint before": f"""
        SELECT a.id FROM answers a WHERE {ACTIVE} AND a.arm = 'blind' AND EXISTS (
        SELECT 1 FROM lease_frames lf JOIN leases l ON l.id = lf.lease_id
        WHERE lf.frame_id = a.frame_id AND lf.arm = 'assisted' AND l.person_id = a.person_id)""",
    "answers to gold frames among the others": """
        SELECT a.id FROM answers a JOIN gold_frames g ON g.frame_id = a.frame_id""",
    "people with two active answers on one gold frame": """
        SELECT frame_id, person_id FROM gold_answers WHERE superseded_at IS NULL
        GROUP BY frame_id, person_id HAVING COUNT(*) > 1""",
}


def broken(connection: Connection | Session) -> list[str]:
    """Return the promises that the rows break now, with the rows that do."""
    found = []
    for promise, query in PROMISES.items():
        rows = connection.execute(text(query)).fetchall()
        if rows:
            found.append(f"{promise}: {[tuple(row) for row in rows[:5]]}")
    return found


@contextmanager
def looking(server: Server) -> Iterator[Session]:
    """See the rows of this moment."""
    with server.database.read() as session:
        yield session


def check(server: Server) -> None:
    """Raise unless the rows keep every promise, by our count and by the audit's."""
    with looking(server) as session:
        found = broken(session)
        audited = audit(session)
    assert found == []
    assert audited.is_clean, audited


def ids(server: Server, query: str, **values: Any) -> set[Any]:
    """Return the first column of a query."""
    with looking(server) as session:
        return set(session.execute(text(query), values).scalars())
