"""What a metric is made of, video by video, so that it can be taken anew over resampled videos.

A scorer reads one `Case` and returns `Scored`: its measures by metric name. A measure holds what
each video adds and gives the metric's value for any weights of the videos: ones give the value
itself, the counts of a bootstrap sample give a replicate (`intervals`). One code path serves both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dataset_builder.domain import Action
from dataset_builder.predictions import Predictions
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import VideoTruth

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One system on one release under one set of rules; `video_ids` number the videos 0..V-1."""

    truths: tuple[VideoTruth, ...]
    actions: tuple[Action, ...]
    predictions: Predictions
    settings: EvaluationSettings

    @property
    def video_ids(self) -> list[str]:
        """The scored videos in the order in which measures count them."""
        return [truth.video_id for truth in self.truths]


class Measure(Protocol):
    """A metric that can be taken over any weighting of the V videos."""

    def values(self, weights_RV: Floats) -> Floats:
        """Return the metric for each of R weightings, (R,); NaN where it has no value.

        Args:
            weights_RV: how often each video counts, whole numbers from 0, (R, V).
        """
        ...


@dataclass(frozen=True, slots=True)
class Ratio:
    """Sum of the videos' numerators over the sum of their denominators.

    A mean over videos is a ratio as well: denominators are 1 where a video has a value, else 0.
    """

    numerators_V: Floats
    denominators_V: Floats

    def values(self, weights_RV: Floats) -> Floats:
        """See `Measure`."""
        return divide(weights_RV @ self.numerators_V, weights_RV @ self.denominators_V)


@dataclass(frozen=True, slots=True)
class MeanOfRatios:
    """Mean over A groups (actions) of a ratio over videos; groups without a denominator left out.

    Arrays are (A, V).
    """

    numerators_AV: Floats
    denominators_AV: Floats

    def values(self, weights_RV: Floats) -> Floats:
        """See `Measure`."""
        found_RA = divide(weights_RV @ self.numerators_AV.T, weights_RV @ self.denominators_AV.T)
        return nan_mean(found_RA)


@dataclass(frozen=True, slots=True)
class MeanOfMeasures:
    """The plain mean of some measures (mAP over thresholds)."""

    parts: Sequence[Measure]

    def values(self, weights_RV: Floats) -> Floats:
        """See `Measure`."""
        found: Floats = np.mean([part.values(weights_RV) for part in self.parts], axis=0)
        return found


@dataclass(frozen=True, slots=True)
class Curve:
    """A precision-recall curve: points in the order of falling scores, all arrays of one length."""

    recall: Floats
    precision: Floats
    scores: Floats
    n_true: int


@dataclass(frozen=True, slots=True)
class Scored:
    """What one scorer found.

    Attributes:
        measures: by metric name.
        counts: what they were taken over, and what was left aside.
        per_action: by metric name, the metric of each single action (None: not defined).
        curves: by metric name, the precision-recall curve of each action.
    """

    measures: Mapping[str, Measure]
    counts: Mapping[str, int] = field(default_factory=dict)
    per_action: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)


def value_of(measure: Measure, n_videos: int) -> float:
    """Return the measure over all videos once each."""
    return float(measure.values(np.ones((1, n_videos)))[0])


def divide(numerators: Floats, denominators: Floats) -> Floats:
    """Return the quotients, NaN where a denominator is 0."""
    found: Floats = np.full(numerators.shape, np.nan)
    np.divide(numerators, denominators, out=found, where=denominators != 0)
    return found


def nan_mean(values_RA: Floats) -> Floats:
    """Return the mean of each row over its numbers that are not NaN; NaN where there is none."""
    present = ~np.isnan(values_RA)
    return divide(np.where(present, values_RA, 0.0).sum(axis=1), present.sum(axis=1).astype(float))
