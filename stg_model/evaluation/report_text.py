"""A report as tables for a terminal, 100 columns wide, with its rules, counts and reasons.

Metrics are rows, systems are columns with their intervals; systems that do not fit beside each
other go on in a block below.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass

from stg_model.evaluation.comparison import Comparison, Difference
from stg_model.evaluation.intervals import Interval
from stg_model.evaluation.results import Report, SystemReport, grouped, rule_text
from stg_model.evaluation.settings import EvaluationSettings

WIDTH = 100
NAME_WIDTH = 22
"""Longer names of systems go on in a line below."""

TOO_FEW = "[-]"

FEW_VIDEOS = 10
"""Below so many, percentiles of resampled videos lie too close together."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of a table: its heading in lines, and a cell for each metric that has one."""

    heading: Sequence[str]
    cells: Mapping[str, str]

    @property
    def width(self) -> int:
        """Return the width of its widest line."""
        return max(map(len, [*self.heading, *self.cells.values()]))


def to_text(found: Report | Comparison) -> str:
    """Return a report, or a comparison with its differences and notes, for a terminal."""
    whole = found if isinstance(found, Comparison) else Comparison(found)
    report = whole.report
    left_out = _counts(report.left_out)
    lines = [
        escaped(
            f"release {report.release_name} {report.release_version}, sha256 "
            f"{report.release_digest}"
        ),
        *_wrapped(f"scored: {_counts(report.counts)}"),
        *(_wrapped(f"left out of the release: {left_out}") if left_out else ()),
        "All metrics lie in 0..1; more is better.",
        *interval_notes(report),
        "",
        *_blocks(report.headings, [_n_actions(report), *map(_system, report.systems)]),
        "",
    ]
    if whole.differences:
        lines += [*_difference_lines(report, whole.differences), ""]
    if any(TOO_FEW in line for line in lines):
        lines += [f"{TOO_FEW}: too few videos define the metric for an interval", ""]
    lines += [*_rule_lines(report.settings), ""]
    for row in report.systems:
        lines += _row_lines(row, report.headings)
    lines += [line for note in whole.notes for line in _wrapped(note)]
    return "\n".join(lines)


def interval_notes(report: Report) -> list[str]:
    """Return how the intervals were made, and a warning where they stand on few videos."""
    made, n_videos = report.intervals, report.counts["videos"]
    if made is None:
        return []
    notes = [
        f"In brackets: {made.level:.0%} intervals over {made.replicates:,} resamplings of the "
        f"videos, seed {made.seed}."
    ]
    if n_videos < FEW_VIDEOS:
        notes.append(f"Only {n_videos} videos: intervals of so few are too narrow.")
    return notes


def _n_actions(report: Report) -> _Column:
    """Return how many actions each metric has something to find for."""
    cells = {name: f"{n:,}" for row in report.systems for name, n in row.n_actions.items()}
    return _Column(["actions"], cells)


def _system(row: SystemReport) -> _Column:
    heading = textwrap.wrap(escaped(row.system.name), NAME_WIDTH) or [""]
    if row.kind != "submitted":
        heading.append(f"({row.kind})")
    cells = {
        name: "-" if value is None else f"{value:.4f}{_ends(row.intervals, name)}"
        for name, value in row.metrics.items()
    }
    return _Column(heading, cells)


def _ends(intervals: Mapping[str, Interval | None], name: str) -> str:
    """Return the interval as it stands behind a value."""
    if name not in intervals:
        return ""
    found = intervals[name]
    return (
        f" {TOO_FEW:^12}"
        if found is None
        else f" [{short_share(found.low)}, {short_share(found.high)}]"
    )


def short_share(value: float, sign: str = "") -> str:
    """Return a share in four characters, without the 0 before the point: .091, 1.00.

    >>> short_share(0.0912), short_share(0.99996), short_share(-0.25, "+")
    ('.091', '1.00', '-.250')
    """
    rounded = f"{value:{sign}.3f}"
    return rounded.replace("0.", ".", 1) if abs(value) < 0.9995 else rounded[:-1]


