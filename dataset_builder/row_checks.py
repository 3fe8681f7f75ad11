"""What a row of a snapshot's or a release's tables must satisfy beyond the types of its columns.

Ids and digests end up in the names of files, texts in XML and Markdown, and sizes and times in
divisions: a row that cannot be is refused where it is read, by its file and its key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from dataset_builder import tables
from dataset_builder.domain import Action, Clip, Video, check_text, check_video_id, frame_seconds
from dataset_builder.errors import InputError

LONGEST_S = 10**7
"""A third of a year: what a video's times may reach, since tables are made second by second."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class OfFrame(Protocol):
    """A record of one frame."""

    @property
    def clip_id(self) -> str:
        """The clip that shows the frame."""

    @property
    def second(self) -> int:
        """Second of the video."""


class OfferedFrame(OfFrame, Protocol):
    """A frame of a snapshot or of a release."""

    @property
    def redundancy(self) -> int:
        """Answers asked for."""


def check_subjects(
    folder: Path, videos: Iterable[Video], actions: Iterable[Action], clips: Iterable[Clip]
) -> None:
    """Check videos, actions and clips, which snapshots and releases share.

    Raises:
        InputError: an id or digest that cannot be in a file's name, a text with a control
            character, a video without pixels, or a time beyond `LONGEST_S`.
    """
    for video in videos:
        where = f"{folder / 'data/videos.parquet'}: "
        _check_id(where, video.video_id)
        _check_sha256(f"{where}sha256 of video {video.video_id!r}", video.sha256)
        _check_size(f"{where}video {video.video_id!r}", video.width, video.height)
        _check_time(f"{where}duration of video {video.video_id!r}", video.duration_s)
    for action in actions:
        where = f"{folder / 'data/actions.parquet'}: "
        check_text(f"{where}action_id", action.action_id)
        check_text(f"{where}description of action {action.action_id!r}", action.description)
    for clip in clips:
        where = f"{folder / 'data/clips.parquet'}: "
        check_text(f"{where}clip_id", clip.clip_id)
        check_text(f"{where}split of clip {clip.clip_id!r}", clip.split)
        _check_time(f"{where}end of clip {clip.clip_id!r}", clip.segment.end_s)


def check_frame(row: tables.Row, path: Path, least_redundancy: int = 0) -> tables.Row:
    """Return a row of a frames table unchanged, or raise `InputError` where it cannot be.

    Args:
        row: its size, time, picture's digest and redundancy are looked at.
        path: the table, named in errors.
        least_redundancy: 0 in a release, whose boxes may have come without answers.
    """
    where = f"frame {row['clip_id']}/{row['second']}"
    _check_size(f"{path}: {where}", row["width"], row["height"])
    _check_time(f"{path}: timestamp_s of {where}", row["timestamp_s"])
    _check_sha256(f"{path}: image_sha256 of {where}", row["image_sha256"])
    if row["redundancy"] < least_redundancy:
        raise InputError(
            f"{path}: redundancy of {where} must be {least_redundancy} or more, got "
            f"{row['redundancy']}; state how many answers were asked for"
        )
    return row


def check_answer(row: tables.Row, path: Path) -> tables.Row:
    """Return a row of an answers table unchanged, or refuse "not visible" at some place."""
    if row["kind"] == "not_visible" and (row["x"], row["y"]) != (None, None):
        raise InputError(
            f"{path}: answer of {row['annotator_id']} on frame {row['clip_id']}/{row['second']}: "
            f"is not_visible, yet has x={row['x']} y={row['y']}; leave both empty, or say point"
        )
    return row


def shown_seconds(clips: Iterable[Clip]) -> dict[str, range]:
    """Return the seconds that each clip shows, by its id."""
    shown = ((clip.clip_id, frame_seconds(clip.segment)[0]) for clip in clips)
    return {clip_id: range(seconds[0], seconds[-1] + 1) for clip_id, seconds in shown}


def check_offers(
    folder: Path,
    shown: Mapping[str, range],
    frames: Iterable[OfferedFrame],
    answers: Iterable[OfFrame],
) -> None:
    """Check all frames of a folder with their answers, each as `check_offered`."""
    n_answers = Counter((answer.clip_id, answer.second) for answer in answers)
    for frame in frames:
        check_offered(folder, frame, shown, n_answers[frame.clip_id, frame.second])


def check_offered(
    folder: Path, frame: OfferedFrame, shown: Mapping[str, range], n_answers: int
) -> None:
    """Check that a frame's clip shows it, and that no more answers count than were asked for.

    Raises:
        InputError: it does not, or more do; the clip must be one of `shown`.
    """
    where = f"{folder / 'data/frames.parquet'}: frame {frame.clip_id}/{frame.second}"
    seconds = shown[frame.clip_id]
    if frame.second not in seconds:
        raise InputError(
            f"{where}: the clip shows the seconds {seconds[0]} to {seconds[-1]}; take the frame "
            "out, or mend the clip"
        )
    if n_answers > frame.redundancy:
        raise InputError(
            f"{where}: {n_answers} answers where redundancy asks for {frame.redundancy}; raise it, "
            "or take answers out"
        )


def _check_id(where: str, video_id: str) -> None:
    try:
        check_video_id(video_id)
    except InputError as error:
        raise InputError(f"{where}{error}") from error


def _check_sha256(what: str, digest: str) -> None:
    if digest and not _SHA256.fullmatch(digest):
        raise InputError(
            f"{what} must be 64 digits 0-9 a-f, or empty where it is not known, got {digest!r:.80}"
        )


def _check_size(what: str, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise InputError(
            f"{what}: width and height must be 1 or more pixels, got {width} and {height}; "
            "state those of the picture as displayed"
        )


def _check_time(what: str, time_s: float) -> None:
    if not 0 <= time_s <= LONGEST_S:  # NaN fails it too.
        raise InputError(f"{what} must lie within 0..{LONGEST_S} s, got {time_s:g}")
