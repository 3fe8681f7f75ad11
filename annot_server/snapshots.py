"""Every counted answer at one moment, written as a snapshot folder: the privacy line.

Answers that can still be undone are left out (R7), and so is all that has to do with gold frames:
their clips, and the videos and actions of no other clip (R3). An annotator's pseudonym is an HMAC
under the server's secret over the snapshot's id and the person, so that two snapshots cannot be
joined by it and nobody without the secret can find a person again (R21).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from annot_server.database import Database
from annot_server.models import (
    ANSWER_IS_ACTIVE,
    ASSISTED,
    Action,
    Answer,
    AuditEntry,
    Clip,
    Frame,
    Snapshot,
    Video,
)
from dataset_builder import domain
from dataset_builder.errors import OutputError
from dataset_builder.geometry import Point
from dataset_builder.snapshot import AnswerRow, FrameRow, write_snapshot

PSEUDONYM_HEX = 32
IS_ORDINARY = Clip.is_gold.is_(False)
VIDEO_IDS, ACTION_IDS = (
    select(column).where(IS_ORDINARY) for column in (Clip.video_id, Clip.action_id)
)


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What a snapshot holds; `too_young` counts answers left out because they can be undone."""

    snapshot_id: str
    digest: str
    frames: int
    answers: int
    too_young: int


@dataclass(frozen=True, slots=True)
class _Content:
    videos: list[domain.Video]
    actions: list[domain.Action]
    clips: list[domain.Clip]
    frames: list[FrameRow]
    answers: list[AnswerRow]
    too_young: int


def export_snapshot(
    database: Database,
    out: Path,
    *,
    snapshot_id: str,
    key: bytes,
    now: datetime,
    undo_window_s: int,
    force: bool = False,
) -> SnapshotReport:
    """Write the snapshot folder and remember its digest.

    Args:
        database: read in one transaction.
        out: the folder to make.
        snapshot_id: names the snapshot and its pseudonyms; not used before.
        key: the server's secret for pseudonyms.
        now: answers younger than `undo_window_s` at this moment are left out.
        undo_window_s: seconds.
        force: replace `out`.

    Raises:
        OutputError: `out` exists and `force` is not set.
    """
    if out.exists() and not force:
        raise OutputError(f"{out}: exists already; choose another place or pass --force")
    with database.read() as session:
        content = _read(session, snapshot_id, key, now - timedelta(seconds=undo_window_s))
    digest = write_snapshot(
        out,
        snapshot_id=snapshot_id,
        videos=content.videos,
        actions=content.actions,
        clips=content.clips,
        frames=content.frames,
        answers=content.answers,
        force=force,
    )
    n_answers = len(content.answers)

    def record(session: Session) -> None:
        session.add(
            Snapshot(snapshot_id=snapshot_id, digest=digest, answers=n_answers, created_at=now)
        )
        session.add(AuditEntry(at=now, what="export_snapshot", subject=f"{snapshot_id} {digest}"))

    database.write(record)
    return SnapshotReport(snapshot_id, digest, len(content.frames), n_answers, content.too_young)


def pseudonym(key: bytes, snapshot_id: str, person_id: int) -> str:
    """Return the name under which a person's answers stand in one snapshot."""
    return hmac.new(key, f"{snapshot_id}/{person_id}".encode(), "sha256").hexdigest()[
        :PSEUDONYM_HEX
    ]


def _read(session: Session, snapshot_id: str, key: bytes, before: datetime) -> _Content:
    """Read everything in the session's one transaction."""
    sizes = {}
    videos = []
    for video in session.scalars(select(Video).where(Video.video_id.in_(VIDEO_IDS))):
        sizes[video.video_id] = video.width, video.height
        videos.append(
            domain.Video(video.video_id, video.width, video.height, video.duration_s, video.sha256)
        )
    clips = {
        clip.clip_id: clip for clip in map(_clip, session.scalars(select(Clip).where(IS_ORDINARY)))
    }
    answers = []
    too_young = 0
    for row in session.execute(
        select(Answer.person_id, Answer.x, Answer.y, Answer.ms_taken, Answer.arm)
        .add_columns(Answer.created_at, Frame.clip_id, Frame.second)
        .join(Frame, Frame.id == Answer.frame_id)
        .where(ANSWER_IS_ACTIVE)
    ):
        if row.created_at > before:
            too_young += 1
        else:
            answers.append(_answer(row, pseudonym(key, snapshot_id, row.person_id)))
    return _Content(
        videos=videos,
        actions=[
            domain.Action(action.action_id, action.description)
            for action in session.scalars(select(Action).where(Action.action_id.in_(ACTION_IDS)))
        ],
        clips=list(clips.values()),
        frames=[
            _frame(frame, *sizes[clips[frame.clip_id].video_id])
            for frame in session.scalars(select(Frame).join(Clip).where(IS_ORDINARY))
        ],
        answers=answers,
        too_young=too_young,
    )


def _clip(clip: Clip) -> domain.Clip:
    segment = domain.Segment(clip.start_s, clip.end_s)
    return domain.Clip(
        clip.clip_id, clip.video_id, clip.action_id, segment, clip.split, clip.is_benchmark
    )


def _frame(frame: Frame, width: int, height: int) -> FrameRow:
    return FrameRow(
        clip_id=frame.clip_id,
        second=frame.second,
        timestamp_s=frame.timestamp_s,
        image_sha256=frame.image_sha256,
        width=width,
        height=height,
        redundancy=frame.redundancy,
        is_middle_frame=frame.is_middle_frame,
    )


def _answer(row: Row[tuple[object, ...]], annotator_id: str) -> AnswerRow:
    return AnswerRow(
        clip_id=row.clip_id,
        second=row.second,
        annotator_id=annotator_id,
        point=None if row.x is None else Point(row.x, row.y),
        ms_taken=row.ms_taken,
        prelabel_shown=row.arm == ASSISTED,
    )
