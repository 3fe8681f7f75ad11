"""API tokens: a program's way in, limited to scopes, shown once and stored as a hash.

    gc_ followed by 43 characters of A-Z a-z 0-9 _ and -

The prefix lets scanners find a token that was published by mistake. A token can do what its scopes
say *and* its person's role may; it ends when it expires, is revoked, or the person is forgotten.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annot_server.accounts import Account, find_account, tidy_name
from annot_server.attempts import count_attempt, token_limits
from annot_server.database import Database
from annot_server.errors import ConfigError, NotSignedInError, marked
from annot_server.models import (
    ANNOTATOR,
    MAINTAINER,
    MODEL,
    REVIEWER,
    ApiToken,
    AuditEntry,
    Person,
)

PREFIX = "gc_"
ANNOTATE, PROGRESS, PRELABELS, MAINTAIN = "annotate", "progress", "prelabels", "maintain"
SCOPES = (ANNOTATE, PROGRESS, PRELABELS, MAINTAIN)
SCOPES_OF_ROLE = {
    ANNOTATOR: (ANNOTATE,),
    REVIEWER: (ANNOTATE,),
    MAINTAINER: SCOPES,
    MODEL: (PRELABELS,),
}
NOTE_EVERY = timedelta(minutes=1)
MAX_LABEL = 100


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who holds a token that came with a request, and what it may do."""

    token_id: int
    account: Account
    scopes: frozenset[str]
    is_use_worth_noting: bool


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is listed: everything but itself."""

    token_id: int
    person: str
    label: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """Return "active", "expired" or "revoked"."""
        if self.revoked_at is not None:
            return "revoked"
        has_expired = self.expires_at is not None and self.expires_at <= now
        return "expired" if has_expired else "active"


def create_token(
    session: Session,
    *,
    name: str,
    scopes: Iterable[str],
    label: str = "",
    expires_at: datetime | None = None,
    is_model: bool = False,
    now: datetime,
) -> str:
    """Make a token for somebody and return it: it cannot be read again later.

    Args:
        session: a writing one.
        name: whose token it is.
        scopes: what it may do, of `SCOPES`.
        label: where it is used, for the list.
        expires_at: when it stops working; None: never.
        is_model: make the account of a model under this name where there is none yet.
        now: the time.

    Raises:
        ConfigError: nobody of that name, or a scope that the role has no use for.
    """
    name, label = tidy_name(name), label.strip()
    person = session.scalar(select(Person).where(Person.name == name))
    if person is None:
        if not is_model:
            raise ConfigError(f"there is nobody called {name!r} here; invite them, or say --model")
        person = Person(name=name, role=MODEL, created_at=now)
        session.add(person)
        session.flush()
    elif is_model and person.role != MODEL:
        raise ConfigError(f"{name!r} is here as {person.role}; choose another name for the model")
    wanted = sorted(set(scopes))
    useless = [scope for scope in wanted if scope not in SCOPES_OF_ROLE[person.role]]
    if not wanted or useless:
        fitting = ", ".join(SCOPES_OF_ROLE[person.role])
        got = ", ".join(useless) or "none"
        raise ConfigError(f"{name!r} is {person.role}: its scopes are {fitting}; got {got}")
    if len(label) > MAX_LABEL:
        raise ConfigError(f"a label has at most {MAX_LABEL} characters, got {len(label)}")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        person_id=person.id,
        name=label,
        token_sha256=_hash(token),
        scopes=" ".join(wanted),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    subject = f"token {row.id} of person {person.id}: {row.scopes}"
    session.add(AuditEntry(at=now, what="create_token", subject=subject))
    return token


def list_tokens(session: Session) -> list[TokenRow]:
    """Return every token there is or was, the oldest first."""
    rows = session.execute(
        select(ApiToken, Person.name)
        .join(Person, Person.id == ApiToken.person_id)
        .order_by(ApiToken.id)
    )
    return [
        TokenRow(
            token.id,
            person,
            token.name,
            token.scopes,
            token.created_at,
            token.expires_at,
            token.last_used_at,
            token.revoked_at,
        )
        for token, person in rows
    ]


def revoke_token(
    session: Session,
    *,
    token_id: int,
    now: datetime,
    person_id: int | None = None,
    by_person_id: int | None = None,
) -> bool:
    """Let a token work no longer; False where that was so already.

    Args:
        session: a writing one.
        token_id: which.
        now: the time.
        person_id: whose it has to be; None: anybody's.
        by_person_id: who revokes it; None for the command line.

    Raises:
        ConfigError: there is no such token.
    """
    token = session.get(ApiToken, token_id)
    if token is None or person_id not in (None, token.person_id):
        raise ConfigError(f"there is no token {token_id}; see `annot-server token list`")
    if token.revoked_at is not None:
        return False
    token.revoked_at = now
    subject = f"token {token_id} of person {token.person_id}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="revoke_token", subject=subject))
    return True


def find_bearer(session: Session, token: str, *, now: datetime) -> Bearer | None:
    """Return who holds a token, None where it does not hold (any more)."""
    row = session.execute(
        select(
            ApiToken.id,
            ApiToken.person_id,
            ApiToken.scopes,
            ApiToken.expires_at,
            ApiToken.last_used_at,
        ).where(ApiToken.token_sha256 == _hash(token), ApiToken.revoked_at.is_(None))
    ).first()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    account = find_account(session, row.person_id)
    if account is None:
        return None
    is_old = row.last_used_at is None or now - row.last_used_at >= NOTE_EVERY
    return Bearer(row.id, account, frozenset(row.scopes.split()), is_old)


def note_use(session: Session, token_id: int, *, now: datetime) -> None:
    """Note when a token was last used; asked for at most once a minute."""
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))


def refuse_token(
    database: Database, *, secret: bytes, address: str | None, now: datetime
) -> NoReturn:
    """Count a token that does not hold, and refuse it.

    Raises:
        NotSignedInError: the usual case.
        TooManyAttemptsError: there were too many from this address.
    """
    limits = token_limits(secret, address=address)
    database.write(lambda session: count_attempt(session, limits, now=now))
    raise NotSignedInError(marked("this API token is not known, was revoked or has expired"))


def _hash(token: str) -> str:
    """Return a token's hash; tokens are 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
