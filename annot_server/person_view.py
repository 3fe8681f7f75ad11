"""One person's course: answers and times day by day, tokens, invites, and what was done to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from annot_server.errors import NotFoundError
from annot_server.models import ANSWER_IS_ACTIVE, Answer, ApiToken, Frame, Invite, Lease, Person
from annot_server.pace import BIN_MS, LONGEST_MS, median_of_bins


@dataclass(frozen=True, slots=True)
class PersonDay:
    """A person's answers of one day (UTC) that count; `median_s` in seconds."""

    day: date
    answers: int
    not_visible: int
    median_s: float | None


@dataclass(frozen=True, slots=True)
class PersonToken:
    """One of a person's tokens."""

    token_id: int
    name: str
    scopes: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class PersonView:
    """Who somebody is, and how they went on."""

    person_id: int
    name: str
    role: str
    created_at: datetime
    introduced_at: datetime | None
    qualified_at: datetime | None
    paused_at: datetime | None
    paused_reason: str | None
    forgotten_at: datetime | None
    panel: str | None
    last_seen: datetime | None
    answers: int
    open_invites: int
    days: list[PersonDay]
    tokens: list[PersonToken]


def read_person(session: Session, person_id: int, *, now: datetime) -> PersonView:
    """Read everything about one person.

    Raises:
        NotFoundError: there is nobody with that id.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise NotFoundError("there is no such person")
    days = read_person_days(session, person_id)
    invites = session.scalar(
        select(func.count())
        .select_from(Invite)
        .where(
            Invite.person_id == person_id,
            Invite.used_at.is_(None),
            Invite.expires_at.is_(None) | (Invite.expires_at > now),
        )
    )
    tokens = session.scalars(
        select(ApiToken).where(ApiToken.person_id == person_id).order_by(ApiToken.id.desc())
    )
    return PersonView(
        person_id=person.id,
        name=person.name,
        role=person.role,
        created_at=person.created_at,
        introduced_at=person.introduced_at,
        qualified_at=person.qualified_at,
        paused_at=person.paused_at,
        paused_reason=person.paused_reason,
        forgotten_at=person.forgotten_at,
        panel=person.panel,
        last_seen=last_seen(session, person_id),
        answers=sum(day.answers for day in days),
        open_invites=invites or 0,
        days=days,
        tokens=[
            PersonToken(t.id, t.name, t.scopes, t.created_at, t.last_used_at, t.revoked_at)
            for t in tokens
        ],
    )


def read_person_days(session: Session, person_id: int) -> list[PersonDay]:
    """Count one person's active answers of each day with work."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    day = (
        func.substr(Answer.created_at, 1, 10)
        if is_sqlite
        else func.to_char(func.timezone("UTC", Answer.created_at), "YYYY-MM-DD")
    ).label("day")
    time_bin = Answer.ms_taken.op("/")(literal_column(str(BIN_MS))).label("time_bin")
    rows = session.execute(
        select(day, time_bin, func.count(), func.count(Answer.x))
        .where(Answer.person_id == person_id, ANSWER_IS_ACTIVE)
        .group_by("day", "time_bin")
    )
    found: dict[str, list[tuple[int | None, int, int]]] = {}
    for when, n_bin, n, n_clicks in rows:
        found.setdefault(when, []).append((n_bin, n, n_clicks))
    days = []
    for when, parts in sorted(found.items()):
        bins = {b: n for b, n, _ in parts if b is not None and b * BIN_MS < LONGEST_MS}
        n = sum(n for _, n, _ in parts)
        n_clicks = sum(clicks for _, _, clicks in parts)
        days.append(PersonDay(date.fromisoformat(when), n, n - n_clicks, median_of_bins(bins)))
    return days


def last_seen(session: Session, person_id: int) -> datetime | None:
    """Return when somebody last asked for work."""
    return session.scalar(select(func.max(Lease.created_at)).where(Lease.person_id == person_id))


def everybody_seen(session: Session) -> dict[int, datetime]:
    """Return when everybody last asked for work; who never did is not in it."""
    newest = select(func.max(Lease.id)).group_by(Lease.person_id)
    rows = session.execute(select(Lease.person_id, Lease.created_at).where(Lease.id.in_(newest)))
    return {person_id: at for person_id, at in rows}


def count_complete_frames(session: Session, person_id: int) -> int:
    """Count the complete frames that have an active answer of this person."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Answer)
            .join(Frame, Frame.id == Answer.frame_id)
            .where(Answer.person_id == person_id, ANSWER_IS_ACTIVE, Frame.retired_at.is_not(None))
        )
        or 0
    )
