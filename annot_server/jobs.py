"""Long work as rows in the database: asked for by a page, done by a worker, taken up again (R11).

A job is queued, running, then done or failed. Its worker gives a sign of life every few seconds;
a running job without one for `SILENT_S` belongs to a worker that died, and is taken again. Whoever
was taken for dead and is not finds out at the next sign: `started_at` names the claim.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from annot_server.models import AuditEntry, Job

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
SNAPSHOT, FIGURES = "snapshot", "figures"
SILENT_S = 30
"""Seconds without a sign of life after which a worker counts as dead."""
MAX_TRIES = 3
"""A job whose workers died this often is given up: it would go on killing them."""
MAX_MESSAGE = 400


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds; nobody else has its `started_at`."""

    job_id: int
    kind: str
    arguments: dict[str, Any]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as pages show it; `result` is what it made, None until it is done."""

    job_id: int
    kind: str
    state: str
    arguments: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None
    n_done: int
    n_total: int | None
    message: str | None
    result: dict[str, Any] | None


def enqueue(
    session: Session,
    kind: str,
    arguments: dict[str, Any],
    *,
    by_person_id: int | None,
    now: datetime,
) -> int:
    """Add a job to the queue and return its id."""
    job = Job(
        kind=kind,
        arguments=json.dumps(arguments),
        state=QUEUED,
        created_at=now,
        created_by=by_person_id,
    )
    session.add(job)
    session.flush()
    session.add(
        AuditEntry(at=now, person_id=by_person_id, what="ask_job", subject=f"{kind} {job.id}")
    )
    return job.id


def enqueue_again(session: Session, kind: str, *, now: datetime) -> None:
    """Let the one job of a kind be done again; what it made before stays until then."""
    waiting = session.scalar(
        select(Job.id).where(Job.kind == kind, Job.state.in_((QUEUED, RUNNING))).limit(1)
    )
    if waiting is not None:
        return
    newest = session.scalar(select(Job).where(Job.kind == kind).order_by(Job.id.desc()).limit(1))
    if newest is None:
        session.add(Job(kind=kind, arguments="{}", state=QUEUED, created_at=now))
    else:
        newest.state, newest.arguments, newest.created_at = QUEUED, "{}", now


def take_next(session: Session, *, now: datetime) -> Claim | None:
    """Claim the oldest job that waits or whose worker died, None where there is none.

    A job that was tried `MAX_TRIES` times is failed instead.
    """
    while True:
        job = session.scalar(
            select(Job)
            .where(_is_free(now))
            .order_by(Job.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if job is None:
            return None
        arguments = json.loads(job.arguments)
        tries = arguments.pop("tries", 0) + 1
        if tries > MAX_TRIES:
            job.state, job.finished_at = FAILED, now
            job.message = f"given up: its worker died {MAX_TRIES} times"
            continue
        job.arguments = json.dumps({**arguments, "tries": tries})
        job.state, job.started_at, job.worked_at = RUNNING, now, now
        job.n_done, job.n_total, job.message = 0, None, None
        return Claim(job.id, job.kind, arguments, now)


def has_work(session: Session, *, now: datetime) -> bool:
    """Say whether `take_next` would find something, without writing."""
    return session.scalar(select(Job.id).where(_is_free(now)).limit(1)) is not None


def _is_free(now: datetime) -> Any:
    silent = and_(Job.state == RUNNING, Job.worked_at < now - timedelta(seconds=SILENT_S))
    return or_(Job.state == QUEUED, silent)


def sign_of_life(session: Session, claim: Claim, *, now: datetime) -> bool:
    """Say that the worker lives; False where the job is no longer its own."""
    return _change(session, claim, worked_at=now)


def report_progress(
    session: Session, claim: Claim, *, n_done: int, n_total: int, message: str, now: datetime
) -> bool:
    """Keep how far a job is; False where the job is no longer the worker's."""
    message = message[:MAX_MESSAGE]
    return _change(session, claim, n_done=n_done, n_total=n_total, message=message, worked_at=now)


def finish(session: Session, claim: Claim, result: dict[str, Any], *, now: datetime) -> bool:
    """Keep what a job made; False where the job is no longer the worker's."""
    return _change(
        session,
        claim,
        state=DONE,
        finished_at=now,
        result=json.dumps(result),
        message=None,
        arguments=json.dumps(claim.arguments),
    )


def fail(session: Session, claim: Claim, message: str, *, now: datetime) -> bool:
    """Keep why a job failed; False where the job is no longer the worker's."""
    return _change(session, claim, state=FAILED, finished_at=now, message=message[:MAX_MESSAGE])


def put_back(session: Session, claim: Claim) -> bool:
    """Queue a job again whose worker was told to stop; False where it is not the worker's."""
    return _change(session, claim, state=QUEUED, arguments=json.dumps(claim.arguments))


def _change(session: Session, claim: Claim, **values: Any) -> bool:
    changed = session.execute(
        update(Job)
        .where(Job.id == claim.job_id, Job.state == RUNNING, Job.started_at == claim.started_at)
        .values(**values)
        .returning(Job.id)
    ).first()
    return changed is not None


def jobs_of(session: Session, kind: str, *, limit: int = 20) -> list[JobView]:
    """Return the newest jobs of a kind, the newest first."""
    rows = session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id.desc()).limit(limit))
    return [_view(job) for job in rows]


def _view(job: Job) -> JobView:
    arguments = json.loads(job.arguments)
    arguments.pop("tries", None)
    return JobView(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        arguments=arguments,
        created_at=job.created_at,
        finished_at=job.finished_at,
        n_done=job.n_done,
        n_total=job.n_total,
        message=job.message,
        result=json.loads(job.result) if job.result else None,
    )
