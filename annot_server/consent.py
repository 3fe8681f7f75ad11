"""What people agreed to, and when.

The text stands in templates/consent_text.html. `VERSION` names its meaning: a change of it
shows the text to everybody again, and the audit log keeps who agreed to which version when.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from annot_server.models import AuditEntry, Person

VERSION = "2026-11"


def agree(session: Session, *, person_id: int, now: datetime) -> None:
    """Note that a person agreed to the text of today; a second time changes nothing."""
    person = session.get_one(Person, person_id)
    if person.consent_version == VERSION:
        return
    person.consented_at, person.consent_version = now, VERSION
    subject = f"text {VERSION}"
    session.add(AuditEntry(at=now, person_id=person_id, what="consent", subject=subject))
