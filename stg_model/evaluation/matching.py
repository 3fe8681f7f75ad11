"""Which detections are right: each truth is found at most once, by the best detection that fits it.

Detections of one action in one video (or frame) take their turns from the highest score down, equal
scores in the order of their keys. Public evaluators differ in what a detection may take
(`settings.detection_matching`) and in the threshold (`settings.iou_comparison`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stg_model.evaluation.measures import Floats
from stg_model.evaluation.settings import EvaluationSettings

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pairs:
    """P pairs of a detection and a truth of the same action in the same video (or frame).

    Attributes:
        detections_P: index of the detection, 0..D-1.
        truths_P: index of the truth, 0..T-1.
        ious_P: how much they overlap, 0..1.
    """

    detections_P: Ints
    truths_P: Ints
    ious_P: Floats


def match(pairs: Pairs, scores_D: Floats, threshold: float, settings: EvaluationSettings) -> Bools:
    """Return whether each detection is right, (D,), for all groups at once.

    A detection can take truths that it is paired with and whose IoU passes the threshold. With
    `best_then_unused` it wants the one that it overlaps most, of equal ones the first, and is wrong
    when an earlier detection took that. With `best_unused` it wants the best that is left.

    By hand: the surer detection overlaps truth 0 best; the second one does too, and truth 1 less.

    >>> pairs = Pairs(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]),
    ...               np.array([0.9, 0.0, 0.8, 0.6]))
    >>> match(pairs, np.array([0.7, 0.5]), 0.5, EvaluationSettings()).tolist()
    [True, False]
    >>> match(pairs, np.array([0.7, 0.5]), 0.5,
    ...       EvaluationSettings(detection_matching="best_unused")).tolist()
    [True, True]

    Args:
        pairs: in any order; a detection without a pair is wrong.
        scores_D: finite scores of the D detections, which stand in the order of their keys.
        threshold: the IoU that a right detection passes.
        settings: `iou_comparison` and `detection_matching` are read.
    """
    turns_D = np.empty(len(scores_D), int)
    turns_D[np.argsort(-scores_D, kind="stable")] = np.arange(len(scores_D))
    passes_P = pairs.ious_P > threshold
    if settings.iou_comparison == ">=":
        passes_P |= pairs.ious_P == threshold
    # What each detection wants, best first: one run of wishes after the other.
    order = np.lexsort((pairs.truths_P, -pairs.ious_P, pairs.detections_P))
    order = order[passes_P[order]]
    wanting_W, wanted_W = pairs.detections_P[order], pairs.truths_P[order]
    bounds = np.searchsorted(wanting_W, np.arange(len(scores_D) + 1))
    wish_D, ends_D = bounds[:-1].copy(), bounds[1:]
    if settings.detection_matching == "best_then_unused":
        ends_D = np.minimum(wish_D + 1, ends_D)
    # All ask at once, a truth takes the earliest in turn, and the others go on to their next wish.
    # As every truth prefers by turn, this ends where asking one after the other does.
    taker_T = np.full(pairs.truths_P.max(initial=-1) + 1, len(scores_D))
    asking = np.flatnonzero(wish_D < ends_D)
    while True:
        asked = wanted_W[wish_D[asking]]
        np.minimum.at(taker_T, asked, turns_D[asking])
        has_lost = taker_T[asked] != turns_D[asking]
        if not has_lost.any():
            break
        wish_D[asking[has_lost]] += 1
        asking = asking[wish_D[asking] < ends_D[asking]]
    is_true_D = np.zeros(len(scores_D), bool)
    is_true_D[asking] = True
    return is_true_D
