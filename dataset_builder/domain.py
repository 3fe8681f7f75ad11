"""What an annotation is about: videos, actions, segments, clips and frames.

A frame is `(clip_id, second)`: the image at one whole second of one clip, the unit that needs five
answers. Two clips that share a second of a video are two frames (an official file that keyed by
video and second lost 134 of them).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from dataset_builder.errors import InputError

DEFAULT_REDUNDANCY = 5
"""Distinct annotators required per frame (R2)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A half-open stretch of time `[start_s, end_s)` in seconds (R14)."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        """Refuse negative, empty or unordered times."""
        if not (0 <= self.start_s < self.end_s < math.inf):
            raise InputError(
                f"segment must satisfy 0 <= start_s < end_s, got {self.start_s}..{self.end_s}; "
                "times are seconds, and the end is not part of the segment"
            )


@dataclass(frozen=True, slots=True)
class Video:
    """One source video, as displayed (rotation and sample aspect applied).

    `width`, `height` in pixels, `duration_s` in seconds from the first presented frame,
    `sha256` of the source file.
    """

    video_id: str
    width: int
    height: int
    duration_s: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Action:
    """One class of action; `description` is its query text ("crack egg")."""

    action_id: str
    description: str


@dataclass(frozen=True, slots=True)
class Clip:
    """One occurrence of one action in one video.

    `split` names the set it belongs to; `is_benchmark` says that systems are scored on it, so that
    annotators see no hints there unless a maintainer says otherwise (R9).
    """

    clip_id: str
    video_id: str
    action_id: str
    segment: Segment
    split: str = "test"
    is_benchmark: bool = True


def action_id_for(description: str) -> str:
    """Return the id of an action from its query text.

    >>> action_id_for("Crack  the_egg!")
    'crack-the-egg'

    Raises:
        InputError: nothing is left of the text, or it holds a control character.
    """
    check_text("action", description)
    slug = "-".join(re.findall(r"[^\W_]+", description.casefold()))
    if not slug:
        raise InputError(f"action {description!r} has no letter or digit; give it a phrase")
    return slug


def clip_id_for(video_id: str, segment: Segment, action_id: str) -> str:
    """Return the id of a clip: the same row imported twice is the same clip.

    >>> clip_id_for("v7", Segment(1.5, 4), "crack-egg")
    'v7_1500-4000_crack-egg'
    """
    start_ms, end_ms = round(segment.start_s * 1000), round(segment.end_s * 1000)
    return f"{video_id}_{start_ms}-{end_ms}_{action_id}"


def frame_seconds(segment: Segment) -> tuple[list[int], bool]:
    """Return the whole seconds that a clip shows, and whether it held none (R14).

    A clip without a whole second gets the floor of its middle, and the second value is True.

    >>> frame_seconds(Segment(0.7, 3))
    ([1, 2], False)
    >>> frame_seconds(Segment(1.2, 1.9))
    ([1], True)
    """
    seconds = list(range(math.ceil(segment.start_s), math.ceil(segment.end_s)))
    if seconds:
        return seconds, False
    return [math.floor((segment.start_s + segment.end_s) / 2)], True


VALID_VIDEO_ID = re.compile(r"[\w-][\w.+-]{0,127}", re.ASCII)
"""Ids end up in file names and URLs, so they hold letters, digits, '_', '.', '+', '-' only.

They may begin with '-', as YouTube's may; in a path a folder stands before them.
"""


def check_video_id(video_id: str) -> str:
    """Return the id unchanged, or raise `InputError` when it could not be a file name."""
    if not VALID_VIDEO_ID.fullmatch(video_id):
        raise InputError(
            f"video_id {video_id!r} must be 1-128 letters, digits or _ . + - "
            "and not begin with . or +; rename the video"
        )
    return video_id


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
"""Characters that no line of text needs, among them all that XML cannot hold."""


def check_text(what: str, text: str) -> str:
    """Return a text of one line unchanged, or raise `InputError` for a control character in it.

    Args:
        what: what the text is, for the message.
        text: to look at.
    """
    found = _CONTROL.search(text)
    if found:
        raise InputError(
            f"{what} {text!r:.80} holds the control character {found[0]!r}; take it out"
        )
    return text
