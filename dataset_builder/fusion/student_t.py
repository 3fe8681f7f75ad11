"""The robust point: Student-t errors with a scale of the frame times a scale of the annotator.

A click of annotator j on frame f lies round the frame's point with scale `s_f q_j`, in a
two-dimensional t distribution of three degrees of freedom, whose long tails let a slip count for
little: K. L. Lange, R. J. A. Little and J. M. G. Taylor, "Robust Statistical Modeling Using the t
Distribution", JASA 84 (1989). The fit is expectation-maximisation; a click's weight is
`(nu + 2) / (nu + (distance / scale)^2)`.

Five clicks tell little about a frame's scale and few frames little about a person's, so both are
shrunk: frames towards the middle frame scale, annotators towards 1. Residuals of a fitted point are
too small by each click's share in it; the sums are divided by what is left free.

Annotators with fewer than `KNOWN_FROM` clicks have the scale 1. Where at least half of a frame's
clicks are theirs, it takes the geometric median: what is known does not outvote what is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataset_builder.fusion.answer_table import Bools, Clicks, Floats, sums
from dataset_builder.fusion.geometric_median import geometric_medians

NU = 3.0
"""Degrees of freedom: the tails of one wild click in some dozens."""
KNOWN_FROM = 20
"""Clicks from which on an annotator has a scale of their own."""
FRAME_PRIOR, ANNOTATOR_PRIOR = 4.0, 10.0
"""Coordinates (two a click) that the prior of a frame's and an annotator's scale is worth.

With less than three for the frame, two clicks of five at another target would pull the scale up
until the point lies between the two.
"""
LEAST_SCALE = 1e-6
"""No scale is smaller, in diagonals: clicks are rounded to 1e-6 of either side."""

_ROUNDS = 200
_SETTLED = 1e-7


@dataclass(frozen=True, slots=True)
class StudentT:
    """The fit.

    Attributes:
        points_f2: each frame's point in diagonals; NaN where nobody clicked.
        scales_f: each frame's scale in diagonals; NaN where nobody clicked.
        is_fallback_f: whether the point is the geometric median.
        scales_j: each annotator's scale, 1 for the middle one; 1 where it is not known.
        is_known_j: whether an annotator has clicked often enough for a scale.
    """

    points_f2: Floats
    scales_f: Floats
    is_fallback_f: Bools
    scales_j: Floats
    is_known_j: Bools


def student_t(clicks: Clicks) -> StudentT:
    """Fit points and scales to the clicks of a project; see the module."""
    n_frames, n_people = clicks.n_frames, clicks.n_annotators
    frames_c, people_c, places_c2 = clicks.frames_c, clicks.annotators_c, clicks.places_c2
    counts_f = clicks.counts_f()
    is_known_j = np.bincount(people_c, minlength=n_people) >= KNOWN_FROM
    medians_f2 = geometric_medians(clicks)
    points_f2 = np.nan_to_num(medians_f2)
    is_several_f = counts_f > 1
    squared_c = _squared(places_c2 - points_f2[frames_c])
    variance = _variance_of_frames(squared_c, clicks, is_several_f)
    variances_f = np.full(n_frames, variance)
    variances_j = np.ones(n_people)
    for _ in range(_ROUNDS):
        weights_c = (NU + 2) / (NU + squared_c / (variances_f[frames_c] * variances_j[people_c]))
        trust_c = weights_c / variances_j[people_c]
        total_f = sums(frames_c, trust_c, n_frames)
        share_c = trust_c / total_f[frames_c]
        moved_f2 = np.stack(
            [sums(frames_c, share_c * places_c2[:, axis], n_frames) for axis in (0, 1)],
            axis=1,
        )
        step = np.abs(moved_f2 - points_f2).max(initial=0)
        points_f2 = moved_f2
        squared_c = _squared(places_c2 - points_f2[frames_c])
        free_c = 2 * (1 - share_c)
        scaled_c = weights_c * squared_c / variances_j[people_c]
        variance = _variance_of_frames(scaled_c, clicks, is_several_f)
        variances_f = np.maximum(
            (sums(frames_c, scaled_c, n_frames) + FRAME_PRIOR * variance)
            / (sums(frames_c, free_c, n_frames) + FRAME_PRIOR),
            LEAST_SCALE**2,
        )
        variances_j = annotator_variances(
            sums(people_c, weights_c * squared_c / variances_f[frames_c], n_people),
            sums(people_c, free_c, n_people),
            is_known_j,
        )
        if step < _SETTLED:
            break
    known_f = sums(frames_c, is_known_j[people_c], n_frames)
    is_fallback_f = (counts_f > 0) & (2 * known_f <= counts_f)
    points_f2 = np.where(is_fallback_f[:, None], medians_f2, points_f2)
    is_empty_f = counts_f == 0
    points_f2[is_empty_f] = np.nan
    return StudentT(
        points_f2,
        np.where(is_empty_f, np.nan, np.sqrt(variances_f)),
        is_fallback_f,
        np.sqrt(variances_j),
        is_known_j,
    )


def click_weights(squared_c: Floats, scales_c: Floats) -> Floats:
    """Return the t-weight of clicks at these squared distances from points with these scales.

    >>> click_weights(np.array([0.0, 7.0]), np.array([1.0, 1.0])).round(3).tolist()
    [1.667, 0.5]
    """
    weights: Floats = (NU + 2) / (NU + squared_c / (scales_c * scales_c))
    return weights


def annotator_variances(summed_j: Floats, free_j: Floats, is_known_j: Bools) -> Floats:
    """Return each annotator's squared scale, the middle one of the known ones 1, unknown ones 1.

    Args:
        summed_j: each annotator's weighted squared distances over the variances of the frames.
        free_j: coordinates that are left free for them, two a click less its share in the point.
        is_known_j: whether an annotator has clicked often enough for a scale.

    `ANNOTATOR_PRIOR` coordinates of variance 1 are added to everybody's.
    """
    if not is_known_j.any():
        return np.ones(len(summed_j))
    raw_j = (summed_j + ANNOTATOR_PRIOR) / (free_j + ANNOTATOR_PRIOR)
    middle = float(np.median(raw_j[is_known_j]))
    variances: Floats = np.where(is_known_j, raw_j / middle, 1.0)
    return variances


def _variance_of_frames(scaled_c: Floats, clicks: Clicks, is_several_f: Bools) -> float:
    """Return the middle frame's variance, over frames with two or more clicks."""
    if not is_several_f.any():
        return LEAST_SCALE**2
    summed_f = sums(clicks.frames_c, scaled_c, clicks.n_frames)
    free_f = 2 * (clicks.counts_f() - 1)
    middle = np.median(summed_f[is_several_f] / free_f[is_several_f])
    return max(float(middle), LEAST_SCALE**2)


def _squared(offsets_c2: Floats) -> Floats:
    squared: Floats = offsets_c2[:, 0] ** 2 + offsets_c2[:, 1] ** 2
    return squared
