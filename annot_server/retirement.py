"""A frame retires with its last answer, and opens again when one of its answers stops counting."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BindParameter, bindparam, update
from sqlalchemy.orm import Session

from annot_server.database import core
from annot_server.models import ENOUGH_ANSWERS, Frame

FRAME_ID: BindParameter[int] = bindparam("retiring_frame_id")
RETIRE = (
    update(Frame)
    .where(Frame.id == FRAME_ID)
    .values(retired_at=bindparam("now"), retired_reason=ENOUGH_ANSWERS)
)
REOPEN = (
    update(Frame)
    .where(Frame.id == FRAME_ID, Frame.retired_reason == ENOUGH_ANSWERS)
    .values(retired_at=None, retired_reason=None)
)


def is_full(n_active: int, redundancy: int) -> bool:
    """Say whether a frame has the answers it needs and is retired."""
    return n_active >= redundancy


def retire(session: Session, frame_id: int, now: datetime) -> None:
    """Retire a locked frame that has all its answers."""
    core(session).execute(RETIRE, {"retiring_frame_id": frame_id, "now": now})


def reopen(session: Session, frame_id: int) -> None:
    """Open a locked frame that was retired for its answers; one retired otherwise stays so."""
    core(session).execute(REOPEN, {"retiring_frame_id": frame_id})
