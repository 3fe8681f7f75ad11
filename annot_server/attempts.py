"""Limits on signing in and on arriving, counted in the database so that all workers share them.

Each attempt is counted *before* the password is looked at, so that many at once cannot slip through
together; a right one takes its count back. What is stored is a keyed hash of the name and of the
address, for as long as the window lasts.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from annot_server.errors import TooManyAttemptsError, marked
from annot_server.models import SignInAttempt

WINDOW, DAY = timedelta(minutes=15), timedelta(days=1)
PER_NAME, PER_ADDRESS, TOKENS_PER_ADDRESS = 10, 50, 50
A_DAY = ":day"
"""What keys end in that are counted for a day."""
WRONG = marked("There were too many wrong attempts. Please wait a few minutes and try again.")
IPV6_NETWORK = 64
"""One customer of a provider has at least this large a network of addresses."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `at_most` attempts under one key within the window."""

    key: str
    at_most: int
    window: timedelta = WINDOW


def sign_in_limits(secret: bytes, *, name: str, address: str | None) -> list[Limit]:
    """Return the limits of signing in as somebody from somewhere."""
    tidy = unicodedata.normalize("NFKC", name).strip().casefold()
    return [
        Limit(_key(secret, "name", tidy), PER_NAME),
        Limit(_key(secret, "address", network_of(address)), PER_ADDRESS),
    ]


def token_limits(secret: bytes, *, address: str | None) -> list[Limit]:
    """Return the limit of trying API tokens from somewhere."""
    return [Limit(_key(secret, "token", network_of(address)), TOKENS_PER_ADDRESS)]


def arrival_limits(secret: bytes, *, address: str | None, at_most: int) -> list[Limit]:
    """Return the limit of new people whom panels send from somewhere, none where it is 0."""
    key = _key(secret, "arrival", network_of(address))[: -len(A_DAY)] + A_DAY
    return [Limit(key, at_most, DAY)] if at_most else []


def count_attempt(
    session: Session, limits: Sequence[Limit], *, now: datetime, told: str = WRONG
) -> list[int]:
    """Count an attempt under each limit and return the counts' ids, to be taken back.

    Args:
        session: a writing one.
        limits: of what is tried.
        now: the time.
        told: what somebody reads who reached a limit.

    Raises:
        TooManyAttemptsError: a limit is reached; this one is not counted, so that waiting helps.
    """
    _one_at_a_time(session, limits)
    is_short = ~SignInAttempt.key.endswith(A_DAY, autoescape=True)
    session.execute(
        delete(SignInAttempt).where(
            or_(SignInAttempt.at <= now - DAY, is_short & (SignInAttempt.at <= now - WINDOW))
        )
    )
    wait_s = max((_wait_s(session, limit, now) for limit in limits), default=0)
    if wait_s:
        raise TooManyAttemptsError(told, retry_after_s=wait_s)
    rows = [SignInAttempt(key=limit.key, at=now) for limit in limits]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def take_back(session: Session, ids: Sequence[int]) -> None:
    """Uncount an attempt that was right after all."""
    session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_(ids)))


def network_of(address: str | None) -> str:
    """Return what counts as one place: an IPv4 address, or an IPv6 network.

    >>> network_of("203.0.113.9"), network_of("2001:db8::1:2"), network_of(None)
    ('203.0.113.9', '2001:db8::/64', 'unknown')
    """
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, IPV6_NETWORK), strict=False))
    return str(found)


def _wait_s(session: Session, limit: Limit, now: datetime) -> int:
    """Return how many whole seconds until another attempt is allowed, 0 for at once."""
    newest = session.scalars(
        select(SignInAttempt.at)
        .where(SignInAttempt.key == limit.key, SignInAttempt.at > now - limit.window)
        .order_by(SignInAttempt.at.desc())
        .limit(limit.at_most)
    ).all()
    if len(newest) < limit.at_most:
        return 0
    return max(1, math.ceil((newest[-1] + limit.window - now).total_seconds()))


def _one_at_a_time(session: Session, limits: Sequence[Limit]) -> None:
    """Make others who count under the same keys wait; SQLite's one writer needs no lock."""
    if session.get_bind().dialect.name == "postgresql":
        for key in sorted(int(limit.key[:15], 16) for limit in limits):
            session.execute(select(func.pg_advisory_xact_lock(key)))


def _key(secret: bytes, kind: str, value: str) -> str:
    data = f"{kind}:{value}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, data, "sha256").hexdigest()
