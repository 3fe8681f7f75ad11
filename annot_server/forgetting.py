"""Forgetting a person (R13): everything that names them goes, what they answered stays.

Answers, skips and their times stay under the person's number, which snapshots turn into a
pseudonym. Nothing that stays holds the name: reasons that did are rewritten too. Of the
ids that a crowd panel gave, keyed hashes stay, so that nobody answers the same frames twice by
being forgotten in between.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annot_server.accounts import end_sessions
from annot_server.models import ApiToken, AuditEntry, Invite, PanelVisit, Person, Skip
from annot_server.pauses import MAX_REASON, give_frames_back

SECRET_OF_TRACES = "forgotten"
HEADS = {
    "pause": re.compile(r"person \d+: "),
    "set_aside": re.compile(r"(?:person|answer) \d+: \d+ answers, \d+ frames opened: "),
}
"""The kinds of audit rows that end in what somebody wrote, and what stands before it."""


def forget(
    session: Session,
    *,
    person_id: int,
    secret: bytes,
    now: datetime,
    by_person_id: int | None = None,
) -> None:
    """Erase who a person is; a second time changes nothing.

    Their sessions, invites and tokens end, and the frames that they hold go to others.

    Args:
        session: a writing one.
        person_id: who.
        secret: `Home.key` of `SECRET_OF_TRACES`.
        now: the time.
        by_person_id: who decides it; None for the command line.
    """
    end_sessions(session, person_id)
    person = session.get_one(Person, person_id, populate_existing=True)
    if person.forgotten_at is not None:
        return
    names = [n for n in (person.name, person.email, person.panel_id) if n]
    person.name = f"forgotten-{secrets.token_hex(6)}"
    person.email = person.password_hash = None
    if person.panel is not None and person.panel_id is not None:
        person.panel_id = trace_of(secret, person.panel, person.panel_id)
    person.forgotten_at = now
    person.paused_at, person.paused_reason = person.paused_at or now, "forgotten"
    give_frames_back(session, person_id=person_id, now=now)
    _end_ways_in(session, person_id, secret, now)
    session.execute(update(Skip).where(Skip.person_id == person_id).values(comment=None))
    _clean_reasons(session, names, f"person {person_id}")
    subject = f"person {person_id}"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="forget", subject=subject))


def trace_of(secret: bytes, panel: str, panels_id: str) -> str:
    """Return what stays of a panel's id: it tells nothing, and no URL can say it (see `Panel`)."""
    return "forgotten:" + hmac.new(secret, f"{panel}:{panels_id}".encode(), "sha256").hexdigest()


def _end_ways_in(session: Session, person_id: int, secret: bytes, now: datetime) -> None:
    """Void invites, tokens and visits, whose keys become numbers that mean nothing."""
    for invite in session.scalars(select(Invite).where(Invite.person_id == person_id)):
        invite.token_sha256 = secrets.token_hex(32)
        invite.expires_at = min(invite.expires_at or now, now)
    for token in session.scalars(select(ApiToken).where(ApiToken.person_id == person_id)):
        token.token_sha256, token.name = secrets.token_hex(32), ""
        token.revoked_at = token.revoked_at or now
    for visit in session.scalars(select(PanelVisit).where(PanelVisit.person_id == person_id)):
        visit.submission_id = trace_of(secret, visit.panel, visit.submission_id)
        if visit.ended_at is None:
            visit.ended_at, visit.ended_as = now, "returned"


def _clean_reasons(session: Session, names: list[str], instead: str) -> None:
    """Put the person's number where a reason has a name, in whatever case, as a word of its own.

    Only what people wrote is looked at: the server's own words may be somebody's name.
    """
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    word = re.compile(rf"(?<!\w)['\"]?(?:{words})['\"]?(?!\w)", re.IGNORECASE)
    for row in session.scalars(select(AuditEntry).where(AuditEntry.what.in_(HEADS))):
        head = HEADS[row.what].match(row.subject)
        if head is not None:
            row.subject = head[0] + word.sub(instead, row.subject[head.end() :])
    for other in session.scalars(select(Person).where(Person.paused_reason.is_not(None))):
        cleaned = word.sub(instead, other.paused_reason or "")
        other.paused_reason = cleaned[:MAX_REASON]
