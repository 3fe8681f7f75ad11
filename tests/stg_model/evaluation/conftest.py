"""Small releases with known truth, and predictions that repeat it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from dataset_builder.domain import Action, Clip, Segment, Video, frame_seconds
from dataset_builder.geometry import Box
from dataset_builder.predictions import (
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
    TubePrediction,
)
from dataset_builder.release import Consensus, Release, tubes_of

BOX = Box(0.2, 0.2, 0.4, 0.4)


def release_of(
    *clips: tuple[str, float, float, str, Mapping[int, Box]],
    durations: Mapping[str, float],
    benchmark: bool = True,
) -> Release:
    """Return a release of clips `(video_id, start_s, end_s, action_id, boxes by second)`."""
    made = [
        (Clip(f"clip-{n}", video, action, Segment(start, end), is_benchmark=benchmark), boxes)
        for n, (video, start, end, action, boxes) in enumerate(clips)
    ]
    boxes = {(clip.clip_id, second): box for clip, found in made for second, box in found.items()}
    frames = [
        Consensus(
            clip.clip_id, second, float(second), "0" * 64, 640, 480, 5, 5, 5, None, None, None,
            (clip.clip_id, second) in boxes, "",
        )
        for clip, _ in made
        for second in frame_seconds(clip.segment)[0]
    ]  # fmt: skip
    return Release(
        name="small",
        version="1.0.0",
        derivation="none",
        videos=tuple(Video(v, 640, 480, d, "0" * 64) for v, d in durations.items()),
        actions=tuple(Action(a, a) for a in sorted({clip.action_id for clip, _ in made})),
        clips=tuple(clip for clip, _ in made),
        frames=tuple(frames),
        answers=(),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
        tubes=tubes_of(boxes),
    )


def perfect(release: Release) -> Predictions:
    """Return predictions that say exactly what the release says, from its clips and boxes."""
    seconds, points = {}, {}
    for video in release.videos:
        clips = [c for c in release.clips if c.video_id == video.video_id]
        pool = sorted({c.action_id for c in clips})
        for second in range(math.ceil(video.duration_s)):
            true = [c for c in clips if second in frame_seconds(c.segment)[0]]
            # Of several, one with a box there: naming the other would miss it.
            boxed = [c for c in true if (c.clip_id, second) in release.boxes]
            said = next((c.action_id for c in [*boxed, *true]), None)
            scores = {action: float(action == said) for action in pool}
            seconds[video.video_id, second] = SecondPrediction(
                video.video_id, second, said, scores, float(said is None)
            )
    for (clip_id, second), box in release.boxes.items():
        clip = next(c for c in release.clips if c.clip_id == clip_id)
        key = (clip.video_id, second, clip.action_id)
        points[key] = PointPrediction(*key, box.centre, box, 1.0)
    tubes = []
    for clip in release.clips:
        known = {
            second: b for (clip_id, second), b in release.boxes.items() if clip_id == clip.clip_id
        }
        boxes = {second: known.get(second, BOX) for second in frame_seconds(clip.segment)[0]}
        found = TubePrediction(clip.video_id, clip.action_id, 1.0, boxes)
        tubes += [found, replace(found, clip_id=clip.clip_id)]
    return Predictions(System("perfect"), seconds, points, tuple(tubes))


@pytest.fixture(scope="session")
def make_release() -> Callable[..., Release]:
    return release_of


@pytest.fixture(scope="session")
def make_perfect() -> Callable[[Release], Predictions]:
    return perfect


@pytest.fixture(scope="session")
def two_videos() -> Release:
    """Two videos, three actions, one second without a box in each, gaps between the clips."""
    return release_of(
        ("a", 1, 4, "cut", {1: BOX, 2: BOX}),
        ("a", 6, 8, "stir", {6: BOX, 7: BOX}),
        ("b", 0, 3, "pour", {0: BOX, 2: BOX}),
        durations={"a": 9.5, "b": 5.0},
    )
