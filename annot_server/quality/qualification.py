"""The qualification: ten frames with feedback before somebody's answers count (R10).

Eight frames show their action and two do not; passed is who gets both of the two and at least six
of the eight right. It is on while there are that many frames in use, and annotators alone take it.
An attempt's frames are drawn from the person and the attempt, those they met least before coming
first, so that a page that is opened again goes on where it was. Everything about an attempt is read
from its answers; nothing else is stored but `people.qualified_at`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from annot_server.config import Config
from annot_server.errors import AlreadyAnsweredError, NotFoundError
from annot_server.leases import lock_person
from annot_server.models import (
    ANNOTATOR,
    QUALIFICATION,
    Action,
    AuditEntry,
    Clip,
    Frame,
    GoldFrame,
    Person,
    QualificationAnswer,
    Video,
)
from annot_server.quality.grading import grade, point_of
from dataset_builder.geometry import Point

N_VISIBLE, N_NOT_VISIBLE = 8, 2
MIN_VISIBLE_RIGHT = 6
OFF, OPEN, WAITING, PASSED, FAILED = "off", "open", "waiting", "passed", "failed"
STATES = (OFF, OPEN, WAITING, PASSED, FAILED)


IS_IN_USE = and_(GoldFrame.purpose == QUALIFICATION, GoldFrame.withdrawn_at.is_(None))
SUPPLY = select(
    func.count(GoldFrame.x),
    func.count(case((GoldFrame.x.is_(None), 1))),
).where(IS_IN_USE)


@dataclass(frozen=True, slots=True)
class Supply:
    """How many qualification frames are in use, of each kind."""

    n_visible: int
    n_not_visible: int

    @property
    def is_enough(self) -> bool:
        """Whether the qualification is on."""
        return self.n_visible >= N_VISIBLE and self.n_not_visible >= N_NOT_VISIBLE

    def __str__(self) -> str:
        """Say it to a maintainer."""
        if self.is_enough:
            return "the qualification is on"
        return (
            f"the qualification is off: it needs {N_VISIBLE} frames with a point and "
            f"{N_NOT_VISIBLE} without, there are {self.n_visible} and {self.n_not_visible}"
        )


@dataclass(frozen=True, slots=True)
class Question:
    """A frame to answer; `width` and `height` are pixels of the displayed source video."""

    frame_id: int
    video_id: str
    action_id: str
    description: str
    second: int
    image_sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where somebody stands with the qualification.

    Attributes:
        state: "off" (nobody needs it), "open" (there is a frame to answer), "waiting" (for the next
            attempt), "passed" or "failed" (no attempt is left).
        attempt: the one that is open, or the last one; from 1.
        attempts: how many there are.
        n_answered: frames answered in it.
        n_right: of those.
        wait_s: seconds until the next attempt, rounded up; 0 unless waiting.
        question: the frame to answer; None unless open.
        stored_attempt: the attempt's number among all that the person ever began.
    """

    state: str
    attempt: int = 1
    attempts: int = 1
    n_answered: int = 0
    n_right: int = 0
    wait_s: int = 0
    question: Question | None = None
    stored_attempt: int = 1


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody learns of an answer they gave: the known one, and how far off they were."""

    is_right: bool
    distance: float | None
    known: Point | None
    tolerance: float
    note: str | None
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """One answer of a person, right or wrong as it was then."""

    attempt: int
    frame_id: int
    x: float | None
    y: float | None
    is_right: bool
    distance: float | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    frame_id: int
    point: Point | None
    tolerance: float
    note: str | None


def supply(session: Session) -> Supply:
    """Count the qualification frames in use."""
    return Supply(*session.execute(SUPPLY).one())


def is_to_qualify(session: Session, person: Person) -> bool:
    """Say whether a person has to pass the qualification before they are given frames."""
    return person.role == ANNOTATOR and person.qualified_at is None and supply(session).is_enough


def is_pass(results: Iterable[tuple[bool, bool]]) -> bool:
    """Say whether an attempt is passed, from (action is visible, answer is right) of its frames.

    >>> eight = [(True, True)] * 6 + [(True, False)] * 2
    >>> is_pass(eight + [(False, True)] * 2)
    True
    >>> is_pass(eight + [(False, True), (False, False)])
    False
    """
    counts = Counter(results)
    return counts[False, True] >= N_NOT_VISIBLE and counts[True, True] >= MIN_VISIBLE_RIGHT


def read_progress(session: Session, *, person_id: int, config: Config, now: datetime) -> Progress:
    """Return where a person stands, with the frame to answer next, if any."""
    person = session.get_one(Person, person_id)
    known = _known(session)
    answers = _answers(session, person_id)
    # Attempts from before a maintainer let the person try again are not counted.
    n_before = max((a.attempt for a in answers if _is_before(a, person.judged_from)), default=0)
    attempt, ended_at = _attempt(answers, n_before)
    here = [answer for answer in answers if answer.attempt == attempt]
    at = Progress(
        OFF,
        attempt=attempt - n_before,
        attempts=config.qualification_attempts,
        n_answered=len(here),
        n_right=sum(answer.is_right for answer in here),
        stored_attempt=attempt,
    )
    if person.qualified_at is not None:
        return replace(at, state=PASSED)
    if not is_to_qualify(session, person):
        return at
    if ended_at is not None:
        if at.attempt >= at.attempts:
            return replace(at, state=FAILED)
        left = ended_at + timedelta(seconds=config.qualification_wait_s) - now
        if left > timedelta(0):
            return replace(at, state=WAITING, wait_s=math.ceil(left.total_seconds()))
        attempt, here = attempt + 1, []
        at = replace(at, attempt=at.attempt + 1, n_answered=0, n_right=0, stored_attempt=attempt)
    answered = {answer.frame_id for answer in here}
    drawn = draw_frames(person_id, attempt, known, answers)
    next_id = next(frame_id for frame_id in drawn if frame_id not in answered)
    return replace(at, state=OPEN, question=_question(session, next_id))


def answer_question(
    session: Session,
    *,
    person_id: int,
    frame_id: int,
    point: Point | None,
    config: Config,
    now: datetime,
) -> Feedback:
    """Store and grade what somebody says of the frame that they were asked; tell them the answer.

    The same answer again gives the same feedback. The tenth answer of an attempt decides it.

    Raises:
        NotFoundError: this frame is not asked of them now.
        AlreadyAnsweredError: they said something else of it before.
    """
    lock_person(session, person_id)
    known = _known(session).get(frame_id)
    before = next(
        (a for a in reversed(_answers(session, person_id)) if a.frame_id == frame_id), None
    )
    progress = read_progress(session, person_id=person_id, config=config, now=now)
    is_asked = progress.question is not None and progress.question.frame_id == frame_id
    if known is None or (before is None and not is_asked):
        raise NotFoundError(f"frame {frame_id} is not asked of you now", frame_id)
    if before is not None and not is_asked:
        if (before.x, before.y) != _coordinates(point):
            raise AlreadyAnsweredError("you have answered this frame", frame_id)
        return Feedback(
            before.is_right, before.distance, known.point, known.tolerance, known.note, True
        )
    width, height = session.execute(
        select(Video.width, Video.height)
        .join(Clip, Clip.video_id == Video.video_id)
        .join(Frame, Frame.clip_id == Clip.clip_id)
        .where(Frame.id == frame_id)
    ).one()
    attempt = progress.stored_attempt
    graded = grade(point, known.point, tolerance=known.tolerance, width=width, height=height)
    x, y = _coordinates(point)
    session.add(
        QualificationAnswer(
            person_id=person_id,
            attempt=attempt,
            frame_id=frame_id,
            x=x,
            y=y,
            is_right=graded.is_right,
            distance=graded.distance,
            created_at=now,
        )
    )
    session.flush()
    _decide(session, person_id, attempt, now)
    return Feedback(
        graded.is_right, graded.distance, known.point, known.tolerance, known.note, False
    )


def draw_frames(
    person_id: int,
    attempt: int,
    known: dict[int, _Known],
    answers: Sequence[_Said],
) -> list[int]:
    """Return the frames of one attempt in their order, the same each time it is asked.

    What was answered in the attempt is part of it; the rest are frames that the person met least in
    earlier attempts, whose answers they know by now.
    """
    n_met = Counter(answer.frame_id for answer in answers if answer.attempt < attempt)
    here = {answer.frame_id for answer in answers if answer.attempt == attempt}

    def dealt(frame_id: int) -> str:
        return hashlib.sha256(f"{person_id}/{attempt}/{frame_id}".encode()).hexdigest()

    drawn: list[int] = []
    for is_visible, n_wanted in ((True, N_VISIBLE), (False, N_NOT_VISIBLE)):
        kind = [f for f, item in known.items() if (item.point is not None) is is_visible]
        kind.sort(key=lambda f: (f not in here, n_met[f], dealt(f)))
        drawn += kind[:n_wanted]
    return sorted(drawn, key=dealt)


def try_again(session: Session, *, person_id: int, now: datetime) -> None:
    """Let somebody begin the qualification anew, with all attempts; what they passed is void.

    Their score on hidden gold begins anew, too.
    """
    person = session.get_one(Person, person_id)
    person.qualified_at, person.judged_from = None, now
    session.add(AuditEntry(at=now, what="qualify_again", subject=f"person {person_id}"))


def qualify(session: Session, *, person_id: int, now: datetime, by_person_id: int | None) -> None:
    """Count somebody as qualified: by passing (`by_person_id` is their own id) or by a maintainer.

    Raises:
        NotFoundError: there is no such person.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise NotFoundError(f"there is no person {person_id}")
    if person.qualified_at is None:
        person.qualified_at = now
        subject = f"person {person_id}"
        session.add(AuditEntry(at=now, person_id=by_person_id, what="qualify", subject=subject))


