"""Letting a person wait: nothing is leased to them until somebody lets them go on.

A person is paused, not deleted: answers stay, and late ones for frames that they held are taken.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from annot_server.errors import ConfigError, NotFoundError
from annot_server.leases import lock_person
from annot_server.models import AuditEntry, Lease, Person

MAX_REASON = 200


def pause(
    session: Session,
    *,
    person_id: int,
    reason: str,
    now: datetime,
    by_person_id: int | None = None,
) -> bool:
    """Pause a person and give the frames that they hold to others; False where they are paused.

    Args:
        session: a writing one.
        person_id: who.
        reason: one line of 1 to 200 characters, for maintainers.
        now: the time.
        by_person_id: who pauses them; None for the command line and for the server itself.

    Raises:
        ConfigError: no reason, or too long a one.
        NotFoundError: there is no such person.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON:
        raise ConfigError(f"a reason has 1 to {MAX_REASON} characters, got {len(reason)}")
    lock_person(session, person_id)
    person = _person(session, person_id)
    if person.paused_at is not None:
        return False
    person.paused_at, person.paused_reason = now, reason
    give_frames_back(session, person_id=person_id, now=now)
    subject = f"person {person_id}: {reason}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="pause", subject=subject))
    return True


def resume(
    session: Session, *, person_id: int, now: datetime, by_person_id: int | None = None
) -> bool:
    """Let a paused person go on; False where they are not paused.

    How well they do on frames with known answers is counted anew from now on.

    Raises:
        ConfigError: the person was forgotten, and nobody can sign in as them.
        NotFoundError: there is no such person.
    """
    lock_person(session, person_id)
    person = _person(session, person_id)
    if person.forgotten_at is not None:
        raise ConfigError(f"person {person_id} was forgotten; invite them under a new name")
    if person.paused_at is None:
        return False
    person.paused_at = person.paused_reason = None
    person.judged_from = now
    subject = f"person {person_id}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="resume", subject=subject))
    return True


def give_frames_back(session: Session, *, person_id: int, now: datetime) -> None:
    """Let every lease that a person holds lapse now, so that others get its frames at once."""
    session.execute(
        update(Lease)
        .where(Lease.person_id == person_id, Lease.released_at.is_(None), Lease.expires_at > now)
        .values(released_at=now, expires_at=now)
    )


def _person(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id, populate_existing=True)
    if person is None:
        raise NotFoundError("there is no such person")
    return person
