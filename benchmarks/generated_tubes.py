"""A release of GroundingYouTube's size, and what a middling system says of it.

250 videos of 5 minutes, 5,018 clips of 680 actions (a few frequent, most rare), about 17,000 boxes.
The system names the right action at seven of ten seconds, and writes 100 tubes a video: some near
a true one, the others anywhere, of the video's actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dataset_builder.domain import Action, Clip, Segment, Video, clip_id_for
from dataset_builder.geometry import Box
from dataset_builder.predictions import (
    PointPrediction,
    SecondPrediction,
    System,
    TubePrediction,
    write_predictions,
)
from dataset_builder.release import Consensus, Release, tubes_of, write_release

N_SECONDS, N_ACTIONS, CLIPS_A_VIDEO, TUBES_A_VIDEO = 300, 680, 20.072, 100
UNLABELLED, RIGHT, NEAR = 0.18, 0.7, 0.4


def generated_release(n_videos: int, rng: np.random.Generator) -> Release:
    """Return the release; every clip is scored."""
    actions = [Action(f"action-{n:03}", f"do thing {n}") for n in range(N_ACTIONS)]
    weights = 1 / np.arange(1, N_ACTIONS + 1)
    n_clips = round(n_videos * CLIPS_A_VIDEO)
    # Each action comes once; then the frequent ones come again.
    more = rng.choice(N_ACTIONS, max(0, n_clips - N_ACTIONS), p=weights / weights.sum())
    chosen = rng.permutation(np.concatenate([np.arange(N_ACTIONS)[:n_clips], more]))
    videos = [Video(f"video{v:04}", 640, 480, float(N_SECONDS), "0" * 64) for v in range(n_videos)]
    clips, boxes = [], {}
    for v, mine in enumerate(np.array_split(chosen, n_videos)):
        slots = np.linspace(0, N_SECONDS, len(mine) + 1).astype(int)
        for action, start, end in zip(mine, slots[:-1], slots[1:], strict=True):
            length = min(int(rng.integers(1, 8)), end - start)
            segment = Segment(float(start), float(start + length))
            action_id = actions[action].action_id
            clip_id = clip_id_for(videos[v].video_id, segment, action_id)
            clips.append(Clip(clip_id, videos[v].video_id, action_id, segment, is_benchmark=True))
            box = _box(rng)
            for second in range(start, start + length):
                if second == start or rng.random() >= UNLABELLED:
                    boxes[clip_id, second] = _near(box, rng)
    frames = [
        Consensus(
            clip_id, second, float(second), "0" * 64, 640, 480, 5, 5, 5, None, None, None, True, ""
        )
        for clip_id, second in boxes
    ]
    return Release(
        name="generated",
        version="1.0.0",
        derivation="none",
        videos=tuple(videos),
        actions=tuple(actions),
        clips=tuple(clips),
        frames=tuple(frames),
        answers=(),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
        tubes=tubes_of(boxes),
    )


def write_generated(folder: Path, n_videos: int, *, tubes: bool = True, seed: int = 0) -> None:
    """Write `release/` and `predictions.jsonl` into a folder; without tube records if asked."""
    rng = np.random.default_rng(seed)
    release = generated_release(n_videos, rng)
    write_release(folder / "release", release)
    seconds, points = _records(release, rng)
    write_predictions(
        folder / "predictions.jsonl",
        System("generated", pool="video"),
        seconds,
        points,
        _tubes(release, rng) if tubes else (),
    )


def _records(
    release: Release, rng: np.random.Generator
) -> tuple[list[SecondPrediction], list[PointPrediction]]:
    """Return a record for every second, a point for the action said, and for the true one."""
    clips_of = _clips_of(release)
    seconds, points = [], {}
    for video_id, clips in clips_of.items():
        pool = sorted({clip.action_id for clip in clips})
        true = {
            second: clip
            for clip in clips
            for second in range(int(clip.segment.start_s), int(clip.segment.end_s))
        }
        for second in range(N_SECONDS):
            scores = rng.random(len(pool)).round(6)
            clip = true.get(second)
            said = pool[int(scores.argmax())]
            if rng.random() < RIGHT:
                said = clip.action_id if clip else None
            scores_of = dict(zip(pool, scores.tolist(), strict=True))
            background = float(rng.random())
            seconds.append(SecondPrediction(video_id, second, said, scores_of, background))
            # Sorted, since each draws random numbers: sets of strings have no order of their own.
            for action_id in sorted({said, clip and clip.action_id} - {None}):
                box = release.boxes.get((clip.clip_id, second)) if clip else None
                box = _near(box or _box(rng), rng)
                key = video_id, second, action_id
                points[key] = PointPrediction(*key, box.centre, box, float(rng.random()))
    return seconds, list(points.values())


def _tubes(release: Release, rng: np.random.Generator) -> Iterator[TubePrediction]:
    true_of = {tube.clip_id: tube.boxes for tube in release.tubes}
    for video_id, clips in _clips_of(release).items():
        for _ in range(TUBES_A_VIDEO):
            clip = clips[int(rng.integers(len(clips)))]
            boxes = true_of.get(clip.clip_id)
            if boxes and rng.random() < NEAR:
                shift = int(rng.integers(-1, 2))
                found = {max(0, s + shift): _near(box, rng) for s, box in boxes.items()}
            else:
                start = int(rng.integers(0, N_SECONDS - 8))
                box = _box(rng)
                found = {start + s: _near(box, rng) for s in range(int(rng.integers(1, 8)))}
            yield TubePrediction(video_id, clip.action_id, float(rng.random()), found)


def _clips_of(release: Release) -> dict[str, list[Clip]]:
    found: dict[str, list[Clip]] = {video.video_id: [] for video in release.videos}
    for clip in release.clips:
        found[clip.video_id].append(clip)
    return found


def _box(rng: np.random.Generator) -> Box:
    x, y, width, height = rng.random(4) * (0.6, 0.6, 0.3, 0.3) + (0, 0, 0.1, 0.1)
    return Box(float(x), float(y), float(x + width), float(y + height))


def _near(box: Box, rng: np.random.Generator) -> Box:
    dx = float(np.clip(rng.normal(0, 0.02), -box.x1, 1 - box.x2))
    dy = float(np.clip(rng.normal(0, 0.02), -box.y1, 1 - box.y2))
    x1, y1 = max(0.0, box.x1 + dx), max(0.0, box.y1 + dy)
    return Box(x1, y1, min(1.0, box.x2 + dx), min(1.0, box.y2 + dy))
