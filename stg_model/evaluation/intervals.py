"""How far a score could lie from this one had other videos been drawn: bootstrap over videos.

Videos are what a benchmark samples; the frames and clips of one video resemble each other, so
whole videos are drawn, with replacement, as many as there are. A metric is taken anew over each
sample (`measures`), and the percentiles of these replicates are its interval (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset_builder import console
from dataset_builder.errors import InputError
from stg_model.evaluation.measures import Floats, MeanOfMeasures, Measure

CHUNK = 50
"""Replicates taken at once: bounds the memory of metrics that hold an array a replicate."""

MOST_WITHOUT_VALUE = 0.05
"""Share of replicates that may lack a value. A metric that only one or two videos define has none
in 37 % or 14 % of them, and its interval would show nothing but those videos."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the metric lies with the stated confidence, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class IntervalSettings:
    """How intervals are made.

    Attributes:
        replicates: samples of videos to draw, 100 or more.
        level: share of the replicates between the ends of an interval, within 0..1.
        seed: of the draws; equal seeds draw equal videos for every system.
    """

    replicates: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that make no interval."""
        if self.replicates < 100:
            raise InputError(f"an interval needs 100 or more replicates, got {self.replicates}")
        if not 0 < self.level < 1:
            raise InputError(f"level of the intervals must lie within 0..1, got {self.level}")
        if self.seed < 0:
            raise InputError(f"seed of the intervals must be 0 or more, got {self.seed}")


def bootstrap_weights(n_videos: int, settings: IntervalSettings) -> Floats:
    """Return how often each replicate draws each video, (R, V); every row sums to V.

    More replicates of the same seed begin with the same rows.

    >>> bootstrap_weights(4, IntervalSettings(replicates=100))[0].sum()
    np.float64(4.0)
    """
    shape = settings.replicates, n_videos
    drawn_RV = np.random.default_rng(settings.seed).integers(0, n_videos, size=shape)
    places_RV = drawn_RV + n_videos * np.arange(settings.replicates)[:, None]
    return np.bincount(places_RV.ravel(), minlength=drawn_RV.size).reshape(shape).astype(float)


def replicates(
    measures: Mapping[str, Measure], n_videos: int, settings: IntervalSettings, what: str
) -> dict[str, Floats]:
    """Return each metric over each sample of videos, (R,), NaN where it has no value there.

    A progress bar on stderr names `what` the replicates are taken of.
    """
    weights_RV = bootstrap_weights(n_videos, settings)
    starts = range(0, settings.replicates, CHUNK)
    parts: dict[str, list[Floats]] = {name: [] for name in measures}
    for start in console.progress(starts, f"intervals of {what}", total=len(starts)):
        known: dict[int, Floats] = {}
        for name, measure in measures.items():
            parts[name].append(_values(measure, weights_RV[start : start + CHUNK], known))
    return {name: np.concatenate(found) for name, found in parts.items()}


def percentile_interval(values_R: Floats, level: float) -> Interval | None:
    """Return the interval that holds the middle `level` of the replicates.

    None where more than one replicate in twenty has no value: too few videos define the metric.

    >>> percentile_interval(np.arange(101) / 100, 0.5)
    Interval(low=0.25, high=0.75)
    """
    present = values_R[~np.isnan(values_R)]
    if len(present) < (1 - MOST_WITHOUT_VALUE) * len(values_R):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(present, [tail, 1 - tail]).tolist()
    return Interval(low, high)


def two_sided_p(differences_R: Floats) -> float:
    """Return how readily samples of the videos turn a difference round, 0..1.

    It tests that two systems score alike on the population that the videos were drawn from: twice
    the share of paired replicates on the rarer side of zero (a zero stands on both), each count
    taken with one more, as if the videos at hand had been one more replicate on that side (Davison
    and Hinkley, 1997, 4.2). So it is never 0, and it falls below 1 - level about where the interval
    of the difference excludes 0. It says nothing of another training run of either system.

    >>> two_sided_p(np.array([0.2] * 98 + [-0.1]))
    0.04
    """
    present = differences_R[~np.isnan(differences_R)]
    rarer = min((present <= 0).sum(), (present >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (len(present) + 1)))


def _values(measure: Measure, weights_RV: Floats, known: dict[int, Floats]) -> Floats:
    """Return the measure's values; those of measures that others are means of are taken once."""
    if id(measure) not in known:
        if isinstance(measure, MeanOfMeasures):
            parts = [_values(part, weights_RV, known) for part in measure.parts]
            known[id(measure)] = np.mean(parts, axis=0)
        else:
            known[id(measure)] = measure.values(weights_RV)
    return known[id(measure)]
