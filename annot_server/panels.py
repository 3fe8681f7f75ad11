"""People whom a crowd panel sends: arriving, finishing, and how a submission ended.

What stands in an entry URL is no authentication, since anybody can write one. So the *first*
browser that takes a submission up gets it, as a session of our own; the same URL in another browser
is told so and gets nothing. A person whom we know may begin a new submission in another browser
only once the one before is over, and doing so ends their other sessions: at any time one browser
holds the account. Such an account has no password, and its name tells nothing of the panel's id.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from annot_server.accounts import Account, account_of, end_sessions
from annot_server.attempts import Limit, count_attempt
from annot_server.config import Home
from annot_server.consent import agree
from annot_server.errors import (
    ConfigError,
    NotFoundError,
    VisitOverError,
    VisitTakenError,
    marked,
)
from annot_server.forgetting import SECRET_OF_TRACES, trace_of
from annot_server.leases import lock_person
from annot_server.models import (
    ANNOTATOR,
    ANSWER_IS_ACTIVE,
    PANEL_ENDINGS,
    Answer,
    AuditEntry,
    GoldAnswer,
    PanelVisit,
    Person,
    Skip,
)
from annot_server.pauses import give_frames_back
from annot_server.providers import Arrival
from annot_server.repeats import is_repeat

COMPLETED, RETURNED, *_REFUSED = PANEL_ENDINGS
VISIT_LASTS = timedelta(hours=24)
"""A visit that nobody ended is over after this: longer than panels let a submission wait."""
FEW_SKIPS, SKIPS_PER_ANSWER = 3, 0.2
"""With more skips than both, nobody is paid for fewer answers than were asked for."""
TOO_MANY = marked(
    "Too many people have begun this study from your network today. Please try again tomorrow, or "
    "return the submission on the panel."
)
FINISH_URL = "/panel/finish"


@dataclass(frozen=True, slots=True)
class Keys:
    """The server's keys: of the names made for people, and of what stays of the forgotten."""

    names: bytes
    traces: bytes

    @classmethod
    def of(cls, home: Home) -> Keys:
        """Return the keys of a server."""
        return cls(home.key("panel names"), home.key(SECRET_OF_TRACES))


@dataclass(frozen=True, slots=True)
class Visit:
    """One submission: how many answers and skips were given in it, and how it ended, if it did."""

    visit_id: int
    person_id: int
    panel: str
    submission_id: str
    given: int
    skipped: int
    ended_as: str | None

    @property
    def is_skipped_through(self) -> bool:
        """Whether so much was skipped that "no frame is left" is the person's own doing."""
        return self.skipped > max(FEW_SKIPS, self.given * SKIPS_PER_ANSWER)


def arrive(
    session: Session,
    *,
    keys: Keys,
    panel: str,
    arrival: Arrival,
    here: int | None,
    browser: str | None,
    limits: Sequence[Limit],
    now: datetime,
) -> Account:
    """Begin a visit, or go on with it in the browser that began it; return whom to sign in.

    Args:
        session: a writing one.
        keys: of this server.
        panel: the panel's name.
        arrival: what the URL says.
        here: who is signed in in this browser, None for nobody.
        browser: the hash of this browser's mark; see `repeats`.
        limits: on new people; see `attempts.arrival_limits`.
        now: the time.

    Raises:
        VisitTakenError: another browser holds this submission, or an earlier one of the person.
        VisitOverError: the submission ended before, or the person was forgotten here.
        TooManyAttemptsError: too many new people came from there.
    """
    person = _person_of(session, panel, arrival.person_key)
    if person is not None:
        lock_person(session, person.id)  # first: of two browsers, the second sees the first's visit
    visit = check_arrival(
        session, keys=keys, panel=panel, arrival=arrival, here=here, browser=browser, now=now
    )
    if visit is not None:
        return account_of(session, visit.person_id)
    if person is None:
        count_attempt(session, limits, now=now, told=TOO_MANY)
        name = free_name(session, secret=keys.names, panel=panel, person_key=arrival.person_key)
        person = Person(
            name=name,
            role=ANNOTATOR,
            created_at=now,
            panel=panel,
            panel_id=arrival.person_key,
        )
        session.add(person)
        session.flush()
    else:
        for earlier in open_visits(session, person.id):
            earlier.ended_at, earlier.ended_as = now, RETURNED
        if person.id != here:
            end_sessions(session, person.id)
    visit = PanelVisit(
        person_id=person.id,
        panel=panel,
        study_id=arrival.study_id,
        submission_id=arrival.submission_id,
        arrived_at=now,
        browser_sha256=browser,
    )
    session.add(visit)
    agree(session, person_id=person.id, now=now)
    session.flush()
    subject = f"visit {visit.id}"
    session.add(AuditEntry(at=now, person_id=person.id, what="panel_visit", subject=subject))
    return account_of(session, person.id)


