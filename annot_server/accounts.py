"""People as the server knows them: who they are, their role, and ending their sessions.

A session names a person and the person's `session_version`; raising the version ends every session
of theirs, in all browsers. How people get in stands in `invitations`, `passwords` and `panels`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from annot_server.database import Database
from annot_server.errors import ConfigError
from annot_server.leases import lock_person
from annot_server.models import MODEL, ROLES, AuditEntry, Person

MAX_NAME = 200
ACCOUNT = select(
    Person.id,
    Person.name,
    Person.role,
    Person.session_version,
    Person.consent_version,
    Person.panel,
    Person.paused_at,
    Person.forgotten_at,
).where(Person.id == bindparam("person_id"))


@dataclass(frozen=True, slots=True)
class Account:
    """Who somebody is to the server; `panel` is the crowd panel that sent them, if one did."""

    person_id: int
    name: str
    role: str
    session_version: int = 0
    consent_version: str | None = None
    panel: str | None = None
    is_paused: bool = False


def find_account(session: Session, person_id: int) -> Account | None:
    """Return who an id is, or None when there is no such person or they asked to be forgotten."""
    return _account(session.execute(ACCOUNT, {"person_id": person_id}).first())


def look_up_account(database: Database, person_id: int) -> Account | None:
    """Do what `find_account` does by one statement without a session: every request begins so."""
    return _account(database.look(ACCOUNT, {"person_id": person_id}))


def _account(row: Any) -> Account | None:
    if row is None or row.forgotten_at is not None:
        return None
    return Account(
        row.id,
        row.name,
        row.role,
        row.session_version,
        row.consent_version,
        row.panel,
        row.paused_at is not None,
    )


def account_of(session: Session, person_id: int) -> Account:
    """Return who an id is, where there surely is one."""
    session.flush()
    account = find_account(session, person_id)
    if account is None:
        raise LookupError(f"person {person_id} has no account")
    return account


def tidy_name(name: str) -> str:
    """Return a name as it is stored: composed characters, no space around it.

    Raises:
        ConfigError: it is empty, too long, or has characters that cannot be seen.
    """
    tidy = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(tidy) <= MAX_NAME:
        raise ConfigError(f"a name has 1 to {MAX_NAME} characters, got {name!r}")
    if not tidy.isprintable():
        raise ConfigError(f"a name has characters that can be seen, got {name!r}")
    return tidy


def find_person(session: Session, name: str) -> Person:
    """Return the person of a name.

    Raises:
        ConfigError: there is nobody of that name.
    """
    person = session.scalar(select(Person).where(Person.name == tidy_name(name)))
    if person is None:
        raise ConfigError(f"there is nobody called {name!r} here")
    return person


def end_sessions(session: Session, person_id: int) -> None:
    """Sign a person out in every browser."""
    lock_person(session, person_id)
    person = session.get_one(Person, person_id, populate_existing=True)
    person.session_version += 1


def change_role(
    session: Session, *, name: str, role: str, now: datetime, by_person_id: int | None = None
) -> bool:
    """Give somebody another role, which ends their sessions; False when they have it already.

    Raises:
        ConfigError: there is nobody of that name, or a model would become a person or the reverse.
    """
    if role not in ROLES:
        raise ConfigError(f"a role is one of {', '.join(ROLES)}, got {role!r}")
    person = find_person(session, name)
    if person.role == role:
        return False
    if MODEL in (person.role, role):
        raise ConfigError(f"{name!r} is {person.role}: a model does not become a person, nor back")
    before, person.role = person.role, role
    end_sessions(session, person.id)
    subject = f"person {person.id} from {before} to {role}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="change_role", subject=subject))
    return True
