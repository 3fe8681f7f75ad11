"""Known answers into the database, as short gold clips, and out of use again.

Consecutive seconds of one video and action form one gold clip of a few frames. Its frames are cut
as any clip's are and have no slots: nothing that counts answers finds them (R3). A known answer is
never changed, since people were judged by it: it is withdrawn, and another one brought in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annot_server.config import Config, Home
from annot_server.database import Database
from annot_server.imports import MAX_DESCRIPTION, add_action, add_frames, add_video
from annot_server.models import AuditEntry, Clip, Frame, GoldFrame
from annot_server.quality.gold_clips import draw_segment
from annot_server.quality.gold_csv import GoldRow, read_gold_csv
from annot_server.sources import SourceFile, note_source_file, source_file
from dataset_builder.domain import Action, action_id_for
from dataset_builder.errors import InputError
from dataset_builder.frames import VideoFrames, cut_frames, find_videos, probe_video
from dataset_builder.video_readers import OUTSIDE_TOLERANCE_S

GOLD_SPLIT = "gold"
MAX_CLIP_FRAMES = 3
"""Longer runs of seconds become several clips: gold frames come a few at a time."""


@dataclass(slots=True)
class GoldReport:
    """What an import did; `problems` holds one line for each row or video left out."""

    clips_added: int = 0
    frames_added: int = 0
    frames_present: int = 0
    problems: list[str] = field(default_factory=list)


def import_gold(
    database: Database,
    home: Home,
    config: Config,
    *,
    csv_path: Path,
    videos: Path,
    purpose: str,
    now: datetime,
    rng: np.random.Generator,
    watch: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> GoldReport:
    """Cut the frames of a CSV file's known answers and store the answers.

    Args:
        database: where they go.
        home: holds the frame store.
        config: the tolerance that the new answers get.
        csv_path: see `gold_csv`.
        videos: the folder with a file named after each video id.
        purpose: "hidden" or "qualification".
        now: when they come in.
        rng: draws ids.
        watch: wraps the list of video ids, to show progress.

    Raises:
        InputError: the file or the folder cannot be read at all.
    """
    rows, problems = read_gold_csv(csv_path)
    report = GoldReport(problems=list(problems))
    files = find_videos(videos, report.problems.append)
    rows_of: dict[str, list[GoldRow]] = defaultdict(list)
    for row in rows:
        rows_of[row.video_id].append(row)
    for video_id in watch(list(rows_of)):
        rows_here = rows_of[video_id]
        try:
            if video_id not in files:
                raise InputError(f"video {video_id!r} is not in {videos}")
            fitting = _rows_that_fit(csv_path, rows_here, files[video_id], report)
            with database.read() as session:
                fresh = _fresh_rows(session, csv_path, fitting, purpose, report)
            if not fresh:
                continue
            seconds = sorted({row.second for row in fresh})
            cut = cut_frames(files[video_id], home.frame_store, video_id, seconds, partial=False)
            report.clips_added += database.write(
                partial(
                    _store,
                    cut=cut,
                    rows=fresh,
                    purpose=purpose,
                    tolerance=config.gold_tolerance,
                    source=source_file(files[video_id]),
                    now=now,
                    rng=rng,
                )
            )
            report.frames_added += len(fresh)
        except InputError as error:
            report.problems.append(
                f"{csv_path}:{rows_here[0].line}: {error}; "
                f"known answers of this video left out: {len(rows_here)}"
            )
    subject = f"{csv_path.name}: {report.frames_added} frames for {purpose}"
    database.write(
        lambda session: session.add(AuditEntry(at=now, what="import_gold", subject=subject))
    )
    return report


def withdraw_gold(
    session: Session,
    *,
    video_id: str,
    action: str | None,
    second: int | None,
    now: datetime,
    by_person_id: int | None = None,
) -> int:
    """Take known answers out of use; what people answered there no longer counts in their score.

    Args:
        session: of a write.
        video_id: the video.
        action: the phrase or id of an action; None for every action.
        second: None for every second.
        now: when.
        by_person_id: who did it; None for the command line.

    Returns:
        How many were in use until now.
    """
    wanted = select(Frame.id).join(Clip).where(Clip.is_gold, Clip.video_id == video_id)
    if action is not None:
        wanted = wanted.where(Clip.action_id == action_id_for(action))
    if second is not None:
        wanted = wanted.where(Frame.second == second)
    withdrawn = session.scalars(
        update(GoldFrame)
        .where(GoldFrame.frame_id.in_(wanted), GoldFrame.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
        .returning(GoldFrame.frame_id)
        .execution_options(synchronize_session=False)
    ).all()
    parts = [video_id, action or "every action", "every second" if second is None else str(second)]
    subject = f"{', '.join(parts)}: {len(withdrawn)} frames"
    session.add(AuditEntry(at=now, person_id=by_person_id, what="withdraw_gold", subject=subject))
    return len(withdrawn)


def _rows_that_fit(
    csv_path: Path, rows: Sequence[GoldRow], path: Path, report: GoldReport
) -> list[GoldRow]:
    """Return the rows whose second the video shows; report the others."""
    duration_s = probe_video(path).duration_s
    good = []
    for row in rows:
        if len(row.description) > MAX_DESCRIPTION:
            problem = f"the action has {len(row.description)} characters, {MAX_DESCRIPTION} fit"
        elif row.second > duration_s + OUTSIDE_TOLERANCE_S:
            problem = f"there is no second {row.second}: {path.name} ends at {duration_s:.2f} s"
        else:
            good.append(row)
            continue
        report.problems.append(f"{csv_path}:{row.line}: {problem}")
    return good


def _fresh_rows(
    session: Session, csv_path: Path, rows: Sequence[GoldRow], purpose: str, report: GoldReport
) -> list[GoldRow]:
    """Return the rows of one video that are not here yet; count or report the others."""
    stored = {
        (row.action_id, row.second): row
        for row in session.execute(
            select(Clip.action_id, Frame.second, GoldFrame.purpose, GoldFrame.x, GoldFrame.y)
            .join(Frame, Frame.clip_id == Clip.clip_id)
            .join(GoldFrame, GoldFrame.frame_id == Frame.id)
            .where(
                Clip.video_id.in_({row.video_id for row in rows}), GoldFrame.withdrawn_at.is_(None)
            )
        )
    }
    fresh = []
    for row in rows:
        before = stored.get((action_id_for(row.description), row.second))
        if before is None:
            fresh.append(row)
        elif (before.purpose, before.x, before.y) == (purpose, *_coordinates(row)):
            report.frames_present += 1
        else:
            report.problems.append(
                f"{csv_path}:{row.line}: this frame has a known answer already, another one or for "
                f"another purpose ({before.purpose}); withdraw it first with `annot-server "
                f"withdraw-gold {row.video_id} --second {row.second}`"
            )
    return fresh


def _store(
    session: Session,
    cut: VideoFrames,
    rows: Sequence[GoldRow],
    *,
    purpose: str,
    tolerance: float,
    source: SourceFile,
    now: datetime,
    rng: np.random.Generator,
) -> int:
    """Add one video's gold clips with their frames and known answers; return how many clips."""
    add_video(session, cut)
    note_source_file(session, cut.video.video_id, source)
    runs = runs_of(rows)
    shown = {frame.second: frame for frame in cut.frames}
    for run in runs:
        action = Action(action_id_for(run[0].description), run[0].description)
        add_action(session, action)
        clip_id, segment = draw_segment(
            session,
            video_id=cut.video.video_id,
            action_id=action.action_id,
            first=run[0].second,
            last=run[-1].second,
            rng=rng,
        )
        session.add(
            Clip(
                clip_id=clip_id,
                video_id=cut.video.video_id,
                action_id=action.action_id,
                start_s=segment.start_s,
                end_s=segment.end_s,
                split=GOLD_SPLIT,
                is_benchmark=False,
                is_gold=True,
            )
        )
        session.flush()
        frames = [
            Frame(
                clip_id=clip_id,
                second=row.second,
                timestamp_s=shown[row.second].timestamp_s,
                image_sha256=shown[row.second].image_sha256,
                is_middle_frame=False,
                redundancy=1,
                hint_quota=0,
            )
            for row in run
        ]
        add_frames(session, frames, rng)
        for row, frame in zip(run, frames, strict=True):
            x, y = _coordinates(row)
            session.add(
                GoldFrame(
                    frame_id=frame.id,
                    purpose=purpose,
                    x=x,
                    y=y,
                    tolerance=tolerance,
                    note=row.note,
                    created_at=now,
                )
            )
    session.flush()
    return len(runs)


def runs_of(rows: Sequence[GoldRow]) -> list[list[GoldRow]]:
    """Return the rows of one video as runs of consecutive seconds of one action, each a clip."""
    if not rows:
        return []
    ordered = sorted(rows, key=lambda row: (action_id_for(row.description), row.second))
    runs = [[ordered[0]]]
    for before, row in pairwise(ordered):
        is_next = row.subject[:2] == before.subject[:2] and row.second == before.second + 1
        if is_next and len(runs[-1]) < MAX_CLIP_FRAMES:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _coordinates(row: GoldRow) -> tuple[float | None, float | None]:
    return (row.point.x, row.point.y) if row.point else (None, None)
