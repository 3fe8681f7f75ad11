"""Precision-recall curves as SVG paths: their mean over actions, and the most frequent actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dataset_builder.domain import Action
from stg_model.evaluation.html.actions import middle_threshold, phrases
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.measures import Curve, Floats
from stg_model.evaluation.results import Report

SHOWN_ACTIONS = 5
SIDE = 100
"""A curve is drawn in a square of this side, recall to the right, precision upwards."""

GRID_R = np.linspace(0, 1, 101)
"""Recalls at which a curve is drawn."""


@dataclass(frozen=True, slots=True)
class Line:
    """One system's curve: its class in the style sheet, its path, and its average precision."""

    system: PageSystem
    path: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """One small diagram: an action (or the mean of all) with a line for each system."""

    title: str
    n_true: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class CurveSet:
    """The diagrams of one metric; one threshold of the first metric is open from the start."""

    heading: str
    is_open: bool
    n_actions: int
    panels: tuple[Panel, ...]


def curve_sets(
    report: Report, systems: Sequence[PageSystem], actions: Sequence[Action]
) -> list[CurveSet]:
    """Return the diagrams of each metric that has curves, in the report's order."""
    names = phrases(actions)
    metrics = [m for m in report.headings if _n_true(systems, m)]
    first = [m for m in metrics if m.split("@")[0] == metrics[0].split("@")[0]]
    found = []
    for metric in metrics:
        shown = [s for s in systems if _curves(s, metric)]
        n_true = _n_true(shown, metric)
        frequent = sorted(n_true, key=lambda a: (-n_true[a], a))[:SHOWN_ACTIONS]
        panels = [_mean_panel(metric, shown, sorted(n_true), sum(n_true.values()))]
        for action_id in frequent:
            lines = (_line(system, metric, action_id) for system in shown)
            panels.append(Panel(names.get(action_id, action_id), n_true[action_id], tuple(lines)))
        found.append(
            CurveSet(
                report.headings[metric],
                metric == middle_threshold(first),
                len(n_true),
                tuple(panels),
            )
        )
    return found


def envelope(curve: Curve | None) -> Floats:
    """Return the highest precision at each recall of `GRID_R` or more, 0 where none is reached.

    >>> curve = Curve(np.array([0.5, 0.5, 1.0]), np.array([1.0, 0.5, 0.6]), np.zeros(3), 2)
    >>> envelope(curve)[[0, 50, 51, 100]].tolist()
    [1.0, 1.0, 0.6, 0.6]
    """
    found: Floats = np.zeros(len(GRID_R))
    if curve is None or not len(curve.recall):
        return found
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    at = np.searchsorted(curve.recall, GRID_R - 1e-9)
    found[at < len(best)] = best[at[at < len(best)]]
    return found


def _curves(system: PageSystem, metric: str) -> Mapping[str, Curve]:
    return system.row.scored.curves.get(metric, {})


def _n_true(systems: Sequence[PageSystem], metric: str) -> dict[str, int]:
    """Return the number of true ones of each action that has some."""
    curves = [found for system in systems for found in _curves(system, metric).items()]
    return {action_id: curve.n_true for action_id, curve in curves if curve.n_true}


def _line(system: PageSystem, metric: str, action_id: str) -> Line:
    scored = system.row.scored
    value = scored.per_action.get(metric, {}).get(action_id)
    return Line(system, _path(envelope(_curves(system, metric).get(action_id))), value)


def _mean_panel(
    metric: str, systems: Sequence[PageSystem], actions: Sequence[str], n_true: int
) -> Panel:
    lines = []
    for system in systems:
        curves = _curves(system, metric)
        mean: Floats = np.mean([envelope(curves.get(action_id)) for action_id in actions], axis=0)
        lines.append(Line(system, _path(mean), system.row.metrics.get(metric)))
    return Panel("Mean over actions", n_true, tuple(lines))


def _path(precision: Floats) -> str:
    """Return the curve as an SVG path, without the points on straight stretches."""
    x = SIDE * GRID_R
    y = SIDE * (1 - precision)
    bend = np.ones(len(x), dtype=bool)
    bend[1:-1] = np.abs(np.diff(y, 2)) > 1e-9
    points = (f"{a:g} {b:g}" for a, b in zip(x[bend].round(1), y[bend].round(1), strict=True))
    return "M" + "L".join(points)
