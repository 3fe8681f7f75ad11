"""Average precision of detections, action by action, and its mean over any weighting of the videos.

Detections are ranked within their action over all videos, from the highest score down, and matched
inside their video or frame beforehand (`matching`). That makes resampling cheap: a video that is
drawn twice brings its detections and its truths twice, and what matched what stays as it was. So
the detections are sorted once, and a replicate only counts them anew.

The rules of `average_precision`, for the points (recall, precision) after each detection or, with
`score_ties = together`, after each distinct score:

- `envelope`: area under the largest precision at this or a higher recall (Pascal VOC 2010, AVA);
- `trapezoid`: area under straight lines between the points, from (0, 1) on (ACT);
- `recall_101`: mean of the envelope at 0, .01, ... 1 (COCO); `recall_11`: at 0, .1, ... 1 (VOC);
- `recall_10_of_11`: its sum at 0, .1, ... .9 divided by 11 (V-HICO): .909 for perfect detections.

Legend: N detections, S steps of the curves, T of them with something true, C actions that have one,
A actions, V videos, R weightings of the videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from stg_model.evaluation.measures import Curve, Floats, nan_mean
from stg_model.evaluation.settings import EvaluationSettings

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

RECALL_LEVELS = {
    "recall_101": (np.linspace(0, 1, 101), 101),
    "recall_11": (np.linspace(0, 1, 11), 11),
    "recall_10_of_11": (np.linspace(0, 1, 11)[:-1], 11),
}
"""Recalls at which each interpolated rule reads the envelope, and what it divides their sum by."""

REPLICATES_AT_ONCE = 128
"""Bounds memory: 5,000 true detections take 5 MB an array."""


@dataclass(frozen=True, slots=True)
class Detections:
    """N detections in the order of their keys, which decides between equal scores.

    Attributes:
        actions_N: index of the action of each, 0..A-1.
        videos_N: index of its video, 0..V-1.
        scores_N: finite; higher is surer.
        is_true_N: whether it was matched to a truth.
    """

    actions_N: Ints
    videos_N: Ints
    scores_N: Floats
    is_true_N: Bools

    def __post_init__(self) -> None:
        """Refuse arrays of different lengths."""
        columns = (self.actions_N, self.videos_N, self.scores_N, self.is_true_N)
        if len({column.shape for column in columns}) != 1 or self.actions_N.ndim != 1:
            shapes = ", ".join(str(column.shape) for column in columns)
            raise ValueError(f"detections need columns of one length, got shapes {shapes}")


def mean_average_precision(
    detections: Detections, n_true_AV: npt.ArrayLike, settings: EvaluationSettings
) -> MeanAveragePrecision:
    """Return the mean over A actions of their average precision, as a measure over V videos.

    By hand: one action with two truths; found from the top: right, wrong, right. The points are
    (1/2, 1), (1/2, 1/2), (1, 2/3), the area under their envelope is 1/2 * 1 + 1/2 * 2/3 = 5/6.

    >>> found = Detections(np.zeros(3, int), np.zeros(3, int), np.array([0.9, 0.8, 0.7]),
    ...                    np.array([True, False, True]))
    >>> measure = mean_average_precision(found, [[2]], EvaluationSettings())
    >>> round(measure.per_action(["cut"])["cut"], 6)
    0.833333

    Args:
        detections: of all actions and videos.
        n_true_AV: how many truths each action has in each video, (A, V).
        settings: `average_precision` and `score_ties` are read.
    """
    n_true_AV = np.asarray(n_true_AV, float)
    order_N = np.lexsort((-detections.scores_N, detections.actions_N))
    ranked = Detections(
        detections.actions_N[order_N],
        detections.videos_N[order_N],
        detections.scores_N[order_N],
        detections.is_true_N[order_N],
    )
    is_last_N = np.ones(len(order_N), bool)
    if settings.score_ties == "together":
        actions_N, scores_N = ranked.actions_N, ranked.scores_N
        is_last_N[:-1] = (actions_N[1:] != actions_N[:-1]) | (scores_N[1:] != scores_N[:-1])
    lasts_S = np.flatnonzero(is_last_N)
    steps = _true_steps(ranked, lasts_S, n_true_AV.shape[1])
    return MeanAveragePrecision(settings.average_precision, n_true_AV, ranked, lasts_S, steps)


@dataclass(frozen=True, slots=True)
class _TrueSteps:
    """The T steps of all curves that add something true, action by action.

    No other step moves an area: where nothing true is added, recall stands still and precision
    falls. The counts are (T, V).

    Attributes:
        actions_T: index of the action.
        cuts_C: places among the T of each action's first one.
        n_found: detections of the action since its last true step, this step's among them.
        n_within: detections in the step itself.
        n_hits: true ones of these.
    """

    actions_T: Ints
    cuts_C: Ints
    n_found: csr_array
    n_within: csr_array
    n_hits: csr_array


def _true_steps(ranked: Detections, lasts_S: Ints, n_videos: int) -> _TrueSteps:
    step_N = np.searchsorted(lasts_S, np.arange(len(ranked.actions_N)))
    steps_T = np.unique(step_N[ranked.is_true_N])
    actions_T = ranked.actions_N[lasts_S[steps_T]]
    # The true step that a detection counts to: its own or the next, if its action has one.
    place_N = np.searchsorted(steps_T, step_N)
    counts_N = np.append(actions_T, -1)[place_N] == ranked.actions_N
    within_N = np.append(steps_T, -1)[place_N] == step_N

    def count(chosen_N: Bools) -> csr_array:
        places, videos = place_N[chosen_N], ranked.videos_N[chosen_N]
        shape = len(steps_T), n_videos
        return csr_array((np.ones(len(places)), (places, videos)), shape=shape)

    return _TrueSteps(
        actions_T,
        np.unique(actions_T, return_index=True)[1],
        count(counts_N),
        count(within_N),
        count(ranked.is_true_N),
    )


@dataclass(frozen=True, slots=True)
class MeanAveragePrecision:
    """A measure (`measures.Measure`): actions without a truth in a weighting are left out of it.

    The curve of an action has one point for each of its steps: a detection, or all of an equal
    score; the copies of a detection that a resampled video brings are one step.

    Attributes:
        rule: of `average_precision`.
        n_true_AV: how many truths each action has in each video.
        ranked: the detections by action, then from the highest score down.
        lasts_S: place among them of the last detection of each of the S steps, rising.
        steps: what the areas are made of.
    """

    rule: str
    n_true_AV: Floats
    ranked: Detections
    lasts_S: Ints
    steps: _TrueSteps

    def values(self, weights_RV: Floats) -> Floats:
        """See `measures.Measure`."""
        return nan_mean(self.by_action(weights_RV))

    def by_action(self, weights_RV: Floats) -> Floats:
        """Return the average precision of each action in each weighting, (R, A); NaN: no truth."""
        found_RA = np.empty((len(weights_RV), len(self.n_true_AV)))
        for start in range(0, len(weights_RV), REPLICATES_AT_ONCE):
            block = slice(start, start + REPLICATES_AT_ONCE)
            found_RA[block] = self._areas(np.ascontiguousarray(weights_RV[block].T, float)).T
        return found_RA

    def per_action(self, actions: Sequence[str]) -> dict[str, float | None]:
        """Return the average precision by action, over all videos; None: it has no truth.

        Args:
            actions: the names of the A actions, in the order of their indices.
        """
        areas_A = self.by_action(np.ones((1, self.n_true_AV.shape[1])))[0]
        return {
            action: None if np.isnan(area) else float(area)
            for action, area in zip(actions, areas_A, strict=True)
        }

    def curves(self, actions: Sequence[str]) -> dict[str, Curve]:
        """Return the curve of each action that has a truth, over all videos; see `per_action`."""
        n_true_A = self.n_true_AV.sum(axis=1)
        trues_N = np.append(0, np.cumsum(self.ranked.is_true_N))
        starts_A = np.searchsorted(self.ranked.actions_N, np.arange(len(actions)))
        cuts_A = np.append(np.searchsorted(self.lasts_S, starts_A), len(self.lasts_S))
        found = {}
        for a, (action, start) in enumerate(zip(actions, starts_A, strict=True)):
            if n_true_A[a]:
                lasts = self.lasts_S[cuts_A[a] : cuts_A[a + 1]]
                n_hits = (trues_N[lasts + 1] - trues_N[start]).astype(float)
                recall, precision = n_hits / n_true_A[a], n_hits / (lasts + 1 - start)
                scores = self.ranked.scores_N[lasts]
                found[action] = Curve(recall, precision, scores, int(n_true_A[a]))
        return found

    def _areas(self, weights_VR: Floats) -> Floats:
        """Return the average precision of each action in each of a few weightings, (A, R)."""
        steps, cuts_C = self.steps, self.steps.cuts_C
        n_true_AR = self.n_true_AV @ weights_VR
        areas_AR = np.where(n_true_AR > 0, 0.0, np.nan)
        if not len(cuts_C):
            return areas_AR
        new_hits_TR: Floats = steps.n_hits @ weights_VR
        n_hits_TR = _sums_by_action(new_hits_TR, cuts_C)
        n_found_TR = _sums_by_action(steps.n_found @ weights_VR, cuts_C)
        heights_TR = _quotients(n_hits_TR, n_found_TR, otherwise=0.0)
        if self.rule == "trapezoid":
            n_before_TR = n_found_TR - steps.n_within @ weights_VR
            heights_TR += _quotients(n_hits_TR - new_hits_TR, n_before_TR, otherwise=1.0)
            heights_TR /= 2
        else:
            _raise_to_envelope(heights_TR, cuts_C)
        n_true_TR = n_true_AR[steps.actions_T]
        if self.rule in RECALL_LEVELS:
            levels, divisor = RECALL_LEVELS[self.rule]
            recall_TR = _quotients(n_hits_TR, n_true_TR, otherwise=0.0)
            reached_TR = np.searchsorted(levels, recall_TR, side="right").astype(float)
            widths_TR = np.diff(reached_TR, axis=0, prepend=0)
            widths_TR[cuts_C] = reached_TR[cuts_C]
            whole_CR = np.full_like(widths_TR[cuts_C], divisor)
        else:
            widths_TR, whole_CR = new_hits_TR, n_true_TR[cuts_C]
        sums_CR = np.add.reduceat(widths_TR * heights_TR, cuts_C, axis=0)
        areas_AR[steps.actions_T[cuts_C]] += _quotients(sums_CR, whole_CR, otherwise=0.0)
        return areas_AR


def _sums_by_action(counts_TR: Floats, cuts_C: Ints) -> Floats:
    """Return the sums of each action's steps up to and with each one, (T, R)."""
    sums_TR: Floats = np.cumsum(counts_TR, axis=0)
    before_CR = sums_TR[cuts_C] - counts_TR[cuts_C]
    sums_TR -= np.repeat(before_CR, np.diff(cuts_C, append=len(counts_TR)), axis=0)
    return sums_TR


def _raise_to_envelope(precision_TR: Floats, cuts_C: Ints) -> None:
    """Raise each precision, in place, to the largest of its action's at this or a later step."""
    for start, end in pairwise([*cuts_C.tolist(), len(precision_TR)]):
        backwards = precision_TR[start:end][::-1]
        np.maximum.accumulate(backwards, axis=0, out=backwards)


def _quotients(numerators: Floats, denominators: Floats, *, otherwise: float) -> Floats:
    """Return the quotients, and `otherwise` where a denominator is 0."""
    found: Floats = np.full(numerators.shape, otherwise)
    np.divide(numerators, denominators, out=found, where=denominators != 0)
    return found
