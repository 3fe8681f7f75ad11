"""What a system says of the place in a frame, and how far a true box overlaps it.

With `region = box` it is the box of the record. With `region = mask` it is the mask of the record's
heatmap: the places whose heat, scaled to 0..1 within the frame, is at least `mask_threshold`; a
record without a heatmap says its box. A record with neither has no region.

A heatmap is enlarged bilinearly to a grid with a long side of `mask_grid` cells, a finer one stays
as it is; then its range is scaled. A constant heatmap prefers no place: its mask is the whole
frame. Areas count each cell as its rectangle of the frame, half-open (R18), so the overlap with a
box is exact, also where the box cuts through cells.

Legend: B heatmaps of a block, R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, box_iou
from dataset_builder.predicted_heatmaps import read_heatmaps
from dataset_builder.predictions import HeatmapReference
from stg_model.evaluation.measures import Case, Floats
from stg_model.evaluation.settings import MASK_GRID
from stg_model.evaluation.truth import PointKey

Bools = npt.NDArray[np.bool_]

IOU_DECIMALS = 12
"""IoUs are rounded to this: 9 of 30 columns are no more than .3, in fractions as in pixels.

Every IoU that a threshold judges is (tubes, questions and people too)."""

TIE = 1e-9
"""Heat within this share of a frame's range ties: matrix products differ between machines."""

CELLS_AT_ONCE = 1 << 17
"""Cells in one block of work: 1 MB an array stays in the cache."""


def region_ious(case: Case, wanted: Sequence[tuple[PointKey, Box]]) -> Floats:
    """Return the IoU of each box with the region of its record, 0..1; NaN where it has none.

    Rounded to `IOU_DECIMALS`, so that one that equals a threshold does so in floating point.

    Args:
        case: the system's records, and the rules `region`, `mask_threshold` and `mask_grid`.
        wanted: records by key, each with a true box; a key may come several times.

    Raises:
        InputError: a heatmap cannot be read.
    """
    points = case.predictions.points
    ious = np.full(len(wanted), np.nan)
    places_of: dict[PointKey, list[int]] = {}
    for place, (key, box) in enumerate(wanted):
        found = points.get(key)
        if found is None:
            continue
        places_of.setdefault(key, []).append(place)
        if found.box is not None:
            ious[place] = box_iou(found.box, box)
    for keys, heat_BRC in _heat(case, places_of):
        mask_BRC = masks(heat_BRC, case.settings.mask_threshold, case.settings.mask_grid)
        for key, mask_RC in zip(keys, mask_BRC, strict=True):
            for place in places_of[key]:
                ious[place] = mask_iou(mask_RC, wanted[place][1])
    return np.round(ious, IOU_DECIMALS)


def region_boxes(case: Case) -> dict[PointKey, Box]:
    """Return the box of each region that a system states in the scored videos.

    The box of a mask bounds the part of it that hangs together with the highest heat: its
    4-connected component; of equally high places the first in reading order.

    Raises:
        InputError: a heatmap cannot be read.
    """
    videos = set(case.video_ids)
    points = {key: p for key, p in case.predictions.points.items() if key[0] in videos}
    boxes = {key: found.box for key, found in points.items() if found.box is not None}
    for keys, heat_BRC in _heat(case, points):
        found = mask_boxes(heat_BRC, case.settings.mask_threshold, case.settings.mask_grid)
        boxes.update(zip(keys, found, strict=True))
    return boxes


def masks(heat_BRC: Floats, threshold: float, grid: int = MASK_GRID) -> Bools:
    """Return which cells of the finer grid belong to each heatmap's mask; never none of them.

    By hand: of a cold and a hot column, heat rises from 0 at a quarter of the width to 1 at three
    quarters; half the frame has at least 1/2, and with the threshold .8 the last 35 %.

    >>> [float(masks(np.array([[[0.0, 1.0]]]), threshold).mean()) for threshold in (0.5, 0.8)]
    [0.5, 0.35]
    """
    return _at_least(_enlarged(heat_BRC, grid), threshold)


def mask_boxes(heat_BRC: Floats, threshold: float, grid: int = MASK_GRID) -> list[Box]:
    """Return the box round the part of each mask that holds the highest heat; see `region_boxes`.

    >>> mask_boxes(np.array([[[0.0, 1.0]]]), 0.5)
    [Box(x1=0.5, y1=0.0, x2=1.0, y2=1.0)]
    """
    heat_BRC = _enlarged(heat_BRC, grid)
    mask_BRC, is_highest_BRC = _at_least(heat_BRC, threshold), _at_least(heat_BRC, 1)
    return [_part_box(mask, peak) for mask, peak in zip(mask_BRC, is_highest_BRC, strict=True)]


