"""Source videos after their import: where each file is, and who may watch it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from annot_server.errors import NotFoundError
from annot_server.models import Clip, Frame, Lease, LeaseFrame, Video
from dataset_builder.playback import browser_mime


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as an import meets it; `mime` is None where browsers do not play it as it is."""

    path: Path
    mime: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """A source video as it was imported; `path` is None where the import did not note it."""

    video_id: str
    path: Path | None
    sha256: str
    mime: str | None


def source_file(path: Path) -> SourceFile:
    """Return what is noted of a video's file.

    Raises:
        VideoError: the file cannot be read as a video.
    """
    return SourceFile(path.resolve(), browser_mime(path))


def note_source_file(session: Session, video_id: str, file: SourceFile) -> None:
    """Remember where a stored video's file is: a later import of a moved file mends the path."""
    video = session.get_one(Video, video_id)
    video.source_path, video.mime = str(file.path), file.mime


def source_of_frame(
    session: Session, frame_id: int, leased_to: int | None = None
) -> tuple[Source, int]:
    """Return a frame's source video and second.

    Args:
        session: reads.
        frame_id: the frame.
        leased_to: only a frame that was once handed out to this person; None: any.

    Raises:
        NotFoundError: there is no such frame, or it was never theirs.
    """
    wanted = select(Video, Frame.second).select_from(Frame).where(Frame.id == frame_id)
    row = session.execute(_of_person(wanted, leased_to)).first()
    if row is None:
        raise NotFoundError(f"there is no frame {frame_id} for you", frame_id)
    return _source(row), row.second


def source_of_video(session: Session, video_id: str, leased_to: int | None = None) -> Source:
    """Return a source video.

    Args:
        session: reads.
        video_id: the video.
        leased_to: only a video of which a frame was once handed out to this person; None: any.

    Raises:
        NotFoundError: there is no such video, or no frame of it was ever theirs.
    """
    if leased_to is None:
        row = session.execute(select(Video).where(Video.video_id == video_id)).first()
    else:
        wanted = select(Video).select_from(Frame).where(Clip.video_id == video_id)
        row = session.execute(_of_person(wanted, leased_to)).first()
    if row is None:
        raise NotFoundError(f"there is no video {video_id!r} for you")
    return _source(row)


def _of_person(wanted: Any, person_id: int | None) -> Any:
    wanted = wanted.join(Clip, Clip.clip_id == Frame.clip_id)
    wanted = wanted.join(Video, Video.video_id == Clip.video_id)
    if person_id is None:
        return wanted
    return (
        wanted.join(LeaseFrame, LeaseFrame.frame_id == Frame.id)
        .join(Lease, Lease.id == LeaseFrame.lease_id)
        .where(Lease.person_id == person_id)
        .limit(1)
    )


def _source(row: Row[Any]) -> Source:
    video: Video = row[0]
    path = None if video.source_path is None else Path(video.source_path)
    return Source(video.video_id, path, video.sha256, video.mime)
