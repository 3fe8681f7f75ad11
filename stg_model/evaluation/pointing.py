"""The pointing game: does the point lie in the box (R18)?

Given the action, over every frame that has a box; frames without one are not scored.
"""

from __future__ import annotations

import numpy as np

from stg_model.evaluation.boxed_frames import boxed_frames
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, MeanOfRatios, Measure, Ratio, Scored
from stg_model.evaluation.settings import EvaluationSettings


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    return {"pointing": "pointing"}


def score(case: Case) -> Scored:
    """Score the points of one system: the share of frames whose closed box holds the point.

    A frame without a point record is a miss, counted; a heatmap's peak never stands in for a point.

    By hand: four frames; a point inside, one on the border, one outside and one frame without a
    point make 2 hits of 4.

    >>> from dataset_builder.geometry import Box, Point
    >>> from dataset_builder.predictions import PointPrediction, Predictions, System
    >>> from stg_model.evaluation.measures import value_of
    >>> from stg_model.evaluation.truth import TrueClip, VideoTruth
    >>> box = Box(0.2, 0.2, 0.4, 0.4)
    >>> clip = TrueClip("c", "cut", frozenset(range(4)), dict.fromkeys(range(4), box))
    >>> points = {("v", second, "cut"): PointPrediction("v", second, "cut", Point(x, 0.3))
    ...           for second, x in enumerate([0.3, 0.4, 0.41])}
    >>> case = Case((VideoTruth("v", 4, (clip,)),), (), Predictions(System("x"), {}, points),
    ...             EvaluationSettings())
    >>> scored = score(case)
    >>> value_of(scored.measures["pointing"], 1), scored.counts["frames_without_point"]
    (0.5, 1)

    Raises:
        UndefinedMetricError: there are no boxes, or the system points nowhere at all.
    """
    asked = boxed_frames(case)
    points = case.predictions.points
    if not points:
        raise UndefinedMetricError("the predictions hold no point records")
    found = [(points.get(key), box) for key, box in asked.frames]
    is_hit_F = np.array([point is not None and box.contains(point.point) for point, box in found])
    hits_AV, frames_AV = asked.sums(is_hit_F), asked.sums()
    measure: Measure = Ratio(hits_AV.sum(axis=0), frames_AV.sum(axis=0))
    if case.settings.pointing_average == "actions":
        measure = MeanOfRatios(hits_AV, frames_AV)
    return Scored(
        {"pointing": measure},
        {
            "frames_hit": int(is_hit_F.sum()),
            "frames_without_point": sum(point is None for point, _ in found),
        },
        {"pointing": asked.means(is_hit_F)},
    )
