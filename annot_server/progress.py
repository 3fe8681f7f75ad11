"""How far the work is: frames, retired frames and answers, in all and by video, action and clip.

Gold clips are no work to be done and are left out. One look at all frames, grouped by clip, gives
everything; the active answers of a retired frame stand in its own columns, those of open frames
are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annot_server.models import ANSWER_IS_ACTIVE, Action, Answer, Clip, Frame


@dataclass(frozen=True, slots=True)
class VideoProgress:
    """How far one video is."""

    video_id: str
    frames: int
    retired: int
    answers: int


@dataclass(frozen=True, slots=True)
class ActionProgress:
    """How far one action is."""

    action_id: str
    description: str
    frames: int
    retired: int
    answers: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is; `answers_wanted` is what all frames need together."""

    frames: int
    retired: int
    answers_active: int
    answers_wanted: int
    by_video: tuple[VideoProgress, ...]
    by_action: tuple[ActionProgress, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ClipProgress:
    """How far one clip is, and how much its retired frames disagree.

    `not_visible` is the share of its answers that are no click, `disagreement` the mean of its
    retired frames', `worst` the highest; None where no frame is retired.
    """

    clip_id: str
    video_id: str
    action_id: str
    description: str
    start_s: float
    end_s: float
    split: str
    first_second: int
    frames: int
    retired: int
    answers: int
    wanted: int
    not_visible: float | None
    disagreement: float | None
    worst: float | None


def read_progress(session: Session) -> Progress:
    """Count everything at one moment."""
    return progress_of(read_clips(session))


def progress_of(clips: list[ClipProgress]) -> Progress:
    """Sum up what `read_clips` found."""
    described = {clip.action_id: clip.description for clip in clips}
    return Progress(
        frames=sum(clip.frames for clip in clips),
        retired=sum(clip.retired for clip in clips),
        answers_active=sum(clip.answers for clip in clips),
        answers_wanted=sum(clip.wanted for clip in clips),
        by_video=tuple(
            VideoProgress(key, *counts)
            for key, counts in sorted(_sums(clips, lambda clip: clip.video_id).items())
        ),
        by_action=tuple(
            ActionProgress(key, described[key], *counts)
            for key, counts in sorted(_sums(clips, lambda clip: clip.action_id).items())
        ),
    )


def read_clips(session: Session) -> list[ClipProgress]:
    """Count the frames and answers of every clip that has frames, in the order of their ids."""
    given = Frame.n_clicks + Frame.n_not_visible
    per_clip = (
        select(
            Frame.clip_id,
            func.min(Frame.second).label("first_second"),
            func.count().label("frames"),
            func.count(Frame.retired_at).label("retired"),
            func.sum(Frame.redundancy).label("wanted"),
            func.coalesce(func.sum(given), 0).label("given"),
            func.sum(Frame.n_not_visible).label("hidden"),
            func.avg(Frame.disagreement).label("disagreement"),
            func.max(Frame.disagreement).label("worst"),
        )
        .group_by(Frame.clip_id)
        .subquery()
    )
    rows = session.execute(
        select(Clip.clip_id, Clip.video_id, Clip.action_id, Action.description)
        .add_columns(Clip.start_s, Clip.end_s, Clip.split, *list(per_clip.c)[1:])
        .join(per_clip, per_clip.c.clip_id == Clip.clip_id)
        .join(Action, Action.action_id == Clip.action_id)
        .where(Clip.is_gold.is_(False))
        .order_by(Clip.clip_id)
    ).all()
    uncounted = _answers_without_columns(session)
    found = []
    for row in rows:
        *subject, wanted, given, hidden, disagreement, worst = row
        answers = int(given) + uncounted.get(row.clip_id, 0)
        not_visible = float(hidden) / float(given) if given else None
        counted = (answers, int(wanted), not_visible, disagreement, worst)
        found.append(ClipProgress(*(*subject, *counted)))
    return found


def _answers_without_columns(session: Session) -> dict[str, int]:
    """Return by clip the active answers of frames whose columns do not hold them: the open ones."""
    uncounted = select(Frame.id).where(Frame.n_clicks.is_(None))
    rows = session.execute(
        select(Frame.clip_id, func.count())
        .join(Answer, Answer.frame_id == Frame.id)
        .where(Answer.frame_id.in_(uncounted), ANSWER_IS_ACTIVE)
        .group_by(Frame.clip_id)
    )
    return {clip_id: n for clip_id, n in rows}


def _sums(
    clips: Iterable[ClipProgress], key: Callable[[ClipProgress], str]
) -> dict[str, tuple[int, int, int]]:
    """Return frames, retired frames and answers of each group of clips."""
    found: dict[str, list[int]] = {}
    for clip in clips:
        sums = found.setdefault(key(clip), [0, 0, 0])
        sums[0] += clip.frames
        sums[1] += clip.retired
        sums[2] += clip.answers
    return {group: (sums[0], sums[1], sums[2]) for group, sums in found.items()}