def check_arrival(
    session: Session,
    *,
    keys: Keys,
    panel: str,
    arrival: Arrival,
    here: int | None,
    browser: str | None,
    now: datetime,
) -> PanelVisit | None:
    """Return the visit that goes on in this browser, None where a new one may begin.

    It also goes on where its person is not signed in yet, if the browser began it just now and
    the reply was lost; see `repeats`.

    Raises:
        VisitTakenError, VisitOverError: see `arrive`.
    """
    _refuse_forgotten(session, keys, panel, arrival)
    visit = find_visit(session, panel, arrival.submission_id)
    if visit is None:
        person = _person_of(session, panel, arrival.person_key)
        if person is None or person.id == here:
            return None
        if any(now - v.arrived_at < VISIT_LASTS for v in open_visits(session, person.id)):
            raise _taken()
        return None
    if visit.person_id != here:
        began = visit.browser_sha256
        if visit.ended_at is None and is_repeat(began, browser, since=visit.arrived_at, now=now):
            return visit
        raise _taken() if visit.ended_at is None else _over()
    if visit.ended_at is not None and visit.ended_as != COMPLETED:
        raise _over()
    return visit


def find_visit(session: Session, panel: str, submission_id: str) -> PanelVisit | None:
    """Return the visit of a submission, None where nobody has come with it."""
    return session.scalar(
        select(PanelVisit).where(
            PanelVisit.panel == panel, PanelVisit.submission_id == submission_id
        )
    )


def name_of_submission(session: Session, submission_id: str) -> str:
    """Return the name of whoever came with a submission, for maintainers who help them on.

    Raises:
        ConfigError: nobody has come with it.
    """
    name = session.scalar(
        select(Person.name)
        .join(PanelVisit, PanelVisit.person_id == Person.id)
        .where(PanelVisit.submission_id == submission_id)
        .order_by(PanelVisit.id.desc())
        .limit(1)
    )
    if name is None:
        raise ConfigError(f"nobody has come here with the submission {submission_id!r}")
    return name


def open_visits(session: Session, person_id: int) -> list[PanelVisit]:
    """Return a person's visits that have not ended."""
    wanted = select(PanelVisit).where(
        PanelVisit.person_id == person_id, PanelVisit.ended_at.is_(None)
    )
    return list(session.scalars(wanted.order_by(PanelVisit.id)))


def newest_visit(session: Session, person_id: int) -> Visit | None:
    """Return a person's newest visit, None for people whom no panel sent."""
    row = session.scalar(
        select(PanelVisit)
        .where(PanelVisit.person_id == person_id)
        .order_by(PanelVisit.id.desc())
        .limit(1)
    )
    if row is None:
        return None
    given = sum(
        _count_in(session, row, table, is_active)  # hidden gold ones count like others (R3)
        for table, is_active in (
            (Answer, ANSWER_IS_ACTIVE),
            (GoldAnswer, GoldAnswer.superseded_at.is_(None)),
        )
    )
    skipped = _count_in(session, row, Skip, Skip.undone_at.is_(None))
    return Visit(row.id, person_id, row.panel, row.submission_id, given, skipped, row.ended_as)


