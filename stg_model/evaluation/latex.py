r"""A report as LaTeX tables for a paper: booktabs, everything escaped, rules in the notes.

Needs `\usepackage{booktabs}` and UTF-8 input, nothing else. Metrics are rows, systems are columns;
four stand beside each other, more go on below.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from stg_model.evaluation.comparison import Comparison, Difference
from stg_model.evaluation.intervals import Interval
from stg_model.evaluation.report_text import interval_notes, short_share
from stg_model.evaluation.results import Report, SystemReport, grouped, rule_text

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    # At the head of a line these three would be read as an option of the line's end.
    **{character: f"{{{character}}}" for character in "[]*"},
}

COLUMNS = 4
NAME_WIDTH = 20
"""Longer names of systems go on in a line below."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its heading, not yet escaped, and its cells by metric, ready for LaTeX."""

    heading: str
    cells: Mapping[str, str]


def to_latex(found: Report | Comparison) -> str:
    """Return a report, or a comparison with its differences and notes, as LaTeX tables.

    Bold is the best value of a row (people apart) where its interval excludes the next one; so
    nothing is bold without intervals.
    """
    whole = found if isinstance(found, Comparison) else Comparison(found)
    report = whole.report
    of_release = (
        f"{escape(report.release_name)} {escape(report.release_version)}: "
        f"{report.counts['videos']:,} videos, {report.counts['actions']:,} actions"
    )
    bold = {metric: _clearly_best(report.systems, metric) for metric in report.headings}
    columns = [
        _Column(_name(row), _cells(row, {m for m, best in bold.items() if best is row}))
        for row in report.systems
    ]
    parts = [r"% \usepackage{booktabs}"]
    parts += _table(f"Results on {of_release}.", report.headings, columns, _notes(report))
    if whole.differences:
        first = escape(whole.differences[0].first)
        caption = f"{first}: by how much it scores above other systems on {of_release}."
        parts += _table(caption, report.headings, _difference_columns(whole.differences), [])
    parts += [escape(note) + "\n" for note in whole.notes]
    return "\n".join(parts)


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it stands, on one line.

    >>> print(escape("50% of a_b & {c}"))
    50\% of a\_b \& \{c\}
    """
    return "".join(SPECIAL.get(character, character) for character in re.sub(r"\s+", " ", text))


def _table(
    caption: str, headings: Mapping[str, str], columns: Sequence[_Column], notes: Sequence[str]
) -> list[str]:
    lines = [r"\begin{table}", r"\centering\small", rf"\caption{{{caption}}}"]
    for first in range(0, len(columns), COLUMNS):
        lines += [*_tabular(headings, columns[first : first + COLUMNS]), "", r"\medskip"]
    return [*lines, r"\raggedright\footnotesize", "\n\n".join(notes), r"\end{table}", ""]


def _tabular(headings: Mapping[str, str], columns: Sequence[_Column]) -> list[str]:
    lines = [rf"\begin{{tabular}}{{@{{}}l{'c' * len(columns)}@{{}}}}", r"\toprule"]
    lines.append(_line("", [_stacked(column.heading) for column in columns]))
    for title, metrics in grouped(headings):
        lines += [r"\midrule", rf"\multicolumn{{{len(columns) + 1}}}{{@{{}}l}}{{{title}}} \\"]
        for metric in metrics:
            cells = [column.cells.get(metric, "--") for column in columns]
            lines.append(_line(rf"\quad {escape(headings[metric])}", cells))
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _line(label: str, cells: Sequence[str]) -> str:
    return " & ".join([label, *cells]) + r" \\"


def _stacked(heading: str) -> str:
    lines = [escape(line) for line in textwrap.wrap(heading, NAME_WIDTH)]
    return rf"\shortstack{{{(chr(92) * 2).join(lines)}}}"


def _name(row: SystemReport) -> str:
    return row.system.name if row.kind == "submitted" else f"{row.system.name} ({row.kind})"


def _cells(row: SystemReport, bold: set[str]) -> dict[str, str]:
    cells = {}
    for metric, value in row.metrics.items():
        if value is not None:
            number = rf"\textbf{{{value:.3f}}}" if metric in bold else f"{value:.3f}"
            cells[metric] = number + _ends(row.intervals.get(metric))
    return cells


def _difference_columns(differences: Sequence[Difference]) -> list[_Column]:
    columns: dict[str, dict[str, str]] = {}
    for found in differences:
        p = "" if found.p_value is None else rf" {{\scriptsize $p$ {short_share(found.p_value)}}}"
        cell = f"${found.value:+.3f}${_ends(found.interval, '+')}{p}"
        columns.setdefault(found.second, {})[found.metric] = cell
    return [_Column(f"above {name}", cells) for name, cells in columns.items()]


def _ends(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return ""
    low, high = short_share(interval.low, sign), short_share(interval.high, sign)
    return rf" {{\scriptsize [${low}$, ${high}$]}}"


def _clearly_best(rows: Sequence[SystemReport], metric: str) -> SystemReport | None:
    """Return the best row, people apart, if its interval lies above every other's value."""
    values = [
        (value, row)
        for row in rows
        if row.kind != "people" and (value := row.metrics.get(metric)) is not None
    ]
    values.sort(key=lambda pair: pair[0], reverse=True)
    if len(values) < 2:
        return None
    (_, best), (second, _) = values[:2]
    interval = best.intervals.get(metric)
    return best if interval and interval.low > second else None


def _notes(report: Report) -> list[str]:
    notes = [
        "All metrics lie in 0..1; more is better. --: the system's predictions do not define it."
    ]
    notes += [escape(note) for note in interval_notes(report)]
    if report.intervals:
        notes.append(
            "Bold: the best value, people apart, where its interval excludes the next one."
        )
    rules = "; ".join(f"{name} = {rule_text(v)}" for name, v in asdict(report.settings).items())
    rules = f"Rules (sha256 {report.settings.digest[:12]}): {rules}."
    return [" ".join(notes), escape(rules)]
