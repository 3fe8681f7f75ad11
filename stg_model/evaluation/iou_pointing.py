"""IoU+Pointing: the right action at the right second, with its point in the box.

For a video and an action, G holds the seconds whose clip has that action and whose frame has a box,
D the seconds at which the system says it, X the seconds of both at which its point lies in the box;
the score of the action is |X| / |G u D|. D reaches over the whole video, so a false alarm on
background counts in the union.

Two cases that the formula leaves open:

- a second in clips none of which has a box there says nothing about the place: it counts on neither
  side;
- a second that two clips share is right when either action is named. With a box for the named
  action, the second belongs to that action alone; an action all of whose seconds went to others
  scores the share of hits at these. Otherwise each action with a box there is missed, and it is a
  false alarm as well when no clip of that second has the named action.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dataset_builder.predictions import Predictions
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, Ratio, Scored, value_of
from stg_model.evaluation.pools import check_pool
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import VideoTruth


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    return {"iou_pointing": "IoU+Pointing", "iou_pointing_micro": "IoU+P. micro"}


def score(case: Case) -> Scored:
    """Score what one system says of every second; see `score_iou_pointing`."""
    check_pool(case)
    return _scored(_tallies(case.truths, case.predictions))


@dataclass(frozen=True, slots=True)
class IouPointingScore:
    """Both averages and what they were taken over.

    `macro`: mean over the actions of a video, then over videos; `micro`: all |X| over all |G u D|,
    here also for actions that the video does not hold. `n_ignored` seconds had no box to score
    against; at `n_missing` of the scored seconds the system wrote no record, read as background.
    """

    macro: float
    micro: float
    n_videos: int
    n_actions: int
    n_seconds: int
    n_ignored: int
    n_missing: int


@dataclass(slots=True)
class _Tally:
    """One video: |X| and |G u D| by action, the actions with a box, and seconds by fate.

    `given` counts the seconds of an action that belong to another one, `given_hits` those of them
    at which that one was hit.
    """

    boxed: set[str]
    hits: Counter[str] = field(default_factory=Counter)
    union: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    given_hits: Counter[str] = field(default_factory=Counter)
    n_seconds: int = 0
    n_ignored: int = 0
    n_missing: int = 0

    def ious(self) -> list[float]:
        """Return |X| / |G u D| of each action that has a box in the video, whatever was said."""
        return [
            self.hits[a] / self.union[a] if self.union[a] else self.given_hits[a] / self.given[a]
            for a in sorted(self.boxed)
        ]


def score_iou_pointing(truths: Sequence[VideoTruth], predictions: Predictions) -> IouPointingScore:
    """Score what a system says of every second of every video.

    By hand: "cut" is true at seconds 1..3, with boxes at 1 and 2 only. The system says it at 2..4
    with points in the box: G = {1, 2}, D = {2, 4} (3 is ignored), X = {2}, so 1/3.

    >>> from dataset_builder.geometry import Box, Point
    >>> from dataset_builder.predictions import PointPrediction, SecondPrediction, System
    >>> from stg_model.evaluation.truth import TrueClip
    >>> box = Box(0.2, 0.2, 0.4, 0.4)
    >>> clip = TrueClip("c", "cut", frozenset({1, 2, 3}), {1: box, 2: box})
    >>> said = {("v", s): SecondPrediction("v", s, "cut" if s in (2, 3, 4) else None, {})
    ...         for s in range(6)}
    >>> points = {("v", s, "cut"): PointPrediction("v", s, "cut", Point(0.3, 0.3))
    ...           for s in range(6)}
    >>> score = score_iou_pointing([VideoTruth("v", 6, (clip,))],
    ...                            Predictions(System("x"), said, points))
    >>> round(score.macro, 6), score.n_seconds, score.n_ignored
    (0.333333, 5, 1)

    Raises:
        UndefinedMetricError: the system names no actions or no places, or there are no boxes.
    """
    tallies = _tallies(truths, predictions)
    videos = [ious for tally in tallies if (ious := tally.ious())]
    measures = _scored(tallies).measures
    return IouPointingScore(
        macro=value_of(measures["iou_pointing"], len(tallies)),
        micro=value_of(measures["iou_pointing_micro"], len(tallies)),
        n_videos=len(videos),
        n_actions=sum(len(ious) for ious in videos),
        n_seconds=sum(tally.n_seconds for tally in tallies),
        n_ignored=sum(tally.n_ignored for tally in tallies),
        n_missing=sum(tally.n_missing for tally in tallies),
    )


def _tallies(truths: Sequence[VideoTruth], predictions: Predictions) -> list[_Tally]:
    if not predictions.seconds:
        raise UndefinedMetricError("the predictions hold no second records")
    if not predictions.points:
        raise UndefinedMetricError("the predictions hold no point records")
    tallies = [_tally(truth, predictions) for truth in truths]
    if not any(tally.ious() for tally in tallies):
        raise UndefinedMetricError("no scored frame of the release has a box")
    return tallies


def _scored(tallies: Sequence[_Tally]) -> Scored:
    ious = [tally.ious() for tally in tallies]
    macro = Ratio(
        np.array([math.fsum(mine) / len(mine) if mine else 0.0 for mine in ious]),
        np.array([float(bool(mine)) for mine in ious]),
    )
    micro = Ratio(
        np.array([float(tally.hits.total()) for tally in tallies]),
        np.array([float(tally.union.total()) for tally in tallies]),
    )
    return Scored(
        {"iou_pointing": macro, "iou_pointing_micro": micro},
        {
            "seconds_scored": sum(tally.n_seconds for tally in tallies),
            "seconds_ignored": sum(tally.n_ignored for tally in tallies),
            "seconds_without_record": sum(tally.n_missing for tally in tallies),
        },
    )


def _tally(truth: VideoTruth, predictions: Predictions) -> _Tally:
    true_seconds = truth.by_second()
    tally = _Tally({action_id for true in true_seconds for action_id in true.boxes})
    for second, true in enumerate(true_seconds):
        boxes = true.boxes
        if true.actions and not boxes:
            tally.n_ignored += 1
            continue
        record = predictions.seconds.get((truth.video_id, second))
        said = record.action_id if record else None
        tally.n_seconds += 1
        tally.n_missing += record is None
        if said is not None and said in boxes:
            found = predictions.points.get((truth.video_id, second, said))
            is_hit = found is not None and any(b.contains(found.point) for b in boxes[said])
            others = boxes.keys() - {said}
            tally.union[said] += 1
            tally.hits[said] += is_hit
            tally.given.update(others)
            tally.given_hits.update(others if is_hit else ())
            continue
        tally.union.update(boxes.keys())
        if said is not None and said not in true.actions:
            tally.union[said] += 1
    return tally
