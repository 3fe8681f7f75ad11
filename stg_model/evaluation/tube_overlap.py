"""How far tubes overlap, for all pairs of one action in one video in a single pass.

Two forms are in use and differ much, so each metric names its own (R24):

- volume: shared area over area in either, both summed over seconds; a second on one side only adds
  its area to the latter. This is the IoU of two masks in space and time.
- ACT: the IoU of the boxes, averaged over the seconds that both have, times the shared seconds over
  the seconds that either has (Kalogeiton et al., "Action Tubelet Detector", 2017). The number of
  shared seconds cancels: the sum of the IoUs over the seconds that either has.

Tubes may have holes: at a second without a box the tube is nowhere. A true tube may also be
unlabelled at a second: with `unlabelled_tube_seconds = ignored` the comparison with it leaves out
what was predicted there; with `background` the second is a hole.

Legend: D predicted tubes, T true tubes, B boxes, P pairs of tubes, M pairs of boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset_builder.geometry import Box
from stg_model.evaluation.measures import Floats
from stg_model.evaluation.regions import IOU_DECIMALS

Ints = npt.NDArray[np.int64]

NOWHERE = (np.nan,) * 4
"""The corners of an unlabelled second."""


@dataclass(frozen=True, slots=True)
class FlatTubes:
    """The boxes of K tubes, one a row, by tube and second.

    Attributes:
        groups_K: number of each tube's action and video, from 0; tubes of one group are compared.
        tubes_B: index of the tube, 0..K-1.
        seconds_B: whole seconds of its video, from 0.
        corners_B4: x1, y1, x2, y2 in fractions of the frame; NaN at an unlabelled second.
    """

    groups_K: Ints
    tubes_B: Ints
    seconds_B: Ints
    corners_B4: Floats


@dataclass(frozen=True, slots=True)
class TubeIous:
    """All P pairs of tubes of one group, by predicted tube, and both forms of their IoU, 0..1.

    IoUs are rounded to `regions.IOU_DECIMALS`, so that one that equals a threshold does so here.
    """

    predicted_P: Ints
    true_P: Ints
    volume_P: Floats
    act_P: Floats


def flatten(groups: npt.ArrayLike, tubes: Sequence[Mapping[int, Box | None]]) -> FlatTubes:
    """Return tubes as arrays.

    Args:
        groups: number of each tube's action and video, from 0.
        tubes: their boxes by second; None where nothing says where the action is.
    """
    rows = [
        (k, second, *((box.x1, box.y1, box.x2, box.y2) if box else NOWHERE))
        for k, tube in enumerate(tubes)
        for second, box in sorted(tube.items())
    ]
    table = np.array(rows, float).reshape(-1, 6)
    indices_B2 = table[:, :2].astype(np.int64)
    return FlatTubes(np.asarray(groups, np.int64), indices_B2[:, 0], indices_B2[:, 1], table[:, 2:])


def tube_ious(predicted: FlatTubes, true: FlatTubes, unlabelled_tube_seconds: str) -> TubeIous:
    """Return both forms of IoU of all pairs of a predicted and a true tube of one group.

    By hand: a box of area 1/4 at seconds 0 and 1 is true; its left half is predicted at 1 and 2.
    Volume: 1/8 shared, 1/4 + 1/4 + 1/8 in either: 1/5. ACT: IoU 1/2 at one of three seconds: 1/6.

    >>> box, half = Box(0, 0, 0.5, 0.5), Box(0, 0, 0.25, 0.5)
    >>> found = tube_ious(flatten([0], [{1: half, 2: half}]), flatten([0], [{0: box, 1: box}]),
    ...                   "ignored")
    >>> found.volume_P.tolist(), found.act_P.round(6).tolist()
    ([0.2], [0.166667])
    """
    predicted_P, true_P = _equal_keys(predicted.groups_K, true.groups_K)
    base = 1 + max(predicted.seconds_B.max(initial=0), true.seconds_B.max(initial=0))
    row_M, true_row_M = _equal_keys(
        predicted.groups_K[predicted.tubes_B] * base + predicted.seconds_B,
        true.groups_K[true.tubes_B] * base + true.seconds_B,
    )
    # Pairs of tubes come sorted by both indices, so the pair of two boxes is found by its number.
    n_true = len(true.groups_K)
    pair_M = np.searchsorted(
        predicted_P * n_true + true_P,
        predicted.tubes_B[row_M] * n_true + true.tubes_B[true_row_M],
    )
    areas_B, true_areas_B = _areas(predicted.corners_B4), _areas(true.corners_B4)
    is_labelled_B = ~np.isnan(true_areas_B)
    both_M = is_labelled_B[true_row_M]
    hidden_M = ~both_M & (unlabelled_tube_seconds == "ignored")
    shared_M = np.zeros(len(row_M))
    rows, true_rows = row_M[both_M], true_row_M[both_M]
    shared_M[both_M] = _shared_areas(predicted.corners_B4[rows], true.corners_B4[true_rows])
    iou_M = np.zeros(len(row_M))
    iou_M[both_M] = shared_M[both_M] / (areas_B[rows] + true_areas_B[true_rows] - shared_M[both_M])

    def by_pair(values_M: Floats) -> Floats:
        return np.bincount(pair_M, values_M, minlength=len(predicted_P)).astype(float)

    def in_either(sizes_B: Floats, true_sizes_B: Floats, sizes_M: Floats) -> Floats:
        """Return the size of what a tube of each pair covers, given that of boxes and overlaps."""
        sizes_D = np.bincount(predicted.tubes_B, sizes_B, minlength=len(predicted.groups_K))
        sizes_T = np.bincount(true.tubes_B, true_sizes_B, minlength=n_true)
        twice_P, hidden_P = by_pair(sizes_M), by_pair(sizes_B[row_M] * hidden_M)
        return sizes_D[predicted_P] + sizes_T[true_P] - hidden_P - twice_P

    volume_P = in_either(areas_B, np.nan_to_num(true_areas_B), shared_M)
    seconds_P = in_either(np.ones(len(areas_B)), is_labelled_B.astype(float), both_M.astype(float))
    ious = (by_pair(shared_M) / volume_P, by_pair(iou_M) / seconds_P)
    return TubeIous(predicted_P, true_P, *(np.round(iou_P, IOU_DECIMALS) for iou_P in ious))


def _equal_keys(keys_I: Ints, keys_J: Ints) -> tuple[Ints, Ints]:
    """Return the indices of all pairs of equal keys, by the first, then by the second."""
    order_J = np.argsort(keys_J, kind="stable")
    sorted_J = keys_J[order_J]
    starts_I = np.searchsorted(sorted_J, keys_I, side="left")
    counts_I = np.searchsorted(sorted_J, keys_I, side="right") - starts_I
    first = np.repeat(np.arange(len(keys_I)), counts_I)
    rank = np.arange(len(first)) - np.repeat(np.cumsum(counts_I) - counts_I, counts_I)
    return first, order_J[starts_I[first] + rank]


def _areas(corners_B4: Floats) -> Floats:
    areas_B: Floats = (corners_B4[:, 2] - corners_B4[:, 0]) * (corners_B4[:, 3] - corners_B4[:, 1])
    return areas_B


def _shared_areas(one_M4: Floats, other_M4: Floats) -> Floats:
    sides_M2 = np.minimum(one_M4[:, 2:], other_M4[:, 2:]) - np.maximum(
        one_M4[:, :2], other_M4[:, :2]
    )
    shared_M: Floats = np.maximum(sides_M2, 0).prod(axis=1)
    return shared_M
