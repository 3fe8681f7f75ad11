"""People, their roles, and the one-time links that sign them in."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annot_server.errors import ConfigError, InviteUsedError, NotFoundError, marked
from annot_server.models import AuditEntry, Invite, Person

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Account:
    """Who somebody is to the server."""

    person_id: int
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an invite link says; `state` is open, used or unknown, the rest None when unknown."""

    state: str
    name: str | None = None
    role: str | None = None


def invite(session: Session, *, name: str, role: str, now: datetime) -> str:
    """Make a one-time link for a person and return its token; the person is made when new.

    A name stands for one person: inviting it again gives them another link.

    Raises:
        ConfigError: the name is empty or too long, or belongs to somebody of another role.
    """
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise ConfigError(f"a name has 1 to {MAX_NAME} characters, got {name!r}")
    person = session.scalar(select(Person).where(Person.name == name))
    if person is None:
        person = Person(name=name, role=role, created_at=now)
        session.add(person)
        session.flush()
    elif person.role != role:
        raise ConfigError(f"{name!r} is already here as {person.role}; invite another name")
    token = secrets.token_urlsafe(32)
    session.add(Invite(token_sha256=_hash(token), person_id=person.id, created_at=now))
    session.add(AuditEntry(at=now, what="invite", subject=f"person {person.id} as {role}"))
    return token


def find_invitation(session: Session, token: str) -> Invitation:
    """Look at a link without using it: mail programs open links to preview them."""
    row = session.execute(
        select(Invite.used_at, Person.name, Person.role)
        .join(Person, Person.id == Invite.person_id)
        .where(Invite.token_sha256 == _hash(token))
    ).first()
    if row is None:
        return Invitation("unknown")
    return Invitation("used" if row.used_at else "open", row.name, row.role)


def accept_invitation(session: Session, *, token: str, now: datetime) -> Account:
    """Use a link up and return whom it signs in; pressing the button says yes to the consent text.

    Raises:
        NotFoundError: there is no such link.
        InviteUsedError: it was used before.
    """
    invite_row = session.scalar(select(Invite).where(Invite.token_sha256 == _hash(token)))
    if invite_row is None:
        raise NotFoundError(marked("this invite link is not known; ask for a new one"))
    used = session.execute(
        update(Invite)
        .where(Invite.id == invite_row.id, Invite.used_at.is_(None))
        .values(used_at=now)
        .returning(Invite.id)
    ).first()
    if used is None:
        raise InviteUsedError(
            marked("this invite link was used before; each link works once, ask for another")
        )
    person = session.get_one(Person, invite_row.person_id)
    person.consented_at = person.consented_at or now
    session.add(AuditEntry(at=now, person_id=person.id, what="join", subject=f"invite {used.id}"))
    return Account(person.id, person.name, person.role)


def find_account(session: Session, person_id: int) -> Account | None:
    """Return who a signed-in id is, or None when there is no such person."""
    person = session.get(Person, person_id)
    return Account(person.id, person.name, person.role) if person else None


def _hash(token: str) -> str:
    """Return a token's hash; tokens are 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
