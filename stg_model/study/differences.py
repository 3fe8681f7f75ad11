"""Means over runs, and differences between runs that share their world and their seed.

A difference is taken pair by pair, so that what a world or a seed does to both sides cancels. Its
interval resamples the pairs (percentile bootstrap); it speaks of these worlds, and how many of the
worlds agree on the sign stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

Cell = tuple[int, int]
"""A world's seed and a model's."""

LEVEL = 0.95
N_RESAMPLES = 9999


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean and standard deviation (None of one value) over `n` runs."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What a row has above the reference.

    Attributes:
        mean: over the pairs.
        low: lower end of the interval; None where a single pair has none.
        high: its upper end.
        n_pairs: pairs of runs.
        n_worlds: worlds among them.
        n_agree: worlds whose own mean difference has the sign of the mean.
    """

    mean: float
    low: float | None
    high: float | None
    n_pairs: int
    n_worlds: int
    n_agree: int


def mean_of(values: Sequence[float | None]) -> Mean | None:
    """Return the mean of the values that are defined; None where none is.

    >>> mean_of([0.5, None, 0.5])
    Mean(mean=0.5, sd=0.0, n=2)
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return Mean(float(np.mean(known)), sd, len(known))


def difference(
    row: Mapping[Cell, float | None], reference: Mapping[Cell, float | None]
) -> Difference | None:
    """Return how far a row lies above the reference; None where they share no defined run.

    >>> difference({(1, 0): 0.5, (2, 0): 0.9}, {(1, 0): 0.4, (2, 0): 0.6, (2, 1): 0.1}).mean
    0.2
    """
    by_world: dict[int, list[float]] = {}
    for cell in sorted(row.keys() & reference.keys()):
        mine, theirs = row[cell], reference[cell]
        if mine is not None and theirs is not None:
            by_world.setdefault(cell[0], []).append(mine - theirs)
    pairs = np.concatenate([*by_world.values(), []])
    if not len(pairs):
        return None
    mean = float(np.mean(pairs))
    ends = _interval(pairs)
    agree = sum(np.sign(np.mean(mine)) == np.sign(mean) for mine in by_world.values())
    return Difference(round(mean, 12), *ends, len(pairs), len(by_world), int(agree))


def _interval(pairs: np.ndarray) -> tuple[float | None, float | None]:
    if len(pairs) < 2:
        return None, None
    found = bootstrap(
        (pairs,),
        np.mean,
        n_resamples=N_RESAMPLES,
        confidence_level=LEVEL,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
