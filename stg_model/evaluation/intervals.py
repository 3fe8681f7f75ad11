"""How far a score could lie from this one had other videos been drawn: bootstrap over videos.

Videos are what a benchmark samples; the frames and clips of one video resemble each other, so
whole videos are drawn, with replacement, as many as there are. A metric is taken anew over each
sample (`measures`), and the percentiles of these replicates are its interval (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapter 13), after they were shifted so that their mean is
the metric's value.

The shift takes out what resampling itself does to a mean over actions: a video that is drawn twice
brings the rare actions that it holds twice, while a third of their false alarms in other videos are
not drawn. Sums over videos it hardly moves. What is estimated is thus the score that benchmarks of
this size give on average. On generated benchmarks of 250 videos with 600 actions, most of them
rare, 95 % intervals of mAP held that score in 28 % of the cases without the shift, in 95 % with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset_builder import console
from dataset_builder.errors import InputError
from stg_model.evaluation.measures import Floats, MeanOfMeasures, Measure

METHOD = "percentile, shifted to the score"
"""Stands beside the intervals in a report: other bootstrap intervals compare with none of these."""

LARGEST_REPLICATES = 100_000

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
        replicates: samples of videos to draw, 100 to `LARGEST_REPLICATES`.
        level: share of the replicates between the ends of an interval, within 0..1.
        seed: of the draws; equal seeds draw equal videos for every system.
        method: `METHOD`, which has no alternative and stands there to be read.
    """

    replicates: int = 1000
    level: float = 0.95
    seed: int = 0
    method: str = METHOD

    def __post_init__(self) -> None:
        """Refuse numbers that make no interval."""
        if self.replicates < 100:
            raise InputError(f"an interval needs 100 or more replicates, got {self.replicates}")
        if self.replicates > LARGEST_REPLICATES:
            raise InputError(
                f"intervals take {LARGEST_REPLICATES:,} replicates at most, got {self.replicates}"
            )
        if not 0 < self.level < 1:
            raise InputError(f"level of the intervals must lie within 0..1, got {self.level}")
        if self.seed < 0:
            raise InputError(f"seed of the intervals must be 0 or more, got {self.seed}")
        if self.method != METHOD:
            raise InputError(f"method of the intervals must be {METHOD!r}, got {self.method!r}")


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


def percentile_interval(value: float, values_R: Floats, level: float) -> Interval | None:
    """Return the interval that holds the middle `level` of the replicates, shifted to the value.

    None where more than one replicate in twenty has no value: too few videos define the metric.

    Args:
        value: the metric over the videos themselves.
        values_R: over each sample of them, NaN where it has no value.
        level: share of the replicates between the ends, within 0..1.

    >>> percentile_interval(0.5, np.arange(5) / 4, 0.5)
    Interval(low=0.25, high=0.75)
    """
    present = values_R[~np.isnan(values_R)]
    if len(present) < (1 - MOST_WITHOUT_VALUE) * len(values_R):
        return None
    tail = (1 - level) / 2
    low, high = (np.quantile(present, [tail, 1 - tail]) + (value - present.mean())).tolist()
    return Interval(low, high)


def two_sided_p(difference: float, differences_R: Floats, n_videos: int) -> float:
    """Return how often chance in the videos alone makes a difference as large as this one, 0..1.

    It tests that two systems score alike, on average, on benchmarks that are drawn as this one was.
    Were it so, a difference would spread about zero as the paired replicates spread about their
    mean; p is the share of them that lies as far from it, either way, as the difference from zero,
    the difference itself counted among them (so p is never 0). It falls below 1 - level about where
    the interval of the difference excludes 0. It says nothing of another training run of either
    system. (Efron and Tibshirani, 1993, 16.4; Davison and Hinkley, Bootstrap Methods, 1997, 4.4.)

    A few videos may agree by chance, and their resamplings with them: p is at least 2 / 2^V, the
    smallest that swapping the systems in each of V videos could give.

    Args:
        difference: between the two systems' values.
        differences_R: between their replicates over the same samples.
        n_videos: how many videos were resampled.

    >>> differences_R = np.array([0.1] * 49 + [0.3] * 49 + [0.45])
    >>> two_sided_p(0.2, differences_R, 40), two_sided_p(0.2, differences_R, 4)
    (0.02, 0.125)
    """
    present = differences_R[~np.isnan(differences_R)]
    # The margin keeps sums of the same numbers in another order from counting as larger.
    as_far = abs(present - present.mean()) >= abs(difference) - 1e-12
    return max(float(as_far.sum() + 1) / (len(present) + 1), min(1.0, 2.0 ** (1 - n_videos)))


def _values(measure: Measure, weights_RV: Floats, known: dict[int, Floats]) -> Floats:
    """Return the measure's values; those of measures that others are means of are taken once."""
    if id(measure) not in known:
        if isinstance(measure, MeanOfMeasures):
            parts = [_values(part, weights_RV, known) for part in measure.parts]
            known[id(measure)] = np.mean(parts, axis=0)
        else:
            known[id(measure)] = measure.values(weights_RV)
    return known[id(measure)]
