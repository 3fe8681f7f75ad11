"""The geometric median of each frame's clicks: the point with the least sum of distances to them.

E. Weiszfeld, "Sur le point pour lequel la somme des distances de n points donnés est minimum",
Tôhoku Mathematical Journal 43 (1937), with the step of Y. Vardi and C.-H. Zhang, "The multivariate
L1-median and associated data depth", PNAS 97 (2000), which is also right where the point meets a
click. One stray click of five moves it little, wherever it lies.
"""

from __future__ import annotations

import numpy as np

from dataset_builder.fusion.answer_table import Bools, Clicks, Floats

_ROUNDS = 200
_SETTLED = 1e-8
_SURE = 1e-9


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
    """Put the click that is its frame's median into `points_f2`; return where there is one (F,).

    A click is the median when the unit vectors towards the others sum up to less than the number
    of clicks at its place. The iteration would come near it ever more slowly.
    """
    n = places_fn2.shape[1]
    found_f = np.zeros(len(places_fn2), dtype=np.bool_)
    for index in range(n):
        pull_f2, here_f, _ = _pull(places_fn2, places_fn2[:, index])
        is_median = np.sqrt((pull_f2**2).sum(axis=1)) < here_f - _SURE
        points_f2[is_median] = places_fn2[is_median, index]
        found_f |= is_median
    return found_f


def _step(places_fn2: Floats, points_f2: Floats) -> Floats:
    """Return the points after one step of Vardi and Zhang."""
    pull_f2, here_f, weights_fn = _pull(places_fn2, points_f2)
    total_f = weights_fn.sum(axis=1)
    summed_f2 = (weights_fn[..., None] * places_fn2).sum(axis=1)
    target_f2 = summed_f2 / np.where(total_f > 0, total_f, 1)[:, None]
    strength_f = np.sqrt((pull_f2**2).sum(axis=1))
    is_pulled_f = strength_f > _SURE
    stay_f = np.where(is_pulled_f, np.minimum(1, here_f / np.where(is_pulled_f, strength_f, 1)), 1)
    moved: Floats = (1 - stay_f)[:, None] * target_f2 + stay_f[:, None] * points_f2
    return moved


def _pull(places_fn2: Floats, points_f2: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the sum of unit vectors to the clicks, the clicks at the point, and 1 / distance."""
    towards_fn2 = places_fn2 - points_f2[:, None]
    distance_fn = np.sqrt((towards_fn2**2).sum(axis=2))
    is_away_fn = distance_fn > 0
    weights_fn = is_away_fn / np.where(is_away_fn, distance_fn, 1)
    pull_f2 = (towards_fn2 * weights_fn[..., None]).sum(axis=1)
    return pull_f2, (~is_away_fn).sum(axis=1).astype(np.float64), weights_fn
