"""The headline table: metrics by what they ask, one column for each system, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.intervals import Interval
from stg_model.evaluation.results import Report, grouped


@dataclass(frozen=True, slots=True)
class Cell:
    """What one system scored in one metric: nothing (and why), or a value with its interval.

    `spread` is where the interval begins in the strip below, and how wide it is, in percent of
    0..1; an interval may reach beyond, the strip does not.
    """

    style: str
    value: float | None
    interval: Interval | None
    spread: tuple[float, float] | None
    reason: str


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: its heading, over how many actions it goes (0: not known), and its cells."""

    heading: str
    n_actions: int
    cells: tuple[Cell, ...]


def metric_groups(
    report: Report, systems: Sequence[PageSystem]
) -> list[tuple[str, list[MetricRow]]]:
    """Return the table's rows by group; metrics that no system has are left to the reasons."""
    found = []
    for title, names in grouped(report.headings):
        rows = [_row(report, systems, name) for name in names]
        shown = [row for row in rows if any(cell.value is not None for cell in row.cells)]
        if shown:
            found.append((title, shown))
    return found


def lacks_intervals(report: Report, groups: Sequence[tuple[str, Sequence[MetricRow]]]) -> bool:
    """Return whether some value of the table has no interval though they were asked for."""
    cells = (cell for _, rows in groups for row in rows for cell in row.cells)
    return report.intervals is not None and any(
        cell.value is not None and cell.interval is None for cell in cells
    )


def _row(report: Report, systems: Sequence[PageSystem], name: str) -> MetricRow:
    n_actions = max((s.row.n_actions.get(name, 0) for s in systems), default=0)
    return MetricRow(report.headings[name], n_actions, tuple(_cell(s, name) for s in systems))


def _cell(system: PageSystem, name: str) -> Cell:
    row = system.row
    interval = row.intervals.get(name)
    spread = None
    if interval is not None:
        low, high = (min(max(100 * end, 0), 100) for end in (interval.low, interval.high))
        spread = low, high - low
    return Cell(system.style, row.metrics.get(name), interval, spread, row.missing.get(name, ""))
