"""Answers that another project's file holds, and the snapshot that they make.

People's names stay behind: annotators are numbered in the order of their names. Answers go to every
clip of their video and action that holds their second.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dataset_builder import tables
from dataset_builder.domain import (
    DEFAULT_REDUNDANCY,
    Action,
    Clip,
    Video,
    action_id_for,
    frame_seconds,
)
from dataset_builder.errors import InputError
from dataset_builder.frames import VideoFrames, read_video_frames
from dataset_builder.geometry import Point
from dataset_builder.importers.clip_csv import read_clip_csv
from dataset_builder.importers.found_clips import FoundClip, FoundClips, refused_at
from dataset_builder.snapshot import AnswerRow, FrameRow, answer_row, write_snapshot


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """What one person says of one second: a click, or "not visible" where `point` is None.

    `size_px` is (width, height) of the picture that the person saw, where the file says it.
    """

    where: str
    video_id: str
    description: str
    second: int
    person: str
    point: Point | None
    prelabel_shown: bool = False
    size_px: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class FoundAnswers:
    """What was found: answers in the files' order, and one line of text for each refused one."""

    answers: tuple[FoundAnswer, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class SnapshotParts:
    """The tables of a snapshot in the making, and what could not go in."""

    videos: dict[str, Video] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    clips: dict[str, Clip] = field(default_factory=dict)
    frames: dict[tuple[str, int], FrameRow] = field(default_factory=dict)
    answers: dict[tuple[str, int, str], AnswerRow] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def snapshot_id(self) -> str:
        """A name that follows from the frames and answers alone."""
        answers = [answer_row(self.answers[key]) for key in sorted(self.answers)]
        text = tables.compact_json([sorted(self.frames), answers])
        return f"imported-{tables.sha256_bytes(text.encode())[:12]}"

    def write(self, path: Path, *, force: bool = False) -> str:
        """Write the snapshot folder and return its digest; errors as for `write_snapshot`."""
        return write_snapshot(
            path,
            snapshot_id=self.snapshot_id,
            videos=self.videos.values(),
            actions=self.actions.values(),
            clips=self.clips.values(),
            frames=self.frames.values(),
            answers=self.answers.values(),
            force=force,
        )


def clips_of_csv(path: Path) -> FoundClips:
    """Read a CSV file of clips, so that answers find their clips in it; see `read_clip_csv`."""
    table = read_clip_csv(path)
    clips = (
        FoundClip(f"{path}:{row.line}", row.video_id, row.segment, row.description)
        for row in table.rows
    )
    return FoundClips(tuple(clips), table.problems)


def snapshot_parts(
    clips: Iterable[FoundClip],
    answers: Sequence[FoundAnswer],
    store: Path,
    *,
    split: str,
    is_benchmark: bool,
) -> SnapshotParts:
    """Put clips, the pictures of their seconds and the answers to them together.

    Args:
        clips: what the answers are about; one that stands twice counts once.
        answers: what people said.
        store: the folder of `cut-frames`, which holds the clips' videos.
        split: the set that the clips belong to.
        is_benchmark: whether systems are scored on them.

    Returns:
        The tables. Left out, with a problem each, are clips whose video or seconds are not in the
        store, and answers outside every clip, of a turned picture, or second to the same person's.
    """
    parts = SnapshotParts()
    stored: dict[str, VideoFrames | None] = {}
    for clip in clips:
        if clip.video_id not in stored:
            stored[clip.video_id] = read_video_frames(store, clip.video_id)
        with refused_at(clip.where, parts.problems):
            cut = stored[clip.video_id]
            if cut is None:
                raise InputError(f"video {clip.video_id!r} is not in {store}; cut its frames first")
            _add_clip(parts, clip, cut, split, is_benchmark)
    holders: dict[tuple[str, str, int], list[FrameRow]] = defaultdict(list)
    for frame in parts.frames.values():
        clip_ = parts.clips[frame.clip_id]
        holders[clip_.video_id, clip_.action_id, frame.second].append(frame)
    people = sorted({answer.person for answer in answers})
    names = {person: f"annotator-{n}" for n, person in enumerate(people, start=1)}
    for answer in answers:
        with refused_at(answer.where, parts.problems):
            if stored.get(answer.video_id, ...) is None:
                raise InputError(f"video {answer.video_id!r} is not in {store}, as said above")
            _add_answer(parts, answer, names[answer.person], holders)
    for key, given in Counter(key[:2] for key in parts.answers).items():
        # Another program's people may be more than ours would have been asked.
        frame = parts.frames[key]
        parts.frames[key] = replace(frame, redundancy=max(frame.redundancy, given))
    return parts


def _add_clip(
    parts: SnapshotParts,
    found: FoundClip,
    cut: VideoFrames,
    split: str,
    is_benchmark: bool,
) -> None:
    shown = {frame.second: frame for frame in cut.frames}
    seconds, is_middle_frame = frame_seconds(found.segment)
    missing = [second for second in seconds if second not in shown]
    if missing:
        raise InputError(
            f"second {missing[0]} of the clip was not cut from video {found.video_id!r}; "
            "is the clip longer than the video?"
        )
    video, clip_id, action_id = cut.video, found.clip_id, action_id_for(found.description)
    parts.videos[video.video_id] = video
    parts.actions.setdefault(action_id, Action(action_id, found.description))
    parts.clips[clip_id] = Clip(
        clip_id, video.video_id, action_id, found.segment, split, is_benchmark
    )
    for second in seconds:
        parts.frames[clip_id, second] = FrameRow(
            clip_id,
            second,
            shown[second].timestamp_s,
            shown[second].image_sha256,
            video.width,
            video.height,
            DEFAULT_REDUNDANCY,
            is_middle_frame,
        )


def _add_answer(
    parts: SnapshotParts,
    found: FoundAnswer,
    annotator_id: str,
    holders: Mapping[tuple[str, str, int], Sequence[FrameRow]],
) -> None:
    action_id = action_id_for(found.description)
    frames = holders.get((found.video_id, action_id, found.second), ())
    if not frames:
        raise InputError(
            f"no clip of {found.description!r} in video {found.video_id!r} "
            f"holds second {found.second}"
        )
    for frame in frames:
        _refuse_turned(found, frame)
        key = (frame.clip_id, frame.second, annotator_id)
        if key in parts.answers:
            raise InputError(f"a second answer of this person to second {found.second}")
        parts.answers[key] = AnswerRow(*key, found.point, prelabel_shown=found.prelabel_shown)


def _refuse_turned(found: FoundAnswer, frame: FrameRow) -> None:
    if found.size_px is None:
        return
    width, height = found.size_px
    if (width - height) * (frame.width - frame.height) < 0:
        raise InputError(
            f"was given to a picture of {width}x{height} pixels, but the video is "
            f"{frame.width}x{frame.height}; was it turned?"
        )
