"""Who has seen the introduction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from annot_server.models import Person
from annot_server.quality.qualification import is_to_qualify


@dataclass(frozen=True, slots=True)
class Readiness:
    """What somebody has yet to do before the annotation page is theirs."""

    is_introduced: bool
    is_to_qualify: bool


def readiness(session: Session, person_id: int) -> Readiness:
    """Return what a person has yet to do."""
    person = session.get_one(Person, person_id)
    return Readiness(person.introduced_at is not None, is_to_qualify(session, person))


def introduce(session: Session, *, person_id: int, now: datetime) -> None:
    """Remember that a person went through the introduction; the first time stands."""
    person = session.get_one(Person, person_id)
    person.introduced_at = person.introduced_at or now
