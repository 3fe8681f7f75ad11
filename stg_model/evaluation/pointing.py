"""The pointing game: does the point lie in the box (MODEL.md 6.3, R18)?

Given the action, over every frame that has a box; frames without one are not scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dataset_builder.geometry import Box
from dataset_builder.predictions import PointPrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, MeanOfRatios, Measure, Ratio, Scored
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import PointKey, true_boxes


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    return {"pointing": "pointing"}


def score(case: Case) -> Scored:
    """Score the points of one system; see `score_pointing`.

    Raises:
        UndefinedMetricError: there are no boxes, or the system points nowhere at all.
    """
    points = case.predictions.points
    boxes = true_boxes(case.truths)
    found = score_pointing(boxes, points)
    row = {video_id: index for index, video_id in enumerate(case.video_ids)}
    column = {a: index for index, a in enumerate(sorted({key[2] for key, _ in boxes}))}
    hits_AV = np.zeros((len(column), len(row)))
    frames_AV = np.zeros_like(hits_AV)
    for key, box in boxes:
        place = column[key[2]], row[key[0]]
        frames_AV[place] += 1
        hits_AV[place] += key in points and box.contains(points[key].point)
    per_frame: Measure = Ratio(hits_AV.sum(axis=0), frames_AV.sum(axis=0))
    per_action: Measure = MeanOfRatios(hits_AV, frames_AV)
    shares = (hits_AV.sum(axis=1) / frames_AV.sum(axis=1)).tolist()
    return Scored(
        {"pointing": per_frame if case.settings.pointing_average == "frames" else per_action},
        {"frames_hit": found.n_hits, "frames_without_point": found.n_missing},
        {"pointing": dict(zip(column, shares, strict=True))},
    )


@dataclass(frozen=True, slots=True)
class PointingScore:
    """Hits over frames; a frame without a predicted point is a miss, counted in `n_missing`."""

    n_frames: int
    n_hits: int
    n_missing: int

    @property
    def accuracy(self) -> float:
        """Share of the frames that were hit, 0..1."""
        return self.n_hits / self.n_frames


def score_pointing(
    boxes: Sequence[tuple[PointKey, Box]], points: Mapping[PointKey, PointPrediction]
) -> PointingScore:
    """Count the frames whose predicted point lies in their closed box.

    By hand: four frames; a point inside, one on the border, one outside and one frame without a
    point make 2 hits of 4.

    >>> from dataset_builder.geometry import Point
    >>> box = Box(0.2, 0.2, 0.4, 0.4)
    >>> boxes = [(("v", second, "cut"), box) for second in range(4)]
    >>> xs = {0: 0.3, 1: 0.4, 2: 0.41}
    >>> points = {("v", s, "cut"): PointPrediction("v", s, "cut", Point(x, 0.3))
    ...           for s, x in xs.items()}
    >>> score = score_pointing(boxes, points)
    >>> score.accuracy, score.n_missing
    (0.5, 1)

    Raises:
        UndefinedMetricError: there are no boxes, or the system points nowhere at all.
    """
    if not boxes:
        raise UndefinedMetricError("no scored frame of the release has a box")
    if not points:
        raise UndefinedMetricError("the predictions hold no point records")
    found = [(box, points.get(key)) for key, box in boxes]
    n_missing = sum(point is None for _, point in found)
    n_hits = sum(found is not None and box.contains(found.point) for box, found in found)
    return PointingScore(len(boxes), n_hits, n_missing)
