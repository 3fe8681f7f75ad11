"""How far the answers of a frame agree, for ranking what a reviewer looks at first: plain rules.

Distances are fractions of the frame's diagonal. Two people who mean the same place click about 0.03
apart; `CLOSE` is twice that and the unit in which distances are weighed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from dataset_builder.geometry import Point

CLOSE = 0.05
"""Clicks so near to each other, as a fraction of the diagonal, mean the same place."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a frame's active answers agree on.

    Attributes:
        n_clicks: answers that are a point.
        n_not_visible: answers that are "not visible".
        n_close: clicks in the largest group of clicks that hang together at `CLOSE`.
        pairwise_distance: mean distance of two clicks, a fraction of the diagonal; None with fewer
            than two clicks.
        disagreement: 0 when all say the same, towards 1 the less they do; see `disagreement_of`.
    """

    n_clicks: int
    n_not_visible: int
    n_close: int
    pairwise_distance: float | None
    disagreement: float


def summarise(
    clicks: Sequence[Point], n_not_visible: int, width: float, height: float
) -> Agreement:
    """Return what a frame's answers agree on.

    Args:
        clicks: the answers that are a point, in any order.
        n_not_visible: how many answers are "not visible".
        width: of the frame, in any unit.
        height: in the same unit.

    >>> summarise([Point(0.5, 0.5), Point(0.5, 0.51), Point(0.9, 0.9)], 0, 640, 480).n_close
    2
    """
    diagonal = math.hypot(width, height)
    apart = {
        (i, j): math.hypot((a.x - b.x) * width, (a.y - b.y) * height) / diagonal
        for (i, a), (j, b) in combinations(enumerate(clicks), 2)
    }
    # An exact sum: the order of the answers changes no digit.
    mean = fmean(apart.values()) if apart else None
    return Agreement(
        n_clicks=len(clicks),
        n_not_visible=n_not_visible,
        n_close=_largest_group(len(clicks), [pair for pair, d in apart.items() if d <= CLOSE]),
        pairwise_distance=mean,
        disagreement=disagreement_of(len(clicks), n_not_visible, mean),
    )


def disagreement_of(n_clicks: int, n_not_visible: int, pairwise_distance: float | None) -> float:
    """Return 0..1, high where clicks are scattered or people differ on whether there is anything.

    With s = d / (d + CLOSE) for the mean pairwise distance d (0.5 where it is CLOSE), and
    v = 2 min(clicks, not visible) / answers (1 where half say each), it is 1 - (1 - s)(1 - v).

    >>> disagreement_of(5, 0, 0.05), disagreement_of(2, 2, 0.0), disagreement_of(0, 5, None)
    (0.5, 1.0, 0.0)
    """
    n_answers = n_clicks + n_not_visible
    if n_answers == 0:
        return 0.0
    scatter = pairwise_distance / (pairwise_distance + CLOSE) if pairwise_distance else 0.0
    split = 2 * min(n_clicks, n_not_visible) / n_answers
    return 1 - (1 - scatter) * (1 - split)


def _largest_group(n: int, links: Sequence[tuple[int, int]]) -> int:
    """Return the size of the largest connected group: DBSCAN with `min_samples` 1."""
    group = list(range(n))
    for i, j in links:
        joined, kept = group[j], group[i]
        group = [kept if of == joined else of for of in group]
    return max((group.count(of) for of in group), default=0)
