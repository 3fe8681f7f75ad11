"""A report as a table for a terminal, with its rules, counts and reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from stg_model.evaluation.results import Report


def to_text(report: Report) -> str:
    """Return the report as a table with its rules, counts and reasons, for a terminal."""
    headings = report.headings
    cells = [["system", *headings.values()]]
    for row in report.systems:
        name = f"{row.system.name} (baseline)" if row.kind == "baseline" else row.system.name
        values = (row.metrics[metric] for metric in headings)
        cells.append([name, *("-" if v is None else f"{v:.4f}" for v in values)])
    lines = [
        f"release {report.release_name} {report.release_version}, sha256 {report.release_digest}",
        f"scored: {_counts(report.counts)}",
        "",
        *_aligned(cells),
        "",
        f"rules, sha256 {report.settings.digest}:",
        *(f"  {name} = {rule}" for name, rule in asdict(report.settings).items()),
        "",
    ]
    for row in report.systems:
        lines.append(f"{row.system.name}: {_counts(row.counts)}")
        for reason in dict.fromkeys(row.missing.values()):
            absent = [headings[name] for name, why in row.missing.items() if why == reason]
            lines.append(f"  no {', '.join(absent)}: {reason}")
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    """Return the counts as text, without those that are zero."""
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items() if n)


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table: first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
