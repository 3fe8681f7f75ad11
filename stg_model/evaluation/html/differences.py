"""By how much the first system of a comparison scores above each other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stg_model.evaluation.comparison import Comparison, Difference
from stg_model.evaluation.results import grouped

LEAST_SCALE = 0.05


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One metric; places on a line whose middle is no difference, in percent of its length."""

    heading: str
    found: Difference
    value_at: float
    interval_at: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class DifferenceTable:
    """All metrics of one pair; `scale` is the difference at the right end of the lines."""

    first: str
    second: str
    scale: float
    groups: tuple[tuple[str, tuple[DifferenceRow, ...]], ...]


def difference_tables(comparison: Comparison) -> list[DifferenceTable]:
    """Return a table for each system that the first is compared with, in their order."""
    pairs = dict.fromkeys((found.first, found.second) for found in comparison.differences)
    return [
        _table(comparison, first, second, [d for d in comparison.differences if d.second == second])
        for first, second in pairs
    ]


def _table(
    comparison: Comparison, first: str, second: str, differences: Sequence[Difference]
) -> DifferenceTable:
    ends = [abs(d.value) for d in differences]
    ends += [
        abs(end) for d in differences if d.interval for end in (d.interval.low, d.interval.high)
    ]
    scale = max(LEAST_SCALE, *ends)
    by_metric = {found.metric: found for found in differences}
    headings = comparison.report.headings

    def at(value: float) -> float:
        return round(50 + 50 * value / scale, 2)

    def row(found: Difference) -> DifferenceRow:
        ends = found.interval
        interval = None if ends is None else (at(ends.low), at(ends.high))
        return DifferenceRow(headings[found.metric], found, at(found.value), interval)

    groups = (
        (title, tuple(row(by_metric[name]) for name in names if name in by_metric))
        for title, names in grouped(headings)
    )
    return DifferenceTable(first, second, scale, tuple(g for g in groups if g[1]))
