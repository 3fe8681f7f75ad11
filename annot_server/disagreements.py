"""The queue of frames that a reviewer should look at, those first on which people agree least.

A complete frame needs a look where people differ on whether there is anything (split), or where a
click lies outside the largest group of close clicks (scattered). All others are of one mind: as
many close clicks as answers, so at least as many as were asked for, or "not visible" by everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import Session

from annot_server.errors import NotFoundError
from annot_server.leases import lock_frames
from annot_server.models import ANSWER_IS_ACTIVE, Action, Answer, AuditEntry, Clip, Frame, Video
from dataset_builder.geometry import Point

TO_LOOK_AT, SPLIT, SCATTERED, ALL, SETTLED = "", "split", "scattered", "all", "settled"
KINDS = {
    TO_LOOK_AT: "To look at",
    SPLIT: "Visible or not",
    SCATTERED: "Scattered clicks",
    ALL: "All",
    SETTLED: "Left as they are",
}

IS_SPLIT = and_(Frame.n_clicks > 0, Frame.n_not_visible > 0)
IS_SCATTERED = Frame.n_close < Frame.n_clicks
IS_OF_KIND: dict[str, ColumnElement[bool]] = {
    # The conditions of the index `ix_frames_to_review`, so that it is used.
    kind: and_(Frame.disagreement.is_not(None), Frame.settled_at.is_(None), *more)
    for kind, more in {
        TO_LOOK_AT: [or_(IS_SPLIT, IS_SCATTERED)],
        SPLIT: [IS_SPLIT],
        SCATTERED: [IS_SCATTERED],
        ALL: [],
    }.items()
} | {SETTLED: and_(Frame.disagreement.is_not(None), Frame.settled_at.is_not(None))}


@dataclass(frozen=True, slots=True)
class QueuedFrame:
    """A frame with its disagreement, and where people clicked."""

    frame_id: int
    clip_id: str
    second: int
    image_sha256: str
    width: int
    height: int
    description: str
    video_id: str
    redundancy: int
    n_clicks: int
    n_not_visible: int
    n_close: int
    pairwise_distance: float | None
    disagreement: float
    settled_at: datetime | None
    clicks: tuple[Point, ...]


def read_queue(
    session: Session, *, kind: str = TO_LOOK_AT, words: str = "", page: int = 1, size: int = 24
) -> tuple[list[QueuedFrame], dict[str, int]]:
    """Return one page of the queue, and how many frames there are of each of `KINDS`.

    Args:
        session: reads.
        kind: one of `KINDS`; settled frames are in the queue of their own only.
        words: each must be in the action's phrase, its id, or the id of the video or the clip.
        page: from 1.
        size: frames a page.
    """
    fits = and_(true(), *_conditions(words))
    rows = session.execute(
        _joined(select(Frame, Clip.video_id, Action.description, Video.width, Video.height))
        .where(IS_OF_KIND[kind], fits)
        .order_by(Frame.disagreement.desc(), Frame.id)
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    numbers = session.execute(
        _joined(select(*(func.count().filter(IS_OF_KIND[name]) for name in KINDS))).where(
            Frame.disagreement.is_not(None), fits
        )
    ).one()
    clicks = _clicks(session, [row.Frame.id for row in rows])
    return [_queued(row, clicks) for row in rows], dict(zip(KINDS, numbers, strict=True))


def _conditions(words: str) -> list[ColumnElement[bool]]:
    text = func.lower(
        Action.description + " " + Clip.action_id + " " + Clip.video_id + " " + Clip.clip_id
    )
    return [text.contains(word.lower(), autoescape=True) for word in words.split()]


def _joined(query: Any) -> Select[Any]:
    joined: Select[Any] = (
        query.select_from(Frame)
        .join(Clip, and_(Clip.clip_id == Frame.clip_id, Clip.is_gold.is_(False)))
        .join(Action, Action.action_id == Clip.action_id)
        .join(Video, Video.video_id == Clip.video_id)
    )
    return joined


def _clicks(session: Session, frame_ids: Sequence[int]) -> dict[int, list[Point]]:
    found: dict[int, list[Point]] = {}
    for frame_id, x, y in session.execute(
        select(Answer.frame_id, Answer.x, Answer.y).where(
            Answer.frame_id.in_(frame_ids), Answer.x.is_not(None), ANSWER_IS_ACTIVE
        )
    ):
        if x is not None and y is not None:
            found.setdefault(frame_id, []).append(Point(x, y))
    return found


def _queued(row: Any, clicks: dict[int, list[Point]]) -> QueuedFrame:
    frame = row.Frame
    return QueuedFrame(
        frame_id=frame.id,
        clip_id=frame.clip_id,
        second=frame.second,
        image_sha256=frame.image_sha256,
        width=row.width,
        height=row.height,
        description=row.description,
        video_id=row.video_id,
        redundancy=frame.redundancy,
        n_clicks=frame.n_clicks or 0,
        n_not_visible=frame.n_not_visible or 0,
        n_close=frame.n_close or 0,
        pairwise_distance=frame.pairwise_distance,
        disagreement=frame.disagreement,
        settled_at=frame.settled_at,
        clicks=tuple(clicks.get(frame.id, ())),
    )


def unsettle(session: Session, *, frame_id: int, by_person_id: int | None, now: datetime) -> None:
    """Take back that a frame's disagreement may stay; nothing changes where nobody said so.

    Raises:
        NotFoundError: there is no such frame.
    """
    lock_frames(session, [frame_id])
    frame = session.get(Frame, frame_id, populate_existing=True)
    if frame is None:
        raise NotFoundError(f"there is no frame {frame_id}", frame_id)
    if frame.settled_at is not None:
        frame.settled_at = None
        session.add(
            AuditEntry(at=now, person_id=by_person_id, what="unsettle", subject=f"frame {frame_id}")
        )
