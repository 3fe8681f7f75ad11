"""Heatmaps: the exact sum of one Gaussian per click on a grid, and where it is highest.

A two-dimensional Gaussian is the product of two one-dimensional ones, so the sum over n clicks is a
rank-n matrix product `rows_factor.T @ cols_factor`: nothing is blurred, binned or cut off. The
Gaussian is round in the pixels of the frame as displayed, whatever the grid's own shape.

The paper's heatmap gives every click one weight and one sigma. The robust one (R20) weighs a click
by its annotator's reliability, 1 / scale^2, and is as wide as the frame's clicks are uncertain.

Shape letters: F frames, N clicks (at most), R rows, C columns. Grids are (rows, columns), origin
top-left; a cell stands for its centre, `((column + 0.5) / C, (row + 0.5) / R)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dataset_builder.errors import GeometryError
from dataset_builder.geometry import COORDINATE_DECIMALS, Point

TIE = 1e-9
"""Cells within this share of the maximum tie; the first in reading order is the peak.

Exact symmetry is common (two clicks, a click between two cells), and the last bits of a matrix
product differ between machines.
"""

_CELLS_AT_ONCE = 1 << 20
"""Cells in one block of work: 72 grids of 90 x 160 are 8 MB, which stays in the cache."""

Floats = NDArray[np.float64]
Clicks = Sequence[Point]
Size = tuple[int, int]


def heatmap(
    clicks: Clicks,
    size: Size,
    *,
    grid: tuple[int, int] = (90, 160),
    sigma: float = 0.03,
    normalise: Literal["density", "peak"] = "density",
    weights: Sequence[float] | None = None,
) -> Floats:
    """Return the heatmap of one frame's clicks.

    Args:
        clicks: one or more points, fractions of the frame.
        size: width and height of the frame as displayed, in pixels (only their ratio counts).
        grid: rows and columns of the result.
        sigma: standard deviation of each Gaussian, as a fraction of the frame's diagonal.
        normalise: "density" sums to 1 over the grid, "peak" has maximum 1.
        weights: one for each click, above 0; None weighs all alike.

    Returns:
        Array (rows, columns) of float64, every value >= 0.

    Raises:
        GeometryError: no clicks, or a sigma so small that no cell centre sees any of them.

    >>> heatmap([Point(0.5, 0.5)], (400, 300), grid=(3, 3), normalise="peak")[1].round(3).tolist()
    [0.0, 1.0, 0.0]
    """
    if not clicks:
        raise GeometryError("a heatmap needs at least one click")
    own = None if weights is None else [weights]
    summed = _summed([clicks], [size], grid, np.array([sigma]), own)[0]
    total = float(summed.sum() if normalise == "density" else summed.max())
    if total <= 0:
        raise _too_small(grid, sigma)
    normalised: Floats = summed / total
    return normalised


def adaptive_sigma(scale: float, floor: float, cap: float) -> float:
    """Return the width of a frame's Gaussians: its scale, but within `floor` and `cap`.

    All three are fractions of the diagonal. Clicks that lie close say little of how large the thing
    is, and clicks that lie far apart should not wash the map out.

    >>> [adaptive_sigma(scale, 0.015, 0.1) for scale in (0.0, 0.04, 0.3)]
    [0.015, 0.04, 0.1]
    """
    return min(max(scale, floor), cap)


def peaks(
    clicks: Sequence[Clicks],
    sizes: Sequence[Size],
    *,
    grid: tuple[int, int],
    sigma: float | Sequence[float],
    weights: Sequence[Sequence[float]] | None = None,
) -> list[Point]:
    """Return where each frame's heatmap is highest: the centre of that cell, rounded to 1e-6.

    The order of a frame's clicks does not matter. Cells within `TIE` of the maximum tie, and the
    first in reading order wins.

    Args:
        clicks: for each frame one or more points.
        sizes: for each frame its width and height in pixels.
        grid: rows and columns.
        sigma: as for `heatmap`, one for all frames or one for each.
        weights: for each frame one for each click; None weighs all alike.

    Raises:
        GeometryError: a frame without clicks, or a sigma so small that no cell centre sees any.

    >>> peaks([[Point(0.51, 0.5)]], [(400, 300)], grid=(10, 10), sigma=0.03)
    [Point(x=0.55, y=0.45)]
    """
    if not all(clicks):
        raise GeometryError("a peak needs at least one click in every frame")
    sigmas = np.full(len(clicks), sigma, dtype=np.float64)
    found: list[Point] = []
    for start, stop in _blocks(len(clicks), max(1, _CELLS_AT_ONCE // (grid[0] * grid[1]))):
        own = None if weights is None else weights[start:stop]
        summed = _summed(clicks[start:stop], sizes[start:stop], grid, sigmas[start:stop], own)
        flat = summed.reshape(stop - start, -1)
        highest = flat.max(axis=1, keepdims=True)
        if (highest <= 0).any():
            raise _too_small(grid, float(sigmas[start:stop].min()))
        tied = flat >= highest * (1 - TIE)
        found.extend(_cell_centre(int(index), grid) for index in tied.argmax(axis=1))
    return found


def _too_small(grid: tuple[int, int], sigma: float) -> GeometryError:
    return GeometryError(
        f"sigma {sigma} is too small for a grid of {grid[0]} x {grid[1]}: every cell is zero"
    )


def _summed(
    clicks: Sequence[Clicks],
    sizes: Sequence[Size],
    grid: tuple[int, int],
    sigma: Floats,
    weights: Sequence[Sequence[float]] | None,
) -> Floats:
    """Return the plain sums of Gaussians, shape (F, R, C); `sigma` has one value for each frame."""
    n_most = max(len(mine) for mine in clicks)
    rows_of_clicks = np.zeros((len(clicks), n_most, 3))
    for index, mine in enumerate(clicks):
        own = [1.0] * len(mine) if weights is None else weights[index]
        rows_of_clicks[index, : len(mine)] = sorted(
            (point.x, point.y, weight) for point, weight in zip(mine, own, strict=True)
        )
    places, present = rows_of_clicks[..., :2], rows_of_clicks[..., 2]
    shape = np.asarray(sizes, dtype=np.float64)  # (F, 2): width, height
    # Sigma is a length in pixels; as a fraction of each axis it differs with the frame's shape.
    sigmas = sigma[:, None] * np.hypot(shape[:, :1], shape[:, 1:]) / shape
    rows = _bells(places[..., 1], sigmas[:, 1], grid[0]) * present[..., None]  # absent: weight 0
    cols = _bells(places[..., 0], sigmas[:, 0], grid[1])
    product: Floats = rows.transpose(0, 2, 1) @ cols
    return product


def _bells(places: Floats, sigmas: Floats, n_cells: int) -> Floats:
    """Return one-dimensional Gaussians of height 1 at the cell centres.

    Args:
        places: (F, N) fractions of one axis.
        sigmas: (F,) standard deviations, fractions of the same axis.
        n_cells: cells of the axis.

    Returns:
        Array (F, N, n_cells).
    """
    centres = (np.arange(n_cells) + 0.5) / n_cells
    distance = (places[..., None] - centres) / sigmas[:, None, None]
    bells: Floats = np.exp(-0.5 * distance * distance)
    return bells


def _cell_centre(index: int, grid: tuple[int, int]) -> Point:
    row, col = divmod(index, grid[1])
    return Point(
        round((col + 0.5) / grid[1], COORDINATE_DECIMALS),
        round((row + 0.5) / grid[0], COORDINATE_DECIMALS),
    )


def _blocks(n: int, size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, size):
        yield start, min(n, start + size)
