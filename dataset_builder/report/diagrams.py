"""Small diagrams as numbers that a template draws: histograms and curves on one frame of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEFT, RIGHT, TOP, BOTTOM = 52.0, 312.0, 24.0, 130.0
"""The axes in a drawing 320 units wide and 170 high."""

MOST_TICKS = 6
TICK_STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tick:
    """A number below or beside an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with what it tells under the pointer."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """A diagram: bars or a path, ticks, and a vertical mark with its text where there is one.

    `path_before` is a second path of the same axes, of what was before.
    """

    title: str
    x_title: str
    y_title: str
    bars: tuple[Bar, ...] = ()
    path: str = ""
    path_before: str = ""
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    mark: Tick | None = None


def histogram(
    title: str,
    x_title: str,
    y_title: str,
    values: Floats,
    *,
    step: float,
    most: float,
    is_count: bool = False,
) -> Diagram:
    """Return a histogram with bars of one width from 0; the last bar also holds all beyond.

    The mark is the median.

    Args:
        title: of the diagram.
        x_title: what the values are.
        y_title: what is counted.
        values: one or more numbers >= 0.
        step: width of a bar.
        most: a multiple of `step`, where the axis ends.
        is_count: the values are whole; with a step of 1 each stands in the middle of its bar.
    """
    n_bars = round(most / step)
    # A value on a border belongs to the bar above it, whatever its last bits say.
    places = np.floor(values / step + 1e-9).astype(np.int64).clip(0, n_bars - 1)
    counts = np.bincount(places, minlength=n_bars).tolist()
    highest = max(counts)
    width = (RIGHT - LEFT) / n_bars
    shift = width / 2 if is_count and step == 1 else 0.0
    bars = []
    for index, count in enumerate(counts):
        height = (BOTTOM - TOP) * count / highest
        low, high = index * step, (index + 1) * step - is_count
        span = f"{low:g} to {high:g}" if low < high else f"{low:g}"
        if index == n_bars - 1:
            span = f"{low:g} or more"
        x, y = round(LEFT + index * width, 2), round(BOTTOM - height, 2)
        bars.append(
            Bar(x, y, round(max(width - 1, 0.5), 2), round(height, 2), f"{span}: {count:,}")
        )
    median = float(np.median(values))
    at = min(LEFT + shift + (RIGHT - LEFT) * median / most, RIGHT)
    return Diagram(
        title,
        x_title,
        y_title,
        bars=tuple(bar for bar in bars if bar.height),
        x_ticks=_x_ticks(most - bool(shift), shift),
        y_ticks=(Tick(BOTTOM, "0"), Tick(TOP, f"{highest:,}")),
        mark=Tick(round(at, 2), f"dashed: median {median:.3g}"),
    )


def shares_within(
    title: str, x_title: str, y_title: str, values: Floats, *, most: float, mark: float, text: str
) -> Diagram:
    """Return the share of values that are at most x, as a curve from 0 to `most`."""
    xs = np.linspace(0, most, 137)
    shares = np.searchsorted(np.sort(values), xs, side="right") / len(values)
    points = [
        f"{LEFT + (RIGHT - LEFT) * x / most:.4g} {BOTTOM - (BOTTOM - TOP) * share:.4g}"
        for x, share in zip(xs.tolist(), shares.tolist(), strict=True)
    ]
    return Diagram(
        title,
        x_title,
        y_title,
        path="M" + "L".join(points),
        x_ticks=_x_ticks(most, 0.0),
        y_ticks=(Tick(BOTTOM, "0"), Tick((TOP + BOTTOM) / 2, "50 %"), Tick(TOP, "100 %")),
        mark=Tick(round(LEFT + (RIGHT - LEFT) * mark / most, 2), text),
    )


def shares_by_place(
    title: str,
    x_title: str,
    y_title: str,
    places: Sequence[float],
    *,
    before: Sequence[float],
    after: Sequence[float],
    mark: float,
    text: str,
) -> Diagram:
    """Return two shares, each 0..1, at some places of an axis from 0 to 1, in percent."""

    def path(shares: Sequence[float]) -> str:
        points = zip(places, shares, strict=True)
        return "M" + "L".join(
            f"{LEFT + (RIGHT - LEFT) * x:.4g} {BOTTOM - (BOTTOM - TOP) * y:.4g}" for x, y in points
        )

    return Diagram(
        title,
        x_title,
        y_title,
        path=path(after),
        path_before=path(before),
        x_ticks=_x_ticks(100, 0.0),
        y_ticks=(Tick(BOTTOM, "0"), Tick((TOP + BOTTOM) / 2, "50 %"), Tick(TOP, "100 %")),
        mark=Tick(round(LEFT + (RIGHT - LEFT) * mark, 2), text),
    )


def nice_most(values: Floats, steps: Sequence[float], n_bars: int) -> tuple[float, float]:
    """Return a bar's width out of `steps` and the axis' end, so that few values lie beyond.

    >>> nice_most(np.array([1.0, 2.0, 38.0]), (1, 2, 5), 12)
    (5, 40)
    """
    reach = float(np.quantile(values, 0.99))
    step = next((s for s in steps if s * n_bars > reach), steps[-1])
    needed = int(reach // step) + 1
    return step, step * min(-(-needed // 4) * 4, n_bars)


def _x_ticks(last: float, shift: float) -> tuple[Tick, ...]:
    """Return ticks at round numbers from 0 to `last`; a shift leaves half a bar free."""
    step = next((x for x in TICK_STEPS if last / x < MOST_TICKS), TICK_STEPS[-1])
    span = RIGHT - LEFT - 2 * shift
    return tuple(
        Tick(round(LEFT + shift + span * k * step / last, 2), f"{k * step:g}")
        for k in range(int(last / step + 1e-9) + 1)
    )