def complete_visit(session: Session, *, person_id: int, now: datetime) -> None:
    """Note that a person finished their visit, and give the frames they still hold to others."""
    lock_person(session, person_id)
    for visit in open_visits(session, person_id):
        _end(session, visit, COMPLETED, now=now, by_person_id=person_id)
    give_frames_back(session, person_id=person_id, now=now)


def note_ending(
    session: Session,
    *,
    panel: str,
    submission_id: str,
    ending: str,
    now: datetime,
    by_person_id: int | None = None,
) -> bool:
    """Note how the panel says a submission ended; False where we knew.

    Unless it was completed, the person's sessions end and the frames they hold go to others at
    once, if no newer visit of theirs goes on. What they answered stays: setting it aside is a
    decision of its own.

    Raises:
        NotFoundError: nobody has come with this submission.
    """
    visit = find_visit(session, panel, submission_id)
    if visit is None:
        raise NotFoundError(marked("nobody has come here with this submission"))
    lock_person(session, visit.person_id)
    session.refresh(visit)
    if visit.ended_as == ending:
        return False
    _end(session, visit, ending, now=now, by_person_id=by_person_id)
    session.flush()
    if not open_visits(session, visit.person_id):
        give_frames_back(session, person_id=visit.person_id, now=now)
        if ending != COMPLETED:
            end_sessions(session, visit.person_id)
    return True


def free_name(session: Session, *, secret: bytes, panel: str, person_key: str) -> str:
    """Return a name such as "prolific-k3n2x7qa" from which nobody can tell the panel's id."""
    digest = hmac.new(secret, f"{panel}:{person_key}".encode(), "sha256").digest()
    text = base64.b32encode(digest).decode().lower().rstrip("=")
    for length in range(8, len(text), 4):
        name = f"{panel}-{text[:length]}"
        if session.scalar(select(Person.id).where(Person.name == name)) is None:
            return name
    raise AssertionError("unreachable: 52 characters of a keyed hash are taken")


def _person_of(session: Session, panel: str, person_key: str) -> Person | None:
    return session.scalar(
        select(Person).where(Person.panel == panel, Person.panel_id == person_key)
    )


def _refuse_forgotten(session: Session, keys: Keys, panel: str, arrival: Arrival) -> None:
    """Raise `VisitOverError` for a person or a submission that was forgotten here."""
    person = _person_of(session, panel, trace_of(keys.traces, panel, arrival.person_key))
    submission = trace_of(keys.traces, panel, arrival.submission_id)
    if person is not None or find_visit(session, panel, submission) is not None:
        raise VisitOverError(
            marked(
                "You asked to be forgotten here, and your answers stay. So you cannot take part "
                "a second time; please return the submission on the panel."
            )
        )


def _count_in(
    session: Session,
    visit: PanelVisit,
    table: type[Answer | GoldAnswer | Skip],
    is_active: ColumnElement[bool],
) -> int:
    """Return how many active rows of a table belong to a visit."""
    wanted = select(func.count()).where(
        table.person_id == visit.person_id, is_active, table.created_at >= visit.arrived_at
    )
    if visit.ended_at is not None:
        wanted = wanted.where(table.created_at <= visit.ended_at)
    return session.scalars(wanted).one()


def _end(
    session: Session,
    visit: PanelVisit,
    ending: str,
    *,
    now: datetime,
    by_person_id: int | None,
) -> None:
    visit.ended_at, visit.ended_as = visit.ended_at or now, ending
    subject = f"visit {visit.id} of person {visit.person_id}: {ending}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="end_visit", subject=subject))


def _taken() -> VisitTakenError:
    return VisitTakenError(
        marked(
            "This study was begun in another browser, and goes on there. If you cannot go back to "
            "it, please return the submission on the panel, or write to the researchers there."
        )
    )


def _over() -> VisitOverError:
    return VisitOverError(
        marked("This submission has ended. Please look on the panel for how it goes on.")
    )