def _decide(session: Session, person_id: int, attempt: int, now: datetime) -> None:
    """Qualify somebody whose attempt is complete and passed."""
    results = session.execute(
        select(GoldFrame.x.is_not(None), QualificationAnswer.is_right)
        .join(GoldFrame, GoldFrame.frame_id == QualificationAnswer.frame_id)
        .where(
            QualificationAnswer.person_id == person_id,
            QualificationAnswer.attempt == attempt,
            GoldFrame.withdrawn_at.is_(None),
        )
    ).all()
    if len(results) == N_VISIBLE + N_NOT_VISIBLE and is_pass(
        (is_visible, is_right) for is_visible, is_right in results
    ):
        qualify(session, person_id=person_id, now=now, by_person_id=person_id)


def _known(session: Session) -> dict[int, _Known]:
    """Return the qualification frames in use."""
    rows = session.execute(
        select(
            GoldFrame.frame_id, GoldFrame.x, GoldFrame.y, GoldFrame.tolerance, GoldFrame.note
        ).where(IS_IN_USE)
    )
    return {
        frame_id: _Known(frame_id, point_of(x, y), tolerance, note)
        for frame_id, x, y, tolerance, note in rows
    }


def _answers(session: Session, person_id: int) -> list[_Said]:
    """Return a person's answers on frames in use, in the order they were given."""
    rows = session.execute(
        select(
            QualificationAnswer.attempt,
            QualificationAnswer.frame_id,
            QualificationAnswer.x,
            QualificationAnswer.y,
            QualificationAnswer.is_right,
            QualificationAnswer.distance,
            QualificationAnswer.created_at,
        )
        .join(GoldFrame, GoldFrame.frame_id == QualificationAnswer.frame_id)
        .where(QualificationAnswer.person_id == person_id, GoldFrame.withdrawn_at.is_(None))
        .order_by(QualificationAnswer.id)
    )
    return [_Said(*row) for row in rows]


def _is_before(said: _Said, moment: datetime | None) -> bool:
    return moment is not None and said.created_at < moment


def _attempt(answers: Sequence[_Said], n_before: int) -> tuple[int, datetime | None]:
    """Return the last attempt that was begun, and when it was complete, None while it is not."""
    if not answers or answers[-1].attempt <= n_before:
        return n_before + 1, None
    attempt = answers[-1].attempt
    here = [answer for answer in answers if answer.attempt == attempt]
    is_complete = len(here) >= N_VISIBLE + N_NOT_VISIBLE
    return attempt, here[-1].created_at if is_complete else None


def _question(session: Session, frame_id: int) -> Question:
    row = session.execute(
        select(
            Frame.id,
            Clip.video_id,
            Clip.action_id,
            Action.description,
            Frame.second,
            Frame.image_sha256,
            Video.width,
            Video.height,
        )
        .join(Clip, Clip.clip_id == Frame.clip_id)
        .join(Action, Action.action_id == Clip.action_id)
        .join(Video, Video.video_id == Clip.video_id)
        .where(Frame.id == frame_id)
    ).one()
    return Question(*row)


def _coordinates(point: Point | None) -> tuple[float | None, float | None]:
    return (point.x, point.y) if point else (None, None)
