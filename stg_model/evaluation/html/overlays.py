"""The outline of a mask over a frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def mask_outline(mask: npt.NDArray[np.bool_], shape: tuple[int, int]) -> str:
    """Return the borders between a mask and what is outside as an SVG path.

    >>> mask_outline(np.array([[True, False]]), (20, 10))
    'M0 0H10M0 10H10M0 0V10M10 0V10'

    Args:
        mask: (rows, columns).
        shape: width and height of the drawing.
    """
    rows, columns = mask.shape
    width, height = shape[0] / columns, shape[1] / rows
    lines = [
        f"M{start * width:.4g} {y * height:.4g}H{end * width:.4g}"
        for y, start, end in _borders(mask)
    ]
    lines += [
        f"M{x * width:.4g} {start * height:.4g}V{end * height:.4g}"
        for x, start, end in _borders(mask.T)
    ]
    return "".join(lines)


def _borders(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return each stretch of border between rows: the row below it, first column, past the last."""
    edged = np.pad(mask, 1).astype(np.int8)
    is_border = np.diff(edged, axis=0)[:, 1:-1] != 0
    steps = np.diff(np.pad(is_border.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, ends = np.argwhere(steps == 1).tolist(), np.argwhere(steps == -1).tolist()
    return [(row, start, end) for (row, start), (_, end) in zip(starts, ends, strict=True)]
