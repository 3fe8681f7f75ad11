"""Who clicks, reviews and maintains, and how they get in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from annot_server.models.base import Base, one_of

ANNOTATOR, REVIEWER, MAINTAINER, MODEL = "annotator", "reviewer", "maintainer", "model"
ROLES = (ANNOTATOR, REVIEWER, MAINTAINER, MODEL)
"""A model is no person: it signs in with tokens only, to read frames and to bring prelabels."""
PANEL_ENDINGS = ("completed", "returned", "timed_out", "rejected")


class Person(Base):
    """Somebody who clicks, reviews or maintains; the name stays behind the snapshot's privacy line.

    A person is paused, not deleted: nothing is leased to them until somebody lets them go on. Who
    asks to be forgotten loses name, e-mail, panel id and every way in; the answers stay under the
    pseudonym (R13). Raising `session_version` signs the person out everywhere. Gold answers from
    before `judged_from` no longer count in the person's score.
    """

    __tablename__ = "people"
    __table_args__ = (
        one_of("role", ROLES),
        UniqueConstraint("panel", "panel_id"),
        CheckConstraint("(panel IS NULL) = (panel_id IS NULL)", name="panel_has_id"),
        CheckConstraint("(paused_at IS NULL) = (paused_reason IS NULL)", name="paused"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    consented_at: Mapped[datetime | None]
    consent_version: Mapped[str | None] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    panel: Mapped[str | None] = mapped_column(String(40))
    panel_id: Mapped[str | None] = mapped_column(String(200))
    session_version: Mapped[int] = mapped_column(default=0, server_default="0")
    introduced_at: Mapped[datetime | None]
    qualified_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(String(200))
    judged_from: Mapped[datetime | None]
    forgotten_at: Mapped[datetime | None]


class Invite(Base):
    """A one-time sign-in link for one person; only the token's hash is kept.

    `browser_sha256` is the mark of the browser that used it; see `repeats`.
    """

    __tablename__ = "invites"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    browser_sha256: Mapped[str | None] = mapped_column(String(64))


class PanelVisit(Base):
    """One submission of a crowd panel: somebody it sent here, and how that ended.

    `browser_sha256` is the mark of the browser that began it; see `repeats`.
    """

    __tablename__ = "panel_visits"
    __table_args__ = (
        UniqueConstraint("panel", "submission_id"),
        one_of("ended_as", PANEL_ENDINGS),
        CheckConstraint("(ended_at IS NULL) = (ended_as IS NULL)", name="ended"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    panel: Mapped[str] = mapped_column(String(40))
    study_id: Mapped[str] = mapped_column(String(200))
    submission_id: Mapped[str] = mapped_column(String(200))
    arrived_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[str | None] = mapped_column(String(20))
    browser_sha256: Mapped[str | None] = mapped_column(String(64))


class ApiToken(Base):
    """A way in for programs: named, limited to scopes, revocable; only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A failed sign-in, counted here so that every worker sees it (R11); `key` is a hash."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index(None, "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