def _difference_lines(report: Report, differences: Sequence[Difference]) -> list[str]:
    columns: dict[str, dict[str, str]] = {}
    for found in differences:
        cell = f"{found.value:+.4f}"
        if report.intervals:
            cell += f" {TOO_FEW:^14}"
        if found.interval and found.p_value is not None:
            ends = (
                f"[{short_share(found.interval.low, '+')}, {short_share(found.interval.high, '+')}]"
            )
            cell = f"{found.value:+.4f} {ends} p {short_share(found.p_value)}"
        columns.setdefault(found.second, {})[found.metric] = cell
    return [
        *_wrapped(
            f"{differences[0].first}: by how much it scores above each other row, on the same "
            "videos"
        ),
        "",
        *_blocks(
            report.headings,
            [
                _Column(textwrap.wrap(escaped(name), NAME_WIDTH), cells)
                for name, cells in columns.items()
            ],
        ),
    ]


def _blocks(headings: Mapping[str, str], columns: Sequence[_Column]) -> list[str]:
    """Return tables with the metrics as grouped rows; each holds as many columns as fit."""
    names = max(map(len, headings.values())) + 2
    lines: list[str] = []
    block: list[_Column] = []
    for column in columns:
        if block and names + sum(c.width + 2 for c in [*block, column]) > WIDTH:
            lines += [*_block(headings, block, names), ""]
            block = []
        block.append(column)
    return lines + _block(headings, block, names)


def _block(headings: Mapping[str, str], columns: Sequence[_Column], names: int) -> list[str]:
    height = max(len(column.heading) for column in columns)
    tops = [[*[""] * (height - len(c.heading)), *c.heading] for c in columns]
    lines = [_line("", [top[i] for top in tops], columns, names) for i in range(height)]
    for title, metrics in grouped(headings):
        lines.append(title)
        lines += [
            _line(f"  {headings[m]}", [c.cells.get(m, "-") for c in columns], columns, names)
            for m in metrics
        ]
    return lines


def _line(label: str, cells: Sequence[str], columns: Sequence[_Column], names: int) -> str:
    """Return one line: cells of the columns' widths, to the left, as headings stand."""
    parts = [cell.ljust(c.width) for cell, c in zip(cells, columns, strict=True)]
    return "  ".join([label.ljust(names), *parts]).rstrip()


def _rule_lines(settings: EvaluationSettings) -> list[str]:
    """Return the rules in two columns, those that were changed with a star."""
    usual = asdict(EvaluationSettings())
    cells = [
        f"{'*' if value != usual[name] else ' '} {name} = {rule_text(value)}"
        for name, value in asdict(settings).items()
    ]
    half = (len(cells) + 1) // 2
    pairs = itertools.zip_longest(cells[:half], cells[half:], fillvalue="")
    return [
        f"rules, sha256 {settings.digest} (* not the default):",
        *(f"{left:<{WIDTH // 2}}{right}".rstrip() for left, right in pairs),
    ]


def _row_lines(row: SystemReport, headings: Mapping[str, str]) -> list[str]:
    """Return what a row stands on, and why it lacks what it lacks."""
    lines = _wrapped(f"{row.system.name}: {_counts(row.counts)}")
    for reason in dict.fromkeys(row.missing.values()):
        absent = {name for name in headings if row.missing.get(name) == reason}
        lines += _wrapped(f"no {'; '.join(_summed_up(absent, headings))}: {reason}", "  ")
    return lines


def _summed_up(absent: Set[str], headings: Mapping[str, str]) -> list[str]:
    """Return metrics by the name of their whole group, or of all their thresholds, or their own."""
    found = []
    for title, names in grouped(headings):
        if absent >= set(names):
            found.append(f"'{title}'")
            continue
        for _, family in itertools.groupby(names, key=lambda name: name.split("@")[0]):
            mine = list(family)
            if len(mine) > 1 and absent >= set(mine):
                found.append(headings[mine[0]].split("@")[0])
            else:
                found += [headings[name] for name in mine if name in absent]
    return found


def _counts(counts: Mapping[str, int]) -> str:
    """Return the counts as text, without those that are zero."""
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items() if n)


def escaped(text: str) -> str:
    r"""Return text with a code for each character that a terminal would not show as one.

    >>> print(escaped("a\x1b[31mb"))
    a\x1b[31mb
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        escaped(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
    )
