"""The metrics of each single action: a table for each metric, a bar for each submitted system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataset_builder.domain import Action
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.results import Report
from stg_model.evaluation.truth import VideoTruth

FIRST = ("pointing", "spatial_map", "video_map_volume", "video_map_act")
"""Metrics, named without `@threshold`, that have a table before all others."""

MOST_NUMBERS = 12_000
"""In all tables together: of 680 actions and six systems, the first two metrics."""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action: how much there is of it, and what each system scored on it."""

    name: str
    n_clips: int
    n_frames: int
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ActionTable:
    """One metric; its systems are those that define it. Frequent actions come first."""

    heading: str
    systems: tuple[PageSystem, ...]
    rows: tuple[ActionRow, ...]


def phrases(actions: Sequence[Action]) -> dict[str, str]:
    """Return the query text of each action by its id."""
    return {action.action_id: action.description for action in actions}


def action_tables(
    report: Report,
    systems: Sequence[PageSystem],
    truths: Sequence[VideoTruth],
    actions: Sequence[Action],
) -> tuple[list[ActionTable], list[str]]:
    """Return a table for each metric that some system has by action, as many as have room.

    Of a metric with several thresholds the middle one is shown.

    Returns:
        The tables, and the headings of the metrics that had no room.
    """
    counts, names = counts_by_action(truths), phrases(actions)
    tables: list[ActionTable] = []
    without_room: list[str] = []
    room = MOST_NUMBERS
    for metric in _shown_metrics(report, systems):
        table = _table(metric, report.headings[metric], systems, counts, names)
        size = len(table.rows) * len(table.systems)
        if size > room:
            without_room.append(table.heading)
        else:
            tables.append(table)
            room -= size
    return tables, without_room


def _shown_metrics(report: Report, systems: Sequence[PageSystem]) -> list[str]:
    """Return the metrics that some system has by action, one threshold of each, `FIRST` first."""
    families: dict[str, list[str]] = {}
    for metric in report.headings:
        if any(s.row.scored.per_action.get(metric) for s in systems):
            families.setdefault(metric.split("@")[0], []).append(metric)
    order = sorted(families, key=lambda f: FIRST.index(f) if f in FIRST else len(FIRST))
    return [middle_threshold(families[family]) for family in order]


def middle_threshold(metrics: Sequence[str]) -> str:
    """Return the metric in the middle of those that have a number behind the @.

    >>> middle_threshold(["map@0.1", "map@0.2", "map@0.5", "map@mean"])
    'map@0.2'
    """
    numbered = [m for m in metrics if m.rpartition("@")[2].replace(".", "", 1).isdigit()]
    chosen = numbered or list(metrics)
    return chosen[(len(chosen) - 1) // 2]


def _table(
    metric: str,
    heading: str,
    systems: Sequence[PageSystem],
    counts: tuple[Counter[str], Counter[str]],
    names: Mapping[str, str],
) -> ActionTable:
    n_clips, n_frames = counts
    shown = tuple(s for s in systems if s.row.scored.per_action.get(metric))
    found: list[Mapping[str, float | None]] = [s.row.scored.per_action[metric] for s in shown]
    present = {action_id for values in found for action_id in values}
    rows = (
        ActionRow(
            names.get(action_id, action_id),
            n_clips[action_id],
            n_frames[action_id],
            tuple(values.get(action_id) for values in found),
        )
        for action_id in sorted(present, key=lambda a: (-n_frames[a], -n_clips[a], a))
    )
    return ActionTable(heading, shown, tuple(rows))


def counts_by_action(truths: Sequence[VideoTruth]) -> tuple[Counter[str], Counter[str]]:
    """Return how many scored clips each action has, and how many of their frames have a box."""
    clips = [clip for truth in truths for clip in truth.clips if clip.is_scored]
    n_clips = Counter(clip.action_id for clip in clips)
    n_frames: Counter[str] = Counter()
    for clip in clips:
        n_frames[clip.action_id] += len(clip.boxes)
    return n_clips, n_frames
