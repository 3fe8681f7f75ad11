"""Cut a video into runs of given order so that its seconds' scores sum to the most.

Two decoders (R25). The exact one finds the best cut by dynamic programming over the seconds at
which a position can end; with a length model every length is tried (a semi-Markov chain), without
one the best start of each end is a running maximum. The released one has the off-by-one form of
the published program, for numbers that can be compared with those it gave.

Only the differences between a second's scores count, so its largest is taken off first: what a
second gives to all never makes the sums coarse. Sums within `TIE` are equal: tenths have no exact
sum.

Legend: T seconds, M positions, L lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bounds = npt.NDArray[np.intp]

TIE = 1e-9
"""Sums of scores that differ by no more are equal (R29)."""


def align(scores_TM: Floats, shortest: Sequence[int], lengths_ML: Floats | None = None) -> Bounds:
    """Cut T seconds into M consecutive runs so that the sum of their scores is largest.

    Args:
        scores_TM: score of giving second t to position m, finite.
        shortest: fewest seconds of each position, 0 or more.
        lengths_ML: score of giving l seconds to position m, l from 0 to T or more, added to the
            sum; None: all lengths score alike.

    Returns:
        The M + 1 boundaries: position m holds seconds `[b[m], b[m + 1])`. Of equal alignments the
        one whose last positions begin earliest.

    Raises:
        ValueError: the shortest lengths do not fit into T seconds, or shapes disagree.

    >>> scores_TM = np.array([[2, 0], [1, 0], [0, 1], [0, 3]], dtype=float)
    >>> align(scores_TM, [1, 1]).tolist()
    [0, 2, 4]
    >>> short_then_long = np.array([[-9, 0, -9, -9, -9], [-9, -9, -9, 0, -9]], dtype=float)
    >>> align(scores_TM, [1, 1], short_then_long).tolist()
    [0, 1, 4]
    """
    n_seconds, n_positions = scores_TM.shape
    if len(shortest) != n_positions:
        raise ValueError(f"{n_positions} positions but {len(shortest)} shortest lengths")
    if sum(shortest) > n_seconds:
        raise ValueError(f"{n_positions} positions need {sum(shortest)} of {n_seconds} seconds")
    if lengths_ML is not None and (
        lengths_ML.shape[0] != n_positions or lengths_ML.shape[1] <= n_seconds
    ):
        raise ValueError(
            f"lengths {lengths_ML.shape} do not score 0 to {n_seconds} seconds of each of "
            f"{n_positions} positions"
        )
    sums_EE = None if lengths_ML is None else np.empty((n_seconds + 1, n_seconds + 1))
    totals = np.zeros((n_positions, n_seconds + 1))
    below_best_TM = scores_TM - scores_TM.max(axis=1, keepdims=True)
    np.cumsum(below_best_TM.T, axis=1, out=totals[:, 1:])
    # best[t]: largest sum when the positions so far hold exactly the first t seconds.
    best = np.full(n_seconds + 1, -np.inf)
    best[0] = 0
    starts: list[Bounds] = []
    for position, fewest in enumerate(shortest):
        gain = best - totals[position]  # what a run that starts here brings along
        if lengths_ML is None or sums_EE is None:
            start, largest = _best_starts(gain, fewest)
        else:
            start, largest = _best_starts_by_length(gain, fewest, lengths_ML[position], sums_EE)
        best = totals[position] + largest
        starts.append(start)
    boundaries = [n_seconds]
    for start in reversed(starts):
        boundaries.append(int(start[boundaries[-1]]))
    return np.array(boundaries[::-1])


def align_as_released(
    scores_TM: Floats, shortest: Sequence[int], lengths_ML: Floats | None = None
) -> Bounds:
    """Cut T seconds as the program released with MiningYouTube does (Kuehne et al. 2019).

    It puts a state in front of the first second, scored by that second, and gives each second the
    label of the state *after* it: so the first second is scored twice, the second before each
    boundary is scored under the old label but has the new one, and the last state scores nothing.
    That is the exact alignment of T + 1 states, read one state late. A first position of one state
    is left without a second; a last one that may be empty takes the state that scores nothing.

    Args:
        scores_TM: score of giving second t to position m, finite.
        shortest: fewest states of each position, 0 or more.
        lengths_ML: as in `align`, for l up to T + 1; it scores states, not seconds.

    Returns:
        As `align`.

    Raises:
        ValueError: as `align`.

    >>> scores_TM = np.array([[2, 0], [1, 0], [0, 1], [0, 3]], dtype=float)
    >>> align_as_released(scores_TM, [1, 1]).tolist()
    [0, 1, 4]
    """
    states_SM = np.vstack([2 * scores_TM[:1], scores_TM[1:], np.zeros((1, scores_TM.shape[1]))])
    return np.maximum(align(states_SM, shortest, lengths_ML) - 1, 0)


def _best_starts(gain: Floats, fewest: int) -> tuple[Bounds, Floats]:
    """Return, for each end, the first best start at least `fewest` before it, and the best gain."""
    largest = np.maximum.accumulate(gain)
    start = np.searchsorted(largest, largest - TIE)  # where the gains first come within a tie
    until = len(gain) - fewest
    return (
        np.concatenate([np.zeros(fewest, dtype=np.intp), start[:until]]),
        np.concatenate([np.full(fewest, -np.inf), largest[:until]]),
    )


def _best_starts_by_length(
    gain: Floats, fewest: int, length_L: Floats, sums_EE: Floats
) -> tuple[Bounds, Floats]:
    """Return the same where a run scores by its length as well; `sums_EE` is room to work in."""
    n_ends = len(gain)
    backwards = np.full(2 * n_ends - 1, -np.inf)
    backwards[: n_ends - fewest] = length_L[fewest:n_ends][::-1]
    # Row e of the windows, from the last, holds the length score of every start for the end e.
    by_end_and_start = np.lib.stride_tricks.sliding_window_view(backwards, n_ends)[::-1]
    np.add(by_end_and_start, gain, out=sums_EE)
    largest = sums_EE.max(axis=1)
    return (sums_EE >= largest[:, None] - TIE).argmax(axis=1), largest
