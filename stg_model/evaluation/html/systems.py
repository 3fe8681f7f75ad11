"""The systems of a page: each with its row of the report, its predictions and its colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataset_builder.predictions import Predictions
from stg_model.evaluation.results import Report, SystemReport

N_COLOURS = 6
"""Colours of submitted systems in the style sheet; later ones begin again."""


@dataclass(frozen=True, slots=True)
class PageSystem:
    """One system on the page.

    Attributes:
        row: what it scored.
        predictions: what it said; None where only its scores are known (baselines, people).
        style: the class of its lines and bars in the style sheet: s1..s6, or b1.. for baselines.
    """

    row: SystemReport
    predictions: Predictions | None
    style: str

    @property
    def name(self) -> str:
        """What it calls itself."""
        return self.row.system.name


def page_systems(report: Report, predictions: Sequence[Predictions]) -> list[PageSystem]:
    """Return the systems in the report's order.

    Args:
        report: the rows.
        predictions: of the submitted rows, in their order.

    Raises:
        ValueError: the predictions are not those of the report's submitted systems.
    """
    submitted = [row.system.name for row in report.systems if row.kind == "submitted"]
    given = [found.system.name for found in predictions]
    if given != submitted:
        raise ValueError(f"predictions of {given} do not belong to the rows {submitted}")
    found: list[PageSystem] = []
    rest = iter(predictions)
    counts = {"s": 0, "b": 0}
    for row in report.systems:
        kind = "s" if row.kind == "submitted" else "b"
        number = counts[kind] % N_COLOURS + 1
        counts[kind] += 1
        found.append(PageSystem(row, next(rest) if kind == "s" else None, f"{kind}{number}"))
    return found
