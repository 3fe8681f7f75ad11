"""Random scores and places: what chance reaches, in time as well as in space.

The order of draws depends on the release's content alone, so a seed gives one answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import (
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
)
from dataset_builder.release import Release
from stg_model.baselines.queries import Query, actions_of_videos, frame_queries

GRID = 1000
"""Sides of random boxes lie on two different of so many and one lines across the frame."""


def random_point(release: Release, seed: int = 0, pool: str = "video") -> Predictions:
    """Draw a uniform score for each action and background, uniform points, and boxes.

    The highest score is the action (or background) of the second; a record keeps the scores of its
    video's actions and of the one that it says. Points answer every frame of the release and every
    second's own action. Each has a box with two uniform corners, drawn apart from it, and a uniform
    score.

    Args:
        release: says which seconds of which videos.
        seed: another seed, another answer.
        pool: `video` chooses among the actions of each video, `all` among those of the release.
    """
    rng = np.random.default_rng(seed)
    seconds = {(s.video_id, s.second): s for s in _seconds(release, rng, pool)}
    named = {(*key, s.action_id) for key, s in seconds.items() if s.action_id is not None}
    queries = sorted({*frame_queries(release), *named})
    places = rng.random((len(queries), 2)).tolist()
    boxes = _boxes(rng, len(queries))
    scores = rng.random(len(queries)).tolist()
    points: dict[Query, PointPrediction] = {
        query: PointPrediction(*query, Point(*place), box, score)
        for query, place, box, score in zip(queries, places, boxes, scores, strict=True)
    }
    system = System(name="random", supervision=f"none (seed {seed})", pool=pool)
    return Predictions(system, seconds, points)


def _seconds(release: Release, rng: np.random.Generator, pool: str) -> Iterator[SecondPrediction]:
    pools = actions_of_videos(release)
    everything = sorted(action.action_id for action in release.actions)
    for video in sorted(release.videos, key=lambda v: v.video_id):
        own = pools[video.video_id]
        names: Sequence[str] = everything if pool == "all" else own
        number = {name: index for index, name in enumerate(names)}
        drawn = rng.random((math.ceil(video.duration_s), len(names) + 1))
        for second, (row, best) in enumerate(zip(drawn, drawn.argmax(axis=1), strict=True)):
            said = names[best] if best < len(names) else None
            kept = own if said in own or said is None else [*own, said]
            scores = {name: float(row[number[name]]) for name in kept}
            yield SecondPrediction(video.video_id, second, said, scores, float(row[-1]))


def _boxes(rng: np.random.Generator, n: int) -> list[Box]:
    """Return boxes between two different lines of each axis, every pair as likely."""
    first = rng.integers(0, GRID + 1, (n, 2))
    second = (first + rng.integers(1, GRID + 1, (n, 2))) % (GRID + 1)
    low, high = np.minimum(first, second) / GRID, np.maximum(first, second) / GRID
    return [Box(*corners) for corners in np.hstack([low, high]).tolist()]
