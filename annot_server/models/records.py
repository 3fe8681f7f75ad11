"""What the server remembers of its own doing: snapshots, jobs, and who changed what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from annot_server.models.base import Base, one_of

JOB_STATES = ("queued", "running", "done", "failed")


class Snapshot(Base):
    """A snapshot that was exported, and the digest of its folder."""

    __tablename__ = "snapshots"

    snapshot_id: Mapped[str] = mapped_column(String(60), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    answers: Mapped[int]
    created_at: Mapped[datetime]


class AuditEntry(Base):
    """Who changed what, when; `person_id` is empty for the command line."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    what: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(Text)


class Job(Base):
    """Long work started from a page, done by `annot-server work` (R11).

    `arguments` and `result` are JSON objects; `worked_at` is the worker's last sign of life.
    """

    __tablename__ = "jobs"
    __table_args__ = (one_of("state", JOB_STATES), Index(None, "state", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    arguments: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    started_at: Mapped[datetime | None]
    worked_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    n_done: Mapped[int] = mapped_column(default=0)
    n_total: Mapped[int | None]
    message: Mapped[str | None] = mapped_column(String(400))
    result: Mapped[str | None] = mapped_column(Text)
