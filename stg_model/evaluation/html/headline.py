"""The headline table: metrics by what they ask, one column for each system, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.intervals import Interval
from stg_model.evaluation.results import Report

GROUPS = (
    ("Where, given the action and the second", ("pointing", "frame_iou_share", "spatial_map")),
    ("When, given the order of the actions", ("temporal_", "mof")),
    ("What, where and when", ("iou_pointing", "video_map")),
    ("Where in the video, given the action", ("m_tiou", "m_viou", "viou@", "gt_viou")),
    ("Other", ("",)),
)
"""What a group of metrics asks, and how their names begin; the first that fits."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one system scored in one metric: nothing, a value, or a value with its interval."""

    value: float | None
    interval: Interval | None
    reason: str


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: its name in JSON, its heading, and a cell for each system."""

    name: str
    heading: str
    cells: tuple[Cell, ...]


def groups(report: Report, systems: Sequence[PageSystem]) -> list[tuple[str, list[MetricRow]]]:
    """Return the table's rows by group, without groups that are empty."""
    found: dict[str, list[MetricRow]] = {title: [] for title, _ in GROUPS}
    for name, heading in report.headings.items():
        cells = tuple(_cell(system, name) for system in systems)
        title = next(title for title, begins in GROUPS if name.startswith(begins))
        found[title].append(MetricRow(name, heading, cells))
    return [(title, rows) for title, rows in found.items() if rows]


def _cell(system: PageSystem, name: str) -> Cell:
    row = system.row
    return Cell(row.metrics.get(name), row.intervals.get(name), row.missing.get(name, ""))
