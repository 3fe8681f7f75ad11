"""A frame retires with its last answer, and opens again when one of its answers stops counting.

What the answers agree on is written when a frame retires and emptied whenever it opens.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, update
from sqlalchemy.orm import Session

from annot_server.agreement import summarise
from annot_server.database import core
from annot_server.models import ANSWER_IS_ACTIVE, ENOUGH_ANSWERS, Answer, Frame
from dataset_builder.geometry import Point

FRAME_ID: BindParameter[int] = bindparam("retiring_frame_id")
SAID = select(Answer.x, Answer.y).where(Answer.frame_id == FRAME_ID, ANSWER_IS_ACTIVE)
AGREEMENT = ("n_clicks", "n_not_visible", "n_close", "pairwise_distance", "disagreement")
RETIRE = (
    update(Frame)
    .where(Frame.id == FRAME_ID)
    .values(
        retired_at=bindparam("now"),
        retired_reason=ENOUGH_ANSWERS,
        **{name: bindparam(f"new_{name}") for name in AGREEMENT},
    )
)
REOPENED: dict[str, Any] = dict.fromkeys(("retired_at", "retired_reason", "settled_at", *AGREEMENT))
REOPEN = (
    update(Frame)
    .where(Frame.id == FRAME_ID, Frame.retired_reason == ENOUGH_ANSWERS)
    .values(**REOPENED)
)


def is_full(n_active: int, redundancy: int) -> bool:
    """Say whether a frame has the answers it needs and is retired."""
    return n_active >= redundancy


def retire(session: Session, *, frame_id: int, width: int, height: int, now: datetime) -> None:
    """Retire a locked frame that has all its answers, and keep what they agree on.

    Args:
        session: one of `Database.write`.
        frame_id: which.
        width: of the displayed source video, in pixels.
        height: in pixels.
        now: when.
    """
    connection = core(session)
    said = connection.execute(SAID, {"retiring_frame_id": frame_id}).all()
    clicks = [Point(x, y) for x, y in said if x is not None and y is not None]
    found = summarise(clicks, len(said) - len(clicks), width, height)
    values = {f"new_{name}": getattr(found, name) for name in AGREEMENT}
    connection.execute(RETIRE, {"retiring_frame_id": frame_id, "now": now, **values})


def reopen(session: Session, frame_id: int) -> bool:
    """Open a locked frame that was retired for its answers; one retired otherwise stays so."""
    return core(session).execute(REOPEN, {"retiring_frame_id": frame_id}).rowcount > 0
