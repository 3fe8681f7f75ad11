"""One-time links that sign somebody in; they lapse unused, and can be withdrawn."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annot_server.accounts import Account, account_of, tidy_name
from annot_server.consent import agree
from annot_server.errors import (
    ConfigError,
    InviteExpiredError,
    InviteUsedError,
    NotFoundError,
    marked,
)
from annot_server.models import MODEL, AuditEntry, Invite, Person
from annot_server.repeats import is_repeat

OPEN, USED, EXPIRED, UNKNOWN = "open", "used", "expired", "unknown"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an invite link says; the rest is None when the state is unknown.

    A link stays open for some minutes to the browser that used it: `is_repeat`.
    """

    state: str
    name: str | None = None
    role: str | None = None
    takes_password: bool = False
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Whom a link signs in; `is_first` is false where the same browser used it just before."""

    account: Account
    is_first: bool


def invite(
    session: Session,
    *,
    name: str,
    role: str,
    now: datetime,
    expires_at: datetime | None = None,
    by_person_id: int | None = None,
) -> str:
    """Make a one-time link for a person and return its token; the person is made when new.

    A name stands for one person: inviting it again gives them another link.

    Args:
        session: a writing one.
        name: whom the link signs in.
        role: what they may do; none of a model, which has no browser.
        now: the time.
        expires_at: when an unused link stops working; None: never.
        by_person_id: who invites; None for the command line.

    Raises:
        ConfigError: the name is empty or too long, or belongs to somebody of another role, or to
            somebody who was forgotten.
    """
    if role == MODEL:
        raise ConfigError("a model does not sign in by a browser; make a token for it instead")
    name = tidy_name(name)
    person = session.scalar(select(Person).where(Person.name == name))
    if person is None:
        person = Person(name=name, role=role, created_at=now)
        session.add(person)
        session.flush()
    elif person.forgotten_at is not None:
        raise ConfigError(f"{name!r} was forgotten; invite them under a new name")
    elif person.role != role:
        raise ConfigError(f"{name!r} is already here as {person.role}; invite another name")
    token = secrets.token_urlsafe(32)
    session.add(
        Invite(
            token_sha256=_hash(token), person_id=person.id, created_at=now, expires_at=expires_at
        )
    )
    subject = f"person {person.id} as {role}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="invite", subject=subject))
    return token


def new_names(session: Session, *, prefix: str, count: int) -> list[str]:
    """Return names PREFIX01, PREFIX02, ... that follow on those that are here already."""
    number = re.compile(re.escape(prefix) + r"(\d+)")
    taken = session.scalars(
        select(Person.name).where(Person.name.startswith(prefix, autoescape=True))
    )
    matches = (number.fullmatch(name) for name in taken)
    last = max((int(match[1]) for match in matches if match), default=0)
    width = max(2, len(str(last + count)))
    return [f"{prefix}{i:0{width}}" for i in range(last + 1, last + count + 1)]


def find_invitation(
    session: Session, token: str, *, now: datetime, browser: str | None = None
) -> Invitation:
    """Look at a link without using it: mail programs open links to preview them.

    Args:
        session: any.
        token: of the link.
        now: the time.
        browser: the hash of the mark of the browser that looks; see `repeats`.
    """
    row = session.execute(
        select(
            Invite.used_at,
            Invite.expires_at,
            Invite.browser_sha256,
            Person.name,
            Person.role,
            Person.panel,
        )
        .join(Person, Person.id == Invite.person_id)
        .where(Invite.token_sha256 == _hash(token))
    ).first()
    if row is None:
        return Invitation(UNKNOWN)
    state, repeats = OPEN, False
    if row.used_at is not None:
        repeats = is_repeat(row.browser_sha256, browser, since=row.used_at, now=now)
        state = OPEN if repeats else USED
    elif row.expires_at is not None and row.expires_at <= now:
        state = EXPIRED
    return Invitation(state, row.name, row.role, row.panel is None, repeats)


def accept_invitation(
    session: Session, *, token: str, now: datetime, browser: str | None = None
) -> Joined:
    """Use a link up and say whom it signs in; pressing the button says yes to the consent text.

    Args:
        session: a writing one.
        token: of the link.
        now: the time.
        browser: the hash of the mark of the browser that uses it; see `repeats`.

    Raises:
        NotFoundError: there is no such link.
        InviteUsedError: it was used before.
        InviteExpiredError: it was not used in time, or was withdrawn.
    """
    found = find_invitation(session, token, now=now)
    if found.state == UNKNOWN:
        raise NotFoundError(marked("this invite link is not known; ask for a new one"))
    if found.state == EXPIRED:
        raise InviteExpiredError(marked("this invite link has expired; ask for a new one"))
    used = session.execute(
        update(Invite)
        .where(Invite.token_sha256 == _hash(token), Invite.used_at.is_(None))
        .values(used_at=now, browser_sha256=browser)
        .returning(Invite.id, Invite.person_id)
    ).first()
    if used is None:
        if find_invitation(session, token, now=now, browser=browser).is_repeat:
            by_hash = select(Invite.person_id).where(Invite.token_sha256 == _hash(token))
            return Joined(account_of(session, session.scalars(by_hash).one()), is_first=False)
        raise InviteUsedError(
            marked("this invite link was used before; each link works once, ask for another")
        )
    agree(session, person_id=used.person_id, now=now)
    subject = f"invite {used.id}"
    session.add(AuditEntry(at=now, person_id=used.person_id, what="join", subject=subject))
    return Joined(account_of(session, used.person_id), is_first=True)


def revoke_invitations(session: Session, *, person_id: int | None, now: datetime) -> int:
    """Let unused links lapse at once, of one person or of everybody; return how many."""
    unused = update(Invite).where(
        Invite.used_at.is_(None), Invite.expires_at.is_(None) | (Invite.expires_at > now)
    )
    if person_id is not None:
        unused = unused.where(Invite.person_id == person_id)
    revoked = session.execute(unused.values(expires_at=now).returning(Invite.id)).all()
    if revoked:
        subject = f"{len(revoked)} links of " + (
            f"person {person_id}" if person_id else "everybody"
        )
        session.add(AuditEntry(at=now, what="revoke_invites", subject=subject))
    return len(revoked)


def _hash(token: str) -> str:
    """Return a token's hash; tokens are 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
