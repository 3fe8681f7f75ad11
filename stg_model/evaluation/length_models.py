"""How likely a segment of so many seconds is (`length_model`), for the ordered alignment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, xlogy

Floats = npt.NDArray[np.float64]


def poisson_scores(mean: float, longest: int) -> Floats:
    """Return the log-score of each length from 0 to `longest`, (longest + 1,).

    The Poisson distribution divided by its value near its mean m, so that the likeliest length
    scores about 0 whatever the mean: `l ln m - m - ln l! - (r ln r - r - ln int(m)!)` with
    `r = round(m)`, as in the length model of the MiningYouTube alignment (Kuehne et al. 2019).

    >>> poisson_scores(2, 3).round(6).tolist()
    [-0.693147, 0.0, 0.0, -0.405465]
    """
    length = np.arange(longest + 1.0)
    near_mean = round(mean)
    at_mean = xlogy(near_mean, near_mean) - near_mean - gammaln(int(mean) + 1)
    found: Floats = xlogy(length, mean) - mean - gammaln(length + 1) - at_mean
    return found
