"""A frame retires with its last answer, and opens again when one of its answers stops counting.

What the answers agree on is written when a frame retires and emptied whenever it opens. Frames that
retired under the first schema, which had no room for it, get it with `annot-server upgrade`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, update
from sqlalchemy.orm import Session

from annot_server.agreement import summarise
from annot_server.database import Database, core
from annot_server.models import ANSWER_IS_ACTIVE, ENOUGH_ANSWERS, Answer, Clip, Frame, Video
from dataset_builder.geometry import Point

FRAME_ID: BindParameter[int] = bindparam("retiring_frame_id")
SAID = select(Answer.x, Answer.y).where(Answer.frame_id == FRAME_ID, ANSWER_IS_ACTIVE)
AGREEMENT = ("n_clicks", "n_not_visible", "n_close", "pairwise_distance", "disagreement")
NEW_AGREEMENT: dict[str, Any] = {name: bindparam(f"new_{name}") for name in AGREEMENT}
RETIRE = (
    update(Frame)
    .where(Frame.id == FRAME_ID)
    .values(retired_at=bindparam("now"), retired_reason=ENOUGH_ANSWERS, **NEW_AGREEMENT)
)
SUMMARISE = update(Frame).where(Frame.id == FRAME_ID).values(**NEW_AGREEMENT)
FRAMES_A_WRITE = 500
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
    core(session).execute(RETIRE, {"now": now, **_agreement(session, frame_id, width, height)})


def reopen(session: Session, frame_id: int) -> bool:
    """Open a locked frame that was retired for its answers; one retired otherwise stays so."""
    return core(session).execute(REOPEN, {"retiring_frame_id": frame_id}).rowcount > 0


def summarise_retired(database: Database) -> int:
    """Keep what the answers agree on for frames that retired before that was kept; return how many.

    It comes in short transactions: one that is cut off goes on where it was.
    """
    n_done = 0
    while n_some := database.write(_summarise_some):
        n_done += n_some
    return n_done


def _summarise_some(session: Session) -> int:
    frames = session.execute(
        select(Frame.id, Video.width, Video.height)
        .join(Clip, Clip.clip_id == Frame.clip_id)
        .join(Video, Video.video_id == Clip.video_id)
        .where(Frame.retired_reason == ENOUGH_ANSWERS, Frame.disagreement.is_(None))
        .order_by(Frame.id)
        .limit(FRAMES_A_WRITE)
        .with_for_update(of=Frame)
    ).all()
    for frame_id, width, height in frames:
        core(session).execute(SUMMARISE, _agreement(session, frame_id, width, height))
    return len(frames)


def _agreement(session: Session, frame_id: int, width: int, height: int) -> dict[str, Any]:
    """Return what a frame's answers agree on, as values for an update of it."""
    said = core(session).execute(SAID, {"retiring_frame_id": frame_id}).all()
    clicks = [Point(x, y) for x, y in said if x is not None and y is not None]
    found = summarise(clicks, len(said) - len(clicks), width, height)
    values = {f"new_{name}": getattr(found, name) for name in AGREEMENT}
    return {"retiring_frame_id": frame_id, **values}
