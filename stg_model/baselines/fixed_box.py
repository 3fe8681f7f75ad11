"""A box of half the frame's width and height in its middle, always and for every action.

In the pointing game it is the centre point; its box is there for the metrics that compare boxes,
and its tubes say of each of a video's actions that it happens there from beginning to end.
"""

from __future__ import annotations

import math

from dataset_builder.geometry import Box
from dataset_builder.predictions import Predictions, System, TubePrediction
from dataset_builder.release import Release
from stg_model.baselines.queries import actions_of_videos, frame_queries, same_answer

MIDDLE = Box(0.25, 0.25, 0.75, 0.75)


def fixed_box(release: Release) -> Predictions:
    """Answer every frame of the release with the middle box and its centre.

    One tube for each action of a video, over all its seconds and all of one score; no seconds name
    an action. It is told the video's actions, so the pool of all actions leaves it without tubes.
    """
    actions = actions_of_videos(release)
    tubes: list[TubePrediction] = []
    for video in sorted(release.videos, key=lambda video: video.video_id):
        boxes = dict.fromkeys(range(math.ceil(video.duration_s)), MIDDLE)
        tubes += [
            TubePrediction(video.video_id, action_id, 1.0, boxes)
            for action_id in actions[video.video_id]
        ]
    return Predictions(
        System(name="fixed box", supervision="none", pool="video"),
        points=same_answer(frame_queries(release), MIDDLE.centre, MIDDLE),
        tubes=tuple(tubes),
    )
