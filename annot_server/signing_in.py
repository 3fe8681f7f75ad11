"""Signing in by name and password, and asking for the password again before something weighty."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from annot_server.accounts import Account, account_of
from annot_server.attempts import count_attempt, sign_in_limits, take_back
from annot_server.database import Database
from annot_server.errors import WrongPasswordError, marked
from annot_server.passwords import find_login, hash_password, is_outdated, is_right, renew_hash


def sign_in(
    database: Database,
    *,
    secret: bytes,
    name: str,
    password: str,
    address: str | None,
    now: datetime,
) -> Account:
    """Return whom a name and password sign in; a name that is not here takes as long to refuse.

    Args:
        database: where people and attempts are.
        secret: key of the hashes under which attempts are counted.
        name: as typed.
        password: as typed.
        address: where the request came from.
        now: the time.

    Raises:
        WrongPasswordError: no such name, no password set, or another password.
        TooManyAttemptsError: too many wrong ones for this name or from this address.
    """
    limits = sign_in_limits(secret, name=name, address=address)
    counted = database.write(lambda session: count_attempt(session, limits, now=now))
    with database.read() as session:
        login = find_login(session, name)
    if not is_right(login.password_hash if login else None, password) or login is None:
        raise WrongPasswordError(marked("This name and password do not belong together."))
    old = login.password_hash
    new = hash_password(password) if is_outdated(old) else old

    def welcome(session: Session) -> Account:
        take_back(session, counted)
        renew_hash(session, person_id=login.person_id, old=old, new=new)
        return account_of(session, login.person_id)

    return database.write(welcome)
