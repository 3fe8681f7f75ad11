"""Passwords: rules by length, argon2id, and checking one in the same time whoever is named.

Hashing takes some 0.1 s and 64 MiB on purpose, so it never happens inside a transaction, and only
`AT_ONCE` hashes are made at a time: a flood of sign-ins cannot take the machine's memory.
"""

from __future__ import annotations

import functools
import threading
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from annot_server.accounts import Account, account_of, end_sessions
from annot_server.errors import ConfigError, PasswordRuleError, marked
from annot_server.models import MODEL, AuditEntry, Person

MIN_LENGTH, MAX_LENGTH = 10, 200
HASHER = PasswordHasher()  # RFC 9106's second choice: 3 passes over 64 MiB in 4 lanes
AT_ONCE = 2
_turn = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Login:
    """Whom a name and password would sign in, and the stored hash, which a model never has."""

    person_id: int
    password_hash: str


def check_rules(password: str, name: str) -> None:
    """Refuse a new password that is too short, too long, or the name itself.

    Raises:
        PasswordRuleError: says which rule.
    """
    if len(password) < MIN_LENGTH:
        raise PasswordRuleError(marked("A password has at least 10 characters."))
    if len(password) > MAX_LENGTH:
        raise PasswordRuleError(marked("A password has at most 200 characters."))
    if password.strip().casefold() == name.casefold():
        raise PasswordRuleError(marked("A password is not the name."))


def hash_password(password: str) -> str:
    """Return what is stored of a password."""
    with _turn:
        return HASHER.hash(_prepared(password))


def is_right(stored: str | None, password: str) -> bool:
    """Say whether a password is the stored one; without one it takes as long and says no."""
    try:
        with _turn:
            HASHER.verify(stored or _nobodys_hash(HASHER), _prepared(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Say whether a stored hash was made with other parameters than those of today."""
    return HASHER.check_needs_rehash(stored)


def find_login(session: Session, name: str) -> Login | None:
    """Return whom a name signs in; None for a name without a password, and for a model."""
    tidy = unicodedata.normalize("NFC", name).strip()
    if "\0" in tidy or not _is_encodable(tidy):
        return None
    row = session.execute(
        select(Person.id, Person.password_hash).where(
            Person.name == tidy,
            Person.password_hash.is_not(None),
            Person.role != MODEL,
            Person.forgotten_at.is_(None),
        )
    ).first()
    return Login(row.id, row.password_hash) if row else None


def stored_hash(session: Session, person_id: int) -> str | None:
    """Return what is stored of a person's password, None without one."""
    return session.scalar(select(Person.password_hash).where(Person.id == person_id))


def set_password(
    session: Session,
    *,
    person_id: int,
    password_hash: str,
    now: datetime,
    by_person_id: int | None = None,
) -> Account:
    """Store a new password's hash and end the person's sessions; return the account as it is now.

    Raises:
        ConfigError: the person is a model, or comes from a panel: those have no passwords.
    """
    person = session.get_one(Person, person_id)
    if person.role == MODEL or person.panel is not None:
        kind = "a model" if person.role == MODEL else f"sent by {person.panel}"
        raise ConfigError(f"{person.name!r} is {kind}, and has no password")
    end_sessions(session, person_id)
    person.password_hash = password_hash
    subject = f"person {person_id}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="set_password", subject=subject))
    return account_of(session, person_id)


def renew_hash(session: Session, *, person_id: int, old: str, new: str) -> None:
    """Store the same password under today's parameters, unless it was changed meanwhile."""
    person = session.get_one(Person, person_id)
    if person.password_hash == old:
        person.password_hash = new


@functools.lru_cache(maxsize=4)
def _nobodys_hash(hasher: PasswordHasher) -> str:
    return hasher.hash("the password of nobody")


def _prepared(password: str) -> bytes:
    """Return what is hashed: the same bytes however a keyboard composes an accent."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
