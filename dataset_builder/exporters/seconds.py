"""A release by the second of its videos, for formats that know a picture but no clip.

Two clips may share a second of a video. They are two frames of ours and one picture there, with
the boxes of both on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dataset_builder.domain import Clip
from dataset_builder.geometry import Box, Point
from dataset_builder.release import Consensus, Release
from dataset_builder.snapshot import answers_by_frame

NOT_VISIBLE = "not_visible"
"""Reason of a frame of which people say that its action cannot be seen there."""


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One frame with all that the release says of it.

    `box` is None where `consensus.reason` says why; `answers` are in the order of the annotators'
    ids, None for "not visible".
    """

    clip: Clip
    consensus: Consensus
    box: Box | None
    rule: str
    answers: tuple[Point | None, ...]

    @property
    def clicks(self) -> tuple[Point, ...]:
        """The answers that are points."""
        return tuple(point for point in self.answers if point is not None)


@dataclass(frozen=True, slots=True)
class VideoSecond:
    """One second of one video: the frames of all clips that show it, by clip id."""

    video_id: str
    second: int
    frames: tuple[LabelledFrame, ...]

    @property
    def width(self) -> int:
        """Width of the picture as displayed, in pixels."""
        return self.frames[0].consensus.width

    @property
    def height(self) -> int:
        """Height of the picture as displayed, in pixels."""
        return self.frames[0].consensus.height

    @property
    def is_known(self) -> bool:
        """Whether some frame here has a box, or all are known not to show their action.

        Of the others nothing is known (nobody answered, too few clicked): a system that finds an
        action there is neither right nor wrong.
        """
        return any(frame.box for frame in self.frames) or all(
            frame.consensus.reason == NOT_VISIBLE for frame in self.frames
        )


def labelled_frames(release: Release) -> Iterator[LabelledFrame]:
    """Yield every frame of a release, by clip and second."""
    clips = {clip.clip_id: clip for clip in release.clips}
    answers = answers_by_frame(sorted(release.answers, key=lambda answer: answer.annotator_id))
    for frame in sorted(release.frames, key=lambda frame: (frame.clip_id, frame.second)):
        key = (frame.clip_id, frame.second)
        yield LabelledFrame(
            clips[frame.clip_id],
            frame,
            release.boxes.get(key),
            release.rules.get(key, ""),
            tuple(answer.point for answer in answers.get(key, ())),
        )


def video_seconds(release: Release) -> list[VideoSecond]:
    """Return the seconds of which a release has frames, by video and second."""
    grouped: dict[tuple[str, int], list[LabelledFrame]] = {}
    for frame in labelled_frames(release):
        grouped.setdefault((frame.clip.video_id, frame.consensus.second), []).append(frame)
    return [
        VideoSecond(video_id, second, tuple(frames))
        for (video_id, second), frames in sorted(grouped.items())
    ]


def action_numbers(release: Release) -> dict[str, int]:
    """Return a whole number from 1 for each action id, for formats whose classes are numbers.

    They count the release's actions in the order of their ids, so that another release may number
    them otherwise: compare by `action_id`.
    """
    return {action_id: n for n, action_id in enumerate(_action_ids(release), start=1)}


def picture_name(video_id: str, second: int) -> str:
    """Return the file name under which exports know the picture of a second.

    >>> picture_name("v7", 12)
    'v7/000012.jpg'
    """
    return f"{video_id}/{second:06d}.jpg"


def _action_ids(release: Release) -> list[str]:
    return sorted(action.action_id for action in release.actions)
