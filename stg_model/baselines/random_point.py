"""Random scores and places: what chance reaches, in time as well as in space.

The order of draws depends on the release's content alone, so a seed gives one answer.
"""

from __future__ import annotations

import math

import numpy as np

from dataset_builder.geometry import Point
from dataset_builder.predictions import (
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
)
from dataset_builder.release import Release
from stg_model.baselines.queries import actions_of_videos, frame_queries


def random_point(release: Release, seed: int = 0) -> Predictions:
    """Draw a uniform score for each action and background of a video's pool, and uniform points.

    The highest score is the action (or background) of the second. Points answer every frame of the
    release and every second's own action.
    """
    rng = np.random.default_rng(seed)
    pools = actions_of_videos(release)
    seconds: dict[tuple[str, int], SecondPrediction] = {}
    for video in sorted(release.videos, key=lambda v: v.video_id):
        names = [*pools[video.video_id], None]
        for second in range(math.ceil(video.duration_s)):
            drawn = rng.random(len(names)).tolist()
            scores = {name: score for name, score in zip(names, drawn, strict=True) if name}
            said = names[int(np.argmax(drawn))]
            record = SecondPrediction(video.video_id, second, said, scores, drawn[-1])
            seconds[video.video_id, second] = record
    named = {(*key, s.action_id) for key, s in seconds.items() if s.action_id is not None}
    queries = sorted({*frame_queries(release), *named})
    places = rng.random((len(queries), 2)).tolist()
    points = {
        query: PointPrediction(*query, Point(*place))
        for query, place in zip(queries, places, strict=True)
    }
    return Predictions(System(name="random", supervision=f"none (seed {seed})"), seconds, points)
