"""Heatmaps as small pictures that lie over a frame."""

from __future__ import annotations

import base64
import io

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from dataset_builder.contact_sheet import HEAT_RAMP

HEAT_LONG_SIDE_PX = 64
HEAT_LEVELS = 64
HEAT_OPACITY = 0.65
"""Of the hottest place: what happens there must stay visible."""


def heat_png(heat: NDArray[np.float64], shape: tuple[int, int]) -> bytes:
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


def heat_url(heat: NDArray[np.float64], shape: tuple[int, int]) -> str:
    """Return `heat_png` as an address that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(heat_png(heat, shape)).decode()}"


def fitted(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Return the size with the same shape whose long side is as given."""
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
