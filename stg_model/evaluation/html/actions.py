"""The metrics of each single action: a table for each metric, a bar for each submitted system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataset_builder.domain import Action
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.results import Report
from stg_model.evaluation.truth import VideoTruth


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

    metric: str
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
) -> list[ActionTable]:
    """Return a table for each metric that some system has by action, in the report's order."""
    n_clips, n_frames = counts_by_action(truths)
    names = phrases(actions)
    tables = []
    for metric, heading in report.headings.items():
        shown = tuple(s for s in systems if metric in s.row.scored.per_action)
        found: list[Mapping[str, float | None]] = [s.row.scored.per_action[metric] for s in shown]
        present = {action_id for values in found for action_id in values}
        rows = tuple(
            ActionRow(
                names.get(action_id, action_id),
                n_clips[action_id],
                n_frames[action_id],
                tuple(values.get(action_id) for values in found),
            )
            for action_id in sorted(present, key=lambda a: (-n_frames[a], -n_clips[a], a))
        )
        if rows:
            tables.append(ActionTable(metric, heading, shown, rows))
    return tables


def counts_by_action(truths: Sequence[VideoTruth]) -> tuple[Counter[str], Counter[str]]:
    """Return how many scored clips each action has, and how many of their frames have a box."""
    clips = [clip for truth in truths for clip in truth.clips if clip.is_scored]
    n_clips = Counter(clip.action_id for clip in clips)
    n_frames: Counter[str] = Counter()
    for clip in clips:
        n_frames[clip.action_id] += len(clip.boxes)
    return n_clips, n_frames
