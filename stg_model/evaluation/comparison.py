"""Several systems beside each other: on the same videos with paired intervals, or from reports.

`compare` scores predictions files together: every system meets the same resampled videos, so that
a difference between two of them gets an interval and a p value of its own, which is much narrower
than two separate intervals suggest. `tabulate` puts stored reports into one table, where their
rules and their truth are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dataset_builder.errors import InputError
from dataset_builder.predictions import Predictions
from dataset_builder.release import Release
from stg_model.evaluation.intervals import (
    Interval,
    IntervalSettings,
    percentile_interval,
    two_sided_p,
)
from stg_model.evaluation.report import evaluate_all
from stg_model.evaluation.results import Report, SystemReport, rule_text
from stg_model.evaluation.settings import EvaluationSettings


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one system scores above another on the same videos.

    Attributes:
        metric: its name in JSON.
        first, second: names of the systems.
        value: metric of the first - metric of the second.
        interval: of that difference over resampled videos; None where too few define it.
        p_value: that a difference is there at all (`intervals.two_sided_p`), None likewise.
        n_videos: how many videos were resampled.
    """

    metric: str
    first: str
    second: str
    value: float
    interval: Interval | None
    p_value: float | None
    n_videos: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several systems in one report.

    Attributes:
        report: a row for each.
        differences: of the first system to each other row, metric by metric.
        notes: what a reader must know, one sentence each.
    """

    report: Report
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values: those of the report and what goes beyond."""
        return {
            **self.report.to_json(),
            "differences": [
                {**asdict(d), "interval": d.interval and [d.interval.low, d.interval.high]}
                for d in self.differences
            ],
            "notes": list(self.notes),
        }


def compare(
    release: Release,
    systems: Sequence[Predictions],
    settings: EvaluationSettings | None = None,
    intervals: IntervalSettings | None = None,
    baselines: Sequence[Predictions] = (),
) -> Comparison:
    """Score systems on a release and say by how much the first scores above each other row.

    Without `intervals` there are the values alone.

    Raises:
        InputError: as `evaluate`.
    """
    report = evaluate_all(release, systems, settings, baselines, intervals)
    first, *others = report.systems
    differences = [found for other in others for found in _differences(report, first, other)]
    return Comparison(report, tuple(differences), tuple(_notes(report, differences)))


def tabulate(
    reports: Sequence[tuple[str, Report]], *, allow_different_rules: bool = False
) -> Comparison:
    """Put the rows of reports, each with its name for messages, into one table.

    Baselines that stand in several reports alike are shown once; systems of one name get their
    report's name in brackets.

    Raises:
        InputError: a release was never written, so that nothing says which one it is; or their
            truth or their rules differ. With `allow_different_rules` such rows carry
            a mark behind their name, and the notes say what the mark stands for.
    """
    base_name, base = reports[0]
    marks: dict[tuple[str, ...], str] = {(): ""}
    rows: list[SystemReport] = []
    shown: dict[tuple[str, str], list[SystemReport]] = {}
    submitted = Counter(
        row.system.name for _, report in reports for row in report.systems if _is_submitted(row)
    )
    for name, report in reports:
        if not report.release_digest:
            raise InputError(
                f"{name}: its release was never written and has no digest, so that it could be "
                "any; write the release, read it and evaluate again"
            )
        unlike = tuple(_unlike(base, report))
        if unlike and not allow_different_rules:
            raise InputError(
                f"{name} does not stand in one table with {base_name}: {'; '.join(unlike)} "
                "(--allow-different-rules marks such rows)"
            )
        mark = marks.setdefault(unlike, f" [{len(marks)}]")
        for row in report.systems:
            label = row.system.name
            if _is_submitted(row) and submitted[label] > 1:
                label += f" ({name})"
            marked = replace(row, system=replace(row.system, name=label + mark))
            alike = shown.setdefault((row.kind, label + mark), [])
            if _is_submitted(row) or marked not in alike:
                alike.append(marked)
                rows.append(marked)
    headings = {name: text for _, report in reports for name, text in report.headings.items()}
    rows.sort(key=_is_submitted, reverse=True)
    notes = [f"{mark.strip()} {'; '.join(unlike)}" for unlike, mark in marks.items() if mark]
    made = next((report.intervals for _, report in reports if report.intervals), None)
    notes += [
        f"{name}: intervals over {report.intervals.replicates:,} resamplings, seed "
        f"{report.intervals.seed}, at {report.intervals.level:.0%}"
        for name, report in reports
        if report.intervals and report.intervals != made
    ]
    table = replace(base, headings=headings, systems=tuple(rows), intervals=made)
    return Comparison(table, (), tuple(notes))


def _is_submitted(row: SystemReport) -> bool:
    return row.kind == "submitted"


def _unlike(base: Report, other: Report) -> list[str]:
    """Return what keeps two reports' numbers from being compared, one phrase each."""
    found = []
    if base.release_digest != other.release_digest:
        found.append(
            f"release {other.release_name} {other.release_version} (sha256 "
            f"{other.release_digest[:12]}) instead of {base.release_name} {base.release_version} "
            f"(sha256 {base.release_digest[:12]})"
        )
    mine, theirs = asdict(base.settings), asdict(other.settings)
    found += [
        f"{name} = {rule_text(theirs[name])} instead of {rule_text(mine[name])}"
        for name in mine
        if mine[name] != theirs[name]
    ]
    return found


def _differences(report: Report, first: SystemReport, other: SystemReport) -> list[Difference]:
    found = []
    n_videos = report.counts["videos"]
    for metric in report.headings:
        mine, theirs = first.metrics[metric], other.metrics[metric]
        if mine is None or theirs is None:
            continue
        interval, p_value = None, None
        if report.intervals is not None:
            values_R = first.replicates[metric] - other.replicates[metric]
            interval = percentile_interval(mine - theirs, values_R, report.intervals.level)
            p_value = two_sided_p(mine - theirs, values_R, n_videos) if interval else None
        names = first.system.name, other.system.name
        found.append(Difference(metric, *names, mine - theirs, interval, p_value, n_videos))
    return found


def _notes(report: Report, differences: Sequence[Difference]) -> list[str]:
    notes = []
    n_tests = sum(d.p_value is not None for d in differences)
    if n_tests > 1:
        notes.append(
            f"The {n_tests} p values are not adjusted for their number: of so many true nulls, one "
            "in twenty falls below 0.05 by chance."
        )
    pools = {row.system.pool or "not stated" for row in report.systems if _is_submitted(row)}
    if len(pools) > 1 and report.settings.pool == "video":
        notes.append(
            f"The systems chose among different actions (pool: {', '.join(sorted(pools))}); what "
            "each says outside a video's own actions was chosen anew, see the counts."
        )
    return notes
