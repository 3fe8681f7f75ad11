"""Ways to make one point of a frame's clicks, compared by `dataset-builder study`.

Each takes the clicks of a project and returns a point for each frame, NaN where it gives none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaincinv

from dataset_builder.fusion.agreement import RADIUS, largest_component
from dataset_builder.fusion.answer_table import Clicks, Floats, sums
from dataset_builder.fusion.geometric_median import geometric_medians
from dataset_builder.fusion.student_t import student_t

PANOPTES_RADIUS = 5 / 800
"""The default radius of Zooniverse's `point_reducer_dbscan`: 5 px, here of a 640x480 frame."""

_ROUNDS = 50
_LOW_QUANTILE = 0.025


def means(clicks: Clicks) -> Floats:
    """Return the mean click of each frame."""
    return _weighted_means(clicks, np.ones(len(clicks.frames_c)))


def coordinate_medians(clicks: Clicks) -> Floats:
    """Return the median of each coordinate on its own."""
    points_f2 = np.full((clicks.n_frames, 2), np.nan)
    for frames, rows in clicks.by_count():
        points_f2[frames] = np.median(clicks.places_c2[rows], axis=1)
    return points_f2


def component_means(clicks: Clicks, radius: float) -> Floats:
    """Return the mean of the largest DBSCAN component (three clicks within the radius)."""
    points_f2 = np.full((clicks.n_frames, 2), np.nan)
    for frames, rows in clicks.by_count():
        is_member_fn = largest_component(clicks.places_c2[rows], radius)
        sizes_f = is_member_fn.sum(axis=1)
        summed_f2 = (clicks.places_c2[rows] * is_member_fn[..., None]).sum(axis=1)
        found = sizes_f > 0
        points_f2[frames[found]] = summed_f2[found] / sizes_f[found, None]
    return points_f2


def reliability_weighted_means(clicks: Clicks) -> Floats:
    """Return means weighted by people's reliability, by turns with the reliability.

    A person's weight is the low quantile of a chi-squared distribution over the sum of their
    squared distances: Q. Li et al., "A Confidence-Aware Approach for Truth Discovery on Long-Tail
    Data", VLDB 2014, as RASA (J. Li, "Crowdsourced Text Sequence Aggregation Based on Hybrid
    Reliability and Representation", SIGIR 2020) uses it on embeddings; here the clicks themselves.
    """
    n_people = clicks.n_annotators
    free_j = 2 * np.maximum(np.bincount(clicks.annotators_c, minlength=n_people), 1)
    quantiles_j = 2 * gammaincinv(free_j / 2, _LOW_QUANTILE)  # of a chi-squared distribution
    points_f2 = means(clicks)
    for _ in range(_ROUNDS):
        offsets_c2 = clicks.places_c2 - points_f2[clicks.frames_c]
        squared_j = sums(clicks.annotators_c, (offsets_c2**2).sum(axis=1), n_people)
        weights_j = quantiles_j / np.maximum(squared_j, 1e-12)
        points_f2 = _weighted_means(clicks, weights_j[clicks.annotators_c])
    return points_f2


def _weighted_means(clicks: Clicks, weights_c: Floats) -> Floats:
    total_f = sums(clicks.frames_c, weights_c, clicks.n_frames)
    summed = [
        sums(clicks.frames_c, weights_c * clicks.places_c2[:, axis], clicks.n_frames)
        for axis in (0, 1)
    ]
    points: Floats = np.stack(summed, axis=1) / np.where(total_f > 0, total_f, np.nan)[:, None]
    return points


REFERENCE = "student_t"
"""What the others are compared with: the point of robust mode."""

METHODS: dict[str, Callable[[Clicks], Floats]] = {
    "mean": means,
    "coordinate_median": coordinate_medians,
    "geometric_median": geometric_medians,
    "dbscan_panoptes": lambda clicks: component_means(clicks, PANOPTES_RADIUS),
    "dbscan": lambda clicks: component_means(clicks, RADIUS),
    "reliability_weighted_mean": reliability_weighted_means,
    REFERENCE: lambda clicks: student_t(clicks).points_f2,
}
"""All methods by name, in the order in which they are printed."""
