"""What a reviewer decides: ask more people, let a disagreement stay, which clips come next.

Each decision is one transaction with its row in the audit log (R2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from annot_server.database import core
from annot_server.errors import ConfigError, NotFoundError, NotReviewableError
from annot_server.leases import lock_frames
from annot_server.models import AuditEntry, Clip, Frame, Slot
from annot_server.retirement import reopen

MAX_REDUNDANCY = 100
PRIORITIES = range(-1000, 1001)

REVIEWED_FRAME = (
    select(
        Frame.redundancy,
        Frame.retired_at,
        Clip.is_gold,
        select(func.max(Slot.k)).where(Slot.frame_id == Frame.id).scalar_subquery().label("last_k"),
    )
    .join(Clip, Clip.clip_id == Frame.clip_id)
    .where(Frame.id == bindparam("frame_id"))
)


def ask_more(
    session: Session, *, frame_id: int, by_person_id: int | None, now: datetime, n: int = 2
) -> int:
    """Ask more people about a frame: it needs `n` more answers, and opens for them.

    Args:
        session: one of `Database.write`.
        frame_id: which frame, retired or open.
        by_person_id: who asks; None for the command line.
        now: when.
        n: how many more, at least 1.

    Returns:
        How many answers the frame needs from now on.

    Raises:
        NotFoundError: there is no such frame.
        NotReviewableError: it is a gold frame, or would need more than `MAX_REDUNDANCY` answers.
    """
    frame = _lock_for_review(session, frame_id)
    redundancy = int(frame.redundancy) + n
    if n < 1 or redundancy > MAX_REDUNDANCY:
        raise NotReviewableError(
            f"frame {frame_id} needs {frame.redundancy} answers; {n} more are not possible: "
            f"ask for at least 1 more and {MAX_REDUNDANCY} in all",
            frame_id,
        )
    connection = core(session)
    connection.execute(update(Frame).where(Frame.id == frame_id).values(redundancy=redundancy))
    connection.execute(
        insert(Slot), [{"frame_id": frame_id, "k": frame.last_k + i} for i in range(1, n + 1)]
    )
    reopen(session, frame_id)
    _note(
        session, "ask_more", f"frame {frame_id}: {n} more, {redundancy} in all", by_person_id, now
    )
    return redundancy


def settle(session: Session, *, frame_id: int, by_person_id: int | None, now: datetime) -> None:
    """Let a retired frame's disagreement stay, so that it leaves the reviewer's queue.

    Settling it again changes nothing.

    Raises:
        NotFoundError: there is no such frame.
        NotReviewableError: it is a gold frame, or its answers are not all there.
    """
    frame = _lock_for_review(session, frame_id)
    if frame.retired_at is None:
        raise NotReviewableError(
            f"frame {frame_id} still waits for answers; settle it when it has them", frame_id
        )
    settled = core(session).execute(
        update(Frame).where(Frame.id == frame_id, Frame.settled_at.is_(None)).values(settled_at=now)
    )
    if settled.rowcount:
        _note(session, "settle", f"frame {frame_id}", by_person_id, now)


def prioritise(
    session: Session,
    *,
    clip_ids: Sequence[str],
    priority: int,
    by_person_id: int | None,
    now: datetime,
) -> None:
    """Give clips a priority: higher ones are handed out first (R5).

    Raises:
        ConfigError: the priority is outside `PRIORITIES`, or there are no such clips; then none of
            them is changed.
    """
    if priority not in PRIORITIES:
        raise ConfigError(
            f"a priority is {PRIORITIES[0]} to {PRIORITIES[-1]} (0 is usual), got {priority}"
        )
    known = set(session.scalars(select(Clip.clip_id).where(Clip.clip_id.in_(clip_ids))))
    if unknown := [clip_id for clip_id in clip_ids if clip_id not in known]:
        raise ConfigError(f"there is no clip {', '.join(map(repr, unknown))}; nothing was changed")
    core(session).execute(update(Clip).where(Clip.clip_id.in_(known)).values(priority=priority))
    for clip_id in sorted(known):
        _note(session, "prioritise", f"clip {clip_id}: {priority}", by_person_id, now)


def _lock_for_review(session: Session, frame_id: int) -> Row[Any]:
    """Lock a frame and return it as `REVIEWED_FRAME` does; gold frames are not reviewed."""
    lock_frames(session, [frame_id])
    frame = core(session).execute(REVIEWED_FRAME, {"frame_id": frame_id}).first()
    if frame is None:
        raise NotFoundError(f"there is no frame {frame_id}", frame_id)
    if frame.is_gold:
        raise NotReviewableError(f"frame {frame_id} is a gold frame: its answer is known", frame_id)
    return frame


def _note(
    session: Session, what: str, subject: str, by_person_id: int | None, now: datetime
) -> None:
    core(session).execute(
        insert(AuditEntry),
        {"at": now, "person_id": by_person_id, "what": what, "subject": subject},
    )
