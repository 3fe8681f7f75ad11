"""A frame's heatmap as a picture to lay over it: where nobody clicked it lets the frame through."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import PIL.Image

from dataset_builder.fusion.heatmap import heatmap
from dataset_builder.geometry import Point
from dataset_builder.settings import BuildSettings

STOPS = ((0.0, (68, 1, 84)), (0.5, (222, 73, 104)), (0.8, (251, 155, 60)), (1.0, (252, 253, 191)))
"""Colours from few clicks to the peak; the legend in maintain.css has the same."""
OPAQUE = 215


def heatmap_png(clicks: Sequence[Point], size: tuple[int, int], settings: BuildSettings) -> bytes:
    """Return a PNG with one pixel a cell of the builder's heatmap, opaque where it is highest.

    Args:
        clicks: of one frame; none gives an empty picture.
        size: width and height of the frame in pixels.
        settings: grid and sigma.
    """
    grid = (settings.grid_rows, settings.grid_cols)
    values = np.zeros(grid)
    if clicks:
        points = [click.rounded() for click in clicks]
        values = heatmap(points, size, grid=grid, sigma=settings.sigma, normalise="peak")
    places = [place for place, _ in STOPS]
    colours = np.array([colour for _, colour in STOPS], dtype=np.float64)
    channels = [np.interp(values, places, colours[:, n]) for n in range(3)]
    picture = np.stack([*channels, OPAQUE * np.sqrt(values)], axis=-1).round().astype(np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
