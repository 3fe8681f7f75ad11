"""What is true of each second of each video of a release, in the form the metrics read.

A video's seconds are the whole seconds `s < duration_s`, and any later one that a clip claims. A
second inside no clip is background. A clip's seconds are those of its frames (R14).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from dataset_builder.domain import Clip, Video, frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from dataset_builder.release import Release

PointKey = tuple[str, int, str]
"""`(video_id, second, action_id)`, as in `Predictions.points`."""


@dataclass(frozen=True, slots=True)
class TrueClip:
    """One clip: its whole seconds, the boxes of some of them, and whether it is scored."""

    clip_id: str
    action_id: str
    seconds: frozenset[int]
    boxes: Mapping[int, Box]
    is_scored: bool = True


@dataclass(slots=True)
class TrueSecond:
    """One second: the actions of all clips that hold it, and the boxes of the scored ones.

    No action means background.
    """

    actions: set[str] = field(default_factory=set)
    boxes: dict[str, list[Box]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoTruth:
    """One video: its clips by start, end and id; seconds are `0..n_seconds - 1`."""

    video_id: str
    n_seconds: int
    clips: tuple[TrueClip, ...]

    def by_second(self) -> list[TrueSecond]:
        """Return what is true of each second, in order."""
        found = [TrueSecond() for _ in range(self.n_seconds)]
        for clip in self.clips:
            for second in clip.seconds:
                found[second].actions.add(clip.action_id)
                if clip.is_scored and second in clip.boxes:
                    found[second].boxes.setdefault(clip.action_id, []).append(clip.boxes[second])
        return found


def true_boxes(truths: tuple[VideoTruth, ...]) -> list[tuple[PointKey, Box]]:
    """Return each box of the scored clips with the key of the point that should hit it."""
    return [
        ((truth.video_id, second, clip.action_id), box)
        for truth in truths
        for clip in truth.clips
        if clip.is_scored
        for second, box in sorted(clip.boxes.items())
    ]


def read_truth(release: Release, clips: str = "benchmark") -> tuple[VideoTruth, ...]:
    """Return the truth of every video that is scored, by video id.

    With `clips="benchmark"` only clips of a benchmark split are scored, and videos without one are
    left out; clips that are not scored still say what is background. A video without any clip is
    left out by either rule: nobody looked at it, so nothing in it is known to be background.

    Raises:
        InputError: no clip is left to score, or clips, boxes and videos do not fit together.
    """
    videos = {video.video_id: video for video in release.videos}
    clips_of: dict[str, list[Clip]] = {video_id: [] for video_id in sorted(videos)}
    for clip in release.clips:
        if clip.video_id not in videos:
            raise InputError(f"clip {clip.clip_id!r}: its video is not in release {release.name!r}")
        clips_of[clip.video_id].append(clip)
    boxes_of = _boxes_of_clips(release)
    truths = (_video_truth(videos[v], clips_of[v], boxes_of, clips) for v in clips_of)
    kept = tuple(truth for truth in truths if any(clip.is_scored for clip in truth.clips))
    if not kept:
        raise InputError(
            f"release {release.name!r}: nothing to score, none of its {len(release.clips)} clips "
            "is in a benchmark split (--clips all scores every clip)"
        )
    return kept


def _boxes_of_clips(release: Release) -> dict[str, dict[int, Box]]:
    boxes_of: dict[str, dict[int, Box]] = {clip.clip_id: {} for clip in release.clips}
    for (clip_id, second), box in sorted(release.boxes.items()):
        if clip_id not in boxes_of:
            raise InputError(f"box of frame {clip_id}/{second}: its clip is not in the release")
        boxes_of[clip_id][second] = box
    return boxes_of


def _video_truth(
    video: Video, clips: list[Clip], boxes_of: Mapping[str, Mapping[int, Box]], which: str
) -> VideoTruth:
    n_seconds = math.ceil(video.duration_s)
    found = []
    for clip in sorted(clips, key=lambda c: (c.segment.start_s, c.segment.end_s, c.clip_id)):
        seconds = frozenset(frame_seconds(clip.segment)[0])
        stray = sorted(set(boxes_of[clip.clip_id]) - seconds)
        if stray:
            raise InputError(f"box of frame {clip.clip_id}/{stray[0]}: outside its clip's seconds")
        n_seconds = max(n_seconds, max(seconds) + 1)
        is_scored = which == "all" or clip.is_benchmark
        found.append(
            TrueClip(clip.clip_id, clip.action_id, seconds, boxes_of[clip.clip_id], is_scored)
        )
    return VideoTruth(video.video_id, n_seconds, tuple(found))
