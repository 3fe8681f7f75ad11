"""How far the work is: frames, retired frames and answers, in all, by video and by action."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

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


def read_progress(session: Session) -> Progress:
    """Count everything at one moment."""
    frames, retired, wanted = session.execute(
        select(
            func.count(), func.count(Frame.retired_at), func.coalesce(func.sum(Frame.redundancy), 0)
        ).select_from(Frame)
    ).one()
    videos = _counts(session, Clip.video_id)
    actions = _counts(session, Clip.action_id)
    described = {action.action_id: action.description for action in session.scalars(select(Action))}
    return Progress(
        frames=frames,
        retired=retired,
        answers_active=sum(answers for _, _, answers in videos.values()),
        answers_wanted=int(wanted),
        by_video=tuple(VideoProgress(key, *counts) for key, counts in sorted(videos.items())),
        by_action=tuple(
            ActionProgress(key, described[key], *counts) for key, counts in sorted(actions.items())
        ),
    )


def _counts(session: Session, key: InstrumentedAttribute[str]) -> dict[str, tuple[int, int, int]]:
    """Return frames, retired frames and active answers of each group of clips."""
    frames = session.execute(
        select(key, func.count(), func.count(Frame.retired_at)).join(Frame).group_by(key)
    )
    answers = session.execute(
        select(key, func.count())
        .join(Frame, Frame.clip_id == Clip.clip_id)
        .join(Answer, Answer.frame_id == Frame.id)
        .where(ANSWER_IS_ACTIVE)
        .group_by(key)
    )
    n_answers = {group: n for group, n in answers}
    return {group: (n, retired, n_answers.get(group, 0)) for group, n, retired in frames}