def mask_iou(mask_RC: Bools, box: Box) -> float:
    """Return the IoU of a mask, whose cells are rectangles of the frame, and a box; 0..1.

    By hand: the right half of the frame and a box over the middle half of its width: a quarter of
    the frame shared, three quarters in either.

    >>> round(mask_iou(np.array([[False, True]]), Box(0.25, 0, 0.75, 1)), 6)
    0.333333
    """
    rows, columns = mask_RC.shape
    by_row = _covered(rows, box.y1, box.y2)
    by_column = _covered(columns, box.x1, box.x2)
    shared = float(by_row @ mask_RC @ by_column)
    return shared / (float(mask_RC.mean()) + box.area - shared)


def _heat(case: Case, keys: Iterable[PointKey]) -> Iterator[tuple[list[PointKey], Floats]]:
    """Yield the heatmaps of records in blocks of one shape, none where boxes are the regions."""
    if case.settings.region == "box":
        return
    keys_of: dict[HeatmapReference, list[PointKey]] = {}
    for key in keys:
        reference = case.predictions.points[key].heatmap
        if reference is not None:
            keys_of.setdefault(reference, []).append(key)
    if not keys_of:
        return
    folder = case.predictions.folder
    if folder is None:
        raise InputError(
            f"predictions of {case.predictions.system.name!r} name heatmaps, but no folder to read "
            "them from"
        )
    block: list[PointKey] = []
    heat: list[Floats] = []
    for reference, heat_RC in read_heatmaps(folder, keys_of):
        n_cells = max(case.settings.mask_grid**2, heat_RC.size)
        if heat and (heat_RC.shape != heat[0].shape or (len(heat) + 1) * n_cells > CELLS_AT_ONCE):
            yield block, np.array(heat)
            block, heat = [], []
        block += keys_of[reference]
        heat += [heat_RC] * len(keys_of[reference])
    yield block, np.array(heat)


def _enlarged(heat_BRC: Floats, grid: int) -> Floats:
    """Return heatmaps with a long side of `grid` cells, sampled between the centres of their own.

    Beyond the outermost centres the heat stays what it is there.
    """
    rows, columns = heat_BRC.shape[1:]
    scale = max(grid / max(rows, columns), 1)
    by_row = _bilinear(rows, round(rows * scale))
    by_column = _bilinear(columns, round(columns * scale))
    larger: Floats = by_row @ heat_BRC @ by_column.T
    return larger


def _at_least(heat_BRC: Floats, share: float) -> Bools:
    """Return where the heat reaches a share of each map's range, everywhere in a constant map."""
    low_B11 = heat_BRC.min(axis=(1, 2), keepdims=True)
    high_B11 = heat_BRC.max(axis=(1, 2), keepdims=True)
    range_B11 = high_B11 - low_B11
    is_constant_B11 = range_B11 <= TIE * high_B11
    level_B11 = np.where(is_constant_B11, low_B11, low_B11 + (share - TIE) * range_B11)
    found: Bools = heat_BRC >= level_B11
    return found


def _part_box(mask_RC: Bools, is_highest_RC: Bools) -> Box:
    """Return the box round the 4-connected part of a mask that holds the first highest cell."""
    parts_RC, _ = scipy.ndimage.label(mask_RC)
    is_part_RC = parts_RC == parts_RC.flat[is_highest_RC.argmax()]
    (y1, y2), (x1, x2) = (_bounds(is_part_RC.any(axis=axis)) for axis in (1, 0))
    return Box(x1, y1, x2, y2)


def _bounds(is_in_N: Bools) -> tuple[float, float]:
    """Return where the first true one of N equal parts of 0..1 begins, and where the last ends."""
    places = np.flatnonzero(is_in_N)
    return float(places[0] / len(is_in_N)), float((places[-1] + 1) / len(is_in_N))


def _bilinear(n: int, n_larger: int) -> Floats:
    """Return the weights (n_larger, n) of n cells in each cell of a finer axis; rows sum to 1."""
    places = np.clip((np.arange(n_larger) + 0.5) * n / n_larger - 0.5, 0, n - 1)
    weights: Floats = np.maximum(1 - np.abs(places[:, None] - np.arange(n)), 0)
    return weights


def _covered(n: int, start: float, stop: float) -> Floats:
    """Return how much of each of n equal parts of 0..1 lies within start..stop, (n,)."""
    edges = np.arange(n + 1) / n
    covered: Floats = np.maximum(np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start), 0)
    return covered
