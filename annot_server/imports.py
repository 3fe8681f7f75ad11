"""Clips and their videos into the database: what a maintainer brings to be annotated.

A bad row or video is reported with its file and line, and the rest goes in, one video a
transaction. What is there already stays as it is, so a corrected file can be imported again.

Frames get ids from one wide random range, in no order, so that a frame's id says nothing about when
it came in: gold frames, which come later, cannot be told by theirs (R3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from annot_server.config import Config, Home
from annot_server.database import Database
from annot_server.models import Action, AuditEntry, Clip, Frame, Slot, Video
from annot_server.places import check_hint_quota
from annot_server.quality.gold_clips import rename_gold_clip
from annot_server.sources import SourceFile, note_source_file, source_file
from dataset_builder import domain
from dataset_builder.domain import frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.frames import VideoFrames, cut_frames, find_videos, probe_video
from dataset_builder.importers.clip_csv import ClipRow, action_of, clip_of, read_clip_csv
from dataset_builder.video_readers import OUTSIDE_TOLERANCE_S

FRAME_IDS = (2**20, 2**31 - 1)
"""Above what the databases count up to by themselves, and within their integers."""
MAX_DESCRIPTION = 400
MAX_SPLIT = 60


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """What all clips of one import share.

    `hint_quota` is None for the default: none in a benchmark, else what the settings say.
    `is_partial` keeps what can be shown of clips that reach past their video's end, and of damaged
    videos.
    """

    split: str = "test"
    is_benchmark: bool = True
    hint_quota: int | None = None
    is_partial: bool = False


@dataclass(slots=True)
class ImportReport:
    """What an import did; `problems` holds one line for each row or video left out."""

    clips_added: int = 0
    clips_present: int = 0
    frames_added: int = 0
    problems: list[str] = field(default_factory=list)


def import_clips(
    database: Database,
    home: Home,
    config: Config,
    *,
    csv_path: Path,
    videos: Path,
    settings: ClipSettings,
    now: datetime,
    watch: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> ImportReport:
    """Cut the frames of a CSV file's clips and make them ready to be leased.

    Args:
        database: where they go.
        home: holds the frame store.
        config: redundancy and default hint quota.
        csv_path: `video_id,start_s,end_s,action`.
        videos: the folder with a file named after each video id.
        settings: what all clips share.
        now: for the audit log.
        watch: wraps the list of video ids, to show progress.

    Raises:
        InputError: the file or the folder cannot be read at all.
        ConfigError: the hint quota is not possible.
    """
    if not 0 < len(settings.split) <= MAX_SPLIT:
        raise InputError(f"split {settings.split!r} should have 1 to {MAX_SPLIT} characters")
    quota = hint_quota_for(config, settings)
    table = read_clip_csv(csv_path)
    report = ImportReport(problems=list(table.problems))
    files = find_videos(videos, report.problems.append)
    rows_of: dict[str, list[ClipRow]] = defaultdict(list)
    for row in table.rows:
        rows_of[row.video_id].append(row)
    for video_id in watch(list(rows_of)):
        rows = rows_of[video_id]
        try:
            if video_id not in files:
                raise InputError(f"video {video_id!r} is not in {videos}")
            fitting = _rows_that_fit(csv_path, rows, files[video_id], settings, report)
            if not fitting:
                continue
            n_clips, n_frames = database.write(
                partial(
                    store_clips,
                    cut=_cut(files[video_id], home.frame_store, video_id, fitting, settings),
                    rows=fitting,
                    settings=settings,
                    redundancy=config.redundancy,
                    hint_quota=quota,
                    source=source_file(files[video_id]),
                )
            )
            report.clips_added += n_clips
            report.clips_present += len(fitting) - n_clips
            report.frames_added += n_frames
        except InputError as error:
            report.problems.append(
                f"{csv_path}:{rows[0].line}: {error}; clips of this video left out: {len(rows)}"
            )
    subject = f"{csv_path.name}: {report.clips_added} clips, {report.frames_added} frames"
    database.write(
        lambda session: session.add(AuditEntry(at=now, what="import_clips", subject=subject))
    )
    return report


def hint_quota_for(config: Config, settings: ClipSettings) -> int:
    """Return how many answers of each frame may be assisted (R9)."""
    quota = settings.hint_quota
    if quota is None:
        quota = 0 if settings.is_benchmark else min(config.hint_quota, config.redundancy)
    return check_hint_quota(quota, config.redundancy, is_benchmark=settings.is_benchmark)


def store_clips(
    session: Session,
    cut: VideoFrames,
    rows: Sequence[ClipRow],
    settings: ClipSettings,
    *,
    redundancy: int,
    hint_quota: int,
    source: SourceFile | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[int, int]:
    """Add a video's clips that are not there yet, with their frames and slots.

    `rng` draws the frames' ids; the system's own chance does where it is None.

    Returns:
        How many clips and how many frames were added.

    Raises:
        InputError: the video is there already, from another source file.
    """
    add_video(session, cut)
    if source is not None:
        note_source_file(session, cut.video.video_id, source)
    rng = rng or np.random.default_rng()
    frames: list[Frame] = []
    n_clips = 0
    for row in rows:
        clip = clip_of(row, settings.split, settings.is_benchmark)
        stored = session.get(Clip, clip.clip_id)
        if stored and not stored.is_gold:
            continue
        if stored:
            rename_gold_clip(session, stored, rng)
        add_action(session, action_of(row))
        session.add(
            Clip(
                clip_id=clip.clip_id,
                video_id=clip.video_id,
                action_id=clip.action_id,
                start_s=clip.segment.start_s,
                end_s=clip.segment.end_s,
                split=clip.split,
                is_benchmark=clip.is_benchmark,
            )
        )
        session.flush()
        frames += _frames_of(cut, row, clip.clip_id, redundancy, hint_quota)
        n_clips += 1
    add_frames(session, frames, rng)
    if frames:
        session.execute(
            insert(Slot),
            [{"frame_id": frame.id, "k": k} for frame in frames for k in range(frame.redundancy)],
        )
    return n_clips, len(frames)


def add_video(session: Session, cut: VideoFrames) -> None:
    """Add a cut video that is not there yet.

    Raises:
        InputError: it is there, from another source file.
    """
    stored = session.get(Video, cut.video.video_id)
    if stored is None:
        session.add(
            Video(
                video_id=cut.video.video_id,
                width=cut.video.width,
                height=cut.video.height,
                duration_s=cut.video.duration_s,
                sha256=cut.video.sha256,
            )
        )
        session.flush()
    elif stored.sha256 != cut.video.sha256:
        raise InputError(
            f"video {cut.video.video_id!r} is here already from another file "
            f"(SHA-256 {stored.sha256[:12]}..., now {cut.video.sha256[:12]}...); "
            "give the new file another id"
        )


def add_action(session: Session, action: domain.Action) -> None:
    """Add an action that is not there yet."""
    if not session.get(Action, action.action_id):
        session.add(Action(action_id=action.action_id, description=action.description))


def add_frames(session: Session, frames: Sequence[Frame], rng: np.random.Generator) -> None:
    """Add frames under ids drawn at random; see the module."""
    ids: set[int] = set()
    while len(ids) < len(frames):
        drawn = {int(number) for number in rng.integers(*FRAME_IDS, size=len(frames) - len(ids))}
        ids |= drawn - set(session.scalars(select(Frame.id).where(Frame.id.in_(drawn))))
    # A set gives numbers back in an order of its own: nearly sorted.
    for frame, frame_id in zip(frames, rng.permutation(sorted(ids)), strict=True):
        frame.id = int(frame_id)
    session.add_all(frames)
    session.flush()


def _frames_of(
    cut: VideoFrames, row: ClipRow, clip_id: str, redundancy: int, hint_quota: int
) -> list[Frame]:
    seconds, is_middle_frame = frame_seconds(row.segment)
    shown = {frame.second: frame for frame in cut.frames}
    return [
        Frame(
            clip_id=clip_id,
            second=second,
            timestamp_s=shown[second].timestamp_s,
            image_sha256=shown[second].image_sha256,
            is_middle_frame=is_middle_frame,
            redundancy=redundancy,
            hint_quota=hint_quota,
        )
        for second in seconds
        if second in shown
    ]


def _rows_that_fit(
    csv_path: Path,
    rows: Sequence[ClipRow],
    path: Path,
    settings: ClipSettings,
    report: ImportReport,
) -> list[ClipRow]:
    """Return the rows whose seconds the video shows; report the others."""
    duration_s = probe_video(path).duration_s
    good = []
    for row in rows:
        seconds, _ = frame_seconds(row.segment)
        needed = min(seconds) if settings.is_partial else max(seconds)
        if len(row.description) > MAX_DESCRIPTION:
            problem = f"the action has {len(row.description)} characters, {MAX_DESCRIPTION} fit"
        elif needed > duration_s + OUTSIDE_TOLERANCE_S:
            problem = (
                f"the clip needs second {needed}, but {path.name} ends at {duration_s:.2f} s; "
                "correct the row, or keep what can be shown with --partial"
            )
        else:
            good.append(row)
            continue
        report.problems.append(f"{csv_path}:{row.line}: {problem}")
    return good


def _cut(
    path: Path, store: Path, video_id: str, rows: Sequence[ClipRow], settings: ClipSettings
) -> VideoFrames:
    seconds = {second for row in rows for second in frame_seconds(row.segment)[0]}
    return cut_frames(path, store, video_id, sorted(seconds), partial=settings.is_partial)
