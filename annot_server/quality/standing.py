"""Is somebody given frames now, and if not, why: asked before every lease."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from annot_server.config import Config
from annot_server.database import core
from annot_server.leases import lock_person
from annot_server.models import ANNOTATOR, Person
from annot_server.quality.qualification import SUPPLY, Supply
from annot_server.quality.score import judge

PAUSED, TO_QUALIFY = "paused", "to_qualify"

STANDING = select(Person.role, Person.paused_at, Person.qualified_at).where(
    Person.id == bindparam("person_id")
)


def standing_of(session: Session, *, person_id: int, config: Config, now: datetime) -> str | None:
    """Return "paused" or "to_qualify" for somebody who gets no frames now, else None.

    Whoever's score has fallen too low is paused here: at a lease, and not at the answer that
    decided it, so that no single frame is given away as gold. Answers on frames that a paused
    person still holds are taken.

    Args:
        session: of a write.
        person_id: who.
        config: thresholds.
        now: when.
    """
    lock_person(session, person_id)
    person = core(session).execute(STANDING, {"person_id": person_id}).one()
    if person.paused_at is not None:
        return PAUSED
    if person.role != ANNOTATOR:
        return None
    if person.qualified_at is None and Supply(*core(session).execute(SUPPLY).one()).is_enough:
        return TO_QUALIFY
    return PAUSED if judge(session, person_id=person_id, config=config, now=now) else None
