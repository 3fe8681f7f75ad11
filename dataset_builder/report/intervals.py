"""How far a mean could lie from this one had other videos been annotated: bootstrap over videos.

The frames of one video resemble each other, so whole videos are drawn with replacement, as many as
there are, and the percentiles of the means over these samples are the interval (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPLICATES = 1000
LEVEL = 0.95
SEED = 0
MOST_WITHOUT_VALUE = 0.05
"""Share of samples that may lack a value; more, and too few videos have one for an interval."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over `n` values, and where it lies with 95 % confidence; None: not to be told."""

    value: float | None
    n: int
    interval: tuple[float, float] | None


class VideoBootstrap:
    """Means of values that belong to videos, with intervals; the draws are the same for all."""

    def __init__(self, videos: Sequence[str]) -> None:
        """Take the ids of all videos; a value's video is its index among them."""
        self.n_videos = len(videos)
        shape = REPLICATES, self.n_videos
        drawn = np.random.default_rng(SEED).integers(0, max(1, self.n_videos), size=shape)
        places = drawn + self.n_videos * np.arange(REPLICATES)[:, None]
        counts = np.bincount(places.ravel(), minlength=drawn.size)
        self._weights_rv: Floats = counts.reshape(shape).astype(np.float64)

    def mean(self, values: Floats, videos: Ints) -> Mean:
        """Return the mean of some values, NaN among them left out."""
        return self.means(values, videos, np.zeros(len(values), dtype=np.int64), 1)[0]

    def means(self, values: Floats, videos: Ints, groups: Ints, n_groups: int) -> list[Mean]:
        """Return the mean of each group of values, NaN among them left out.

        Args:
            values: (F,) numbers.
            videos: (F,) the video of each.
            groups: (F,) the group of each, 0..n_groups-1.
            n_groups: number of groups.
        """
        is_there = ~np.isnan(values)
        cells = videos[is_there] * n_groups + groups[is_there]
        size = self.n_videos * n_groups
        shape = self.n_videos, n_groups
        sums = np.bincount(cells, weights=values[is_there], minlength=size)
        counts = np.bincount(cells, minlength=size)
        sums_vg, counts_vg = (x.astype(np.float64).reshape(shape) for x in (sums, counts))
        sums_rg, counts_rg = self._weights_rv @ sums_vg, self._weights_rv @ counts_vg
        return [
            _mean(sums_vg[:, g], counts_vg[:, g], sums_rg[:, g], counts_rg[:, g])
            for g in range(n_groups)
        ]


def _mean(sums_v: Floats, counts_v: Floats, sums_r: Floats, counts_r: Floats) -> Mean:
    n = int(counts_v.sum())
    if not n:
        return Mean(None, 0, None)
    value = float(sums_v.sum() / n)
    has_value_r = counts_r > 0
    if (counts_v > 0).sum() < 2 or has_value_r.mean() < 1 - MOST_WITHOUT_VALUE:
        return Mean(value, n, None)
    tail = (1 - LEVEL) / 2
    means = sums_r[has_value_r] / counts_r[has_value_r]
    low, high = np.quantile(means, [tail, 1 - tail]).tolist()
    return Mean(value, n, (low, high))
