"""The geometric median of each frame's clicks: the point with the least sum of distances to them.

E. Weiszfeld, "Sur le point pour lequel la somme des distances de n points donnés est minimum",
Tôhoku Mathematical Journal 43 (1937), with the step of Y. Vardi and C.-H. Zhang, "The multivariate
L1-median and associated data depth", PNAS 97 (2000), which is also right where the point meets a
click. One stray click of five moves it little, wherever it lies.
"""

from __future__ import annotations

import numpy as np

from dataset_builder.fusion.answer_table import Bools, Clicks, Floats

_ROUNDS = 500
_SETTLED = 1e-10
_SURE = 1e-9
_SHARES = (1.0, 0.3, 0.1, 0.03)
"""Parts of Newton's step that are tried: the whole leads past clicks that lie in its way."""


def geometric_medians(clicks: Clicks) -> Floats:
    """Return the geometric median of each frame, (F, 2) in diagonals; NaN where nobody clicked.

    Two clicks have their middle: every point between them would do.
    """
    medians_f2 = np.full((clicks.n_frames, 2), np.nan)
    for frames, rows in clicks.by_count():
        medians_f2[frames] = median_points(clicks.places_c2[rows])
    return medians_f2


def median_points(places_fn2: Floats) -> Floats:
    """Return the geometric medians of frames with N clicks each, (F, 2).

    >>> corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> median_points(np.array([corners])).tolist()
    [[0.5, 0.5]]
    >>> median_points(np.array([[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]])).tolist()
    [[0.0, 0.0]]
    """
    points_f2: Floats = places_fn2.sum(axis=1) / places_fn2.shape[1]
    is_open_f = ~_take_clicks_that_are_medians(places_fn2, points_f2)
    for _ in range(_ROUNDS):
        if not is_open_f.any():
            break
        moved = _step(places_fn2[is_open_f], points_f2[is_open_f])
        length = np.sqrt(((moved - points_f2[is_open_f]) ** 2).sum(axis=1))
        points_f2[is_open_f] = moved
        is_open_f[is_open_f] = length > _SETTLED
    return points_f2


def _take_clicks_that_are_medians(places_fn2: Floats, points_f2: Floats) -> Bools:
    """Put the clicks that are their frame's median into `points_f2`; return where some are (F,).

    A click is a median when the unit vectors towards the others sum up to no more than the number
    of clicks at its place. The iteration would come near it ever more slowly. Where several places
    are medians (clicks on one line) so is all between them, and their mean is taken.
    """
    summed_f2 = np.zeros_like(points_f2)
    found_f = np.zeros(len(places_fn2), dtype=np.int64)
    for index in range(places_fn2.shape[1]):
        pull_f2, here_f, _ = _pull(places_fn2 - places_fn2[:, index, None])
        is_median = np.sqrt((pull_f2**2).sum(axis=1)) <= here_f + _SURE
        summed_f2[is_median] += places_fn2[is_median, index]
        found_f += is_median
    has_any = found_f > 0
    points_f2[has_any] = summed_f2[has_any] / found_f[has_any, None]
    return has_any


def _step(places_fn2: Floats, points_f2: Floats) -> Floats:
    """Return the points after a step of Vardi and Zhang or a part of Newton's, whichever is better.

    Near the median the first comes closer by a constant share, the second doubles the digits.
    """
    towards_fn2 = places_fn2 - points_f2[:, None]
    pull_f2, here_f, weights_fn = _pull(towards_fn2)
    moved_f2 = points_f2 + _shift(towards_fn2, pull_f2, here_f, weights_fn)
    least_f = _total_distances(places_fn2, moved_f2)
    newton_f2 = _newton_shift(towards_fn2, pull_f2, weights_fn)
    for share in _SHARES:
        other_f2 = points_f2 + share * newton_f2
        total_f = _total_distances(places_fn2, other_f2)
        is_better = total_f < least_f
        moved_f2 = np.where(is_better[:, None], other_f2, moved_f2)
        least_f = np.where(is_better, total_f, least_f)
    return moved_f2


def _shift(towards_fn2: Floats, pull_f2: Floats, here_f: Floats, weights_fn: Floats) -> Floats:
    """Return the step of Vardi and Zhang: towards the weighted mean, shorter where clicks lie."""
    total_f = weights_fn.sum(axis=1)
    summed_f2 = (weights_fn[..., None] * towards_fn2).sum(axis=1)
    strength_f = np.sqrt((pull_f2**2).sum(axis=1))
    is_pulled_f = strength_f > here_f
    share_f = is_pulled_f * (1 - here_f / np.where(is_pulled_f, strength_f, 1))
    shift: Floats = (share_f / np.where(total_f > 0, total_f, 1))[:, None] * summed_f2
    return shift


def _newton_shift(towards_fn2: Floats, pull_f2: Floats, weights_fn: Floats) -> Floats:
    """Return the step to where the pull would be nothing if it changed evenly."""
    unit_fn2 = towards_fn2 * weights_fn[..., None]
    xx = (weights_fn * (1 - unit_fn2[..., 0] ** 2)).sum(axis=1)
    yy = (weights_fn * (1 - unit_fn2[..., 1] ** 2)).sum(axis=1)
    xy = -(weights_fn * unit_fn2[..., 0] * unit_fn2[..., 1]).sum(axis=1)
    determinant = xx * yy - xy * xy
    is_curved = determinant > _SURE * (xx + yy) ** 2
    scale = is_curved / np.where(is_curved, determinant, 1)
    x, y = pull_f2[:, 0], pull_f2[:, 1]
    shift: Floats = np.stack([(yy * x - xy * y) * scale, (xx * y - xy * x) * scale], axis=1)
    return shift


def _total_distances(places_fn2: Floats, points_f2: Floats) -> Floats:
    total: Floats = np.sqrt(((places_fn2 - points_f2[:, None]) ** 2).sum(axis=2)).sum(axis=1)
    return total


def _pull(towards_fn2: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the sum of unit vectors to the clicks, the clicks at the point, and 1 / distance."""
    distance_fn = np.sqrt((towards_fn2**2).sum(axis=2))
    is_away_fn = distance_fn > 0
    weights_fn = is_away_fn / np.where(is_away_fn, distance_fn, 1)
    pull_f2 = (towards_fn2 * weights_fn[..., None]).sum(axis=1)
    return pull_f2, (~is_away_fn).sum(axis=1).astype(np.float64), weights_fn
