"""What lies over a frame's picture: a heatmap, and the outline of a mask."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import PIL.Image

from dataset_builder.contact_sheet import HEAT_RAMP
from stg_model.evaluation.measures import Floats

HEAT_LONG_SIDE_PX = 64
HEAT_LEVELS = 64
HEAT_OPACITY = 0.65
"""Of the hottest place: what happens there must stay visible."""


def heat_png(heat: Floats, shape: tuple[int, int]) -> bytes:
    """Return a heatmap as a small PNG that lies over its frame.

    Opacity grows with the square of the heat, so that lukewarm ground does not tint the frame.

    Args:
        heat: (rows, columns), 0 or more.
        shape: width and height of the frame in any unit.
    """
    span = heat.max() - heat.min()
    scaled = (heat - heat.min()) / span if span > 0 else np.zeros_like(heat)
    size = fitted(*shape, HEAT_LONG_SIDE_PX)
    image = PIL.Image.fromarray(scaled.astype(np.float32))
    smooth = np.asarray(image.resize(size, PIL.Image.Resampling.BILINEAR)).clip(0, 1)
    places = [place for place, _ in HEAT_RAMP]
    levels = np.linspace(0, 1, HEAT_LEVELS)
    channels = [np.interp(levels, places, [c[i] for _, c in HEAT_RAMP]) for i in range(3)]
    found = PIL.Image.fromarray((smooth * (HEAT_LEVELS - 1)).round().astype(np.uint8))
    found.putpalette(np.stack(channels, axis=-1).round().astype(np.uint8).tobytes())
    opacity = (255 * HEAT_OPACITY * levels**2).round().astype(np.uint8).tobytes()
    out = io.BytesIO()
    found.save(out, "PNG", transparency=opacity, optimize=True)
    return out.getvalue()


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


def fitted(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Return the size with the same shape whose long side is as given."""
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
