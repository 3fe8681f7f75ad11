"""The systems of a page: each with its row of the report, its predictions and its colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dataset_builder.domain import Action
from dataset_builder.predictions import Predictions
from stg_model.evaluation.measures import Case
from stg_model.evaluation.pools import to_video_pools
from stg_model.evaluation.results import Report, SystemReport
from stg_model.evaluation.truth import VideoTruth

N_COLOURS = 6
"""Colours of submitted systems in the style sheet; later ones begin again."""


@dataclass(frozen=True, slots=True)
class PageSystem:
    """One system on the page.

    Attributes:
        row: what it scored.
        case: what it said, as it was scored; None where only its scores are known (baselines,
            people).
        style: the class of its lines and bars in the style sheet: s1..s6, or b1.. for baselines.
    """

    row: SystemReport
    case: Case | None
    style: str

    @property
    def name(self) -> str:
        """What it calls itself."""
        return self.row.system.name


def page_systems(
    report: Report,
    predictions: Sequence[Predictions],
    truths: tuple[VideoTruth, ...],
    actions: tuple[Action, ...],
) -> list[PageSystem]:
    """Return the systems in the report's order.

    Args:
        report: the rows.
        predictions: of the submitted rows, in their order.
        truths: of the scored videos.
        actions: the release's.

    Raises:
        ValueError: the predictions are not those of the report's submitted systems.
    """
    submitted = [row.system.name for row in report.systems if row.kind == "submitted"]
    given = [found.system.name for found in predictions]
    if given != submitted:
        raise ValueError(f"predictions of {given} do not belong to the rows {submitted}")
    cases = (_as_scored(Case(truths, actions, found, report.settings)) for found in predictions)
    styles = {"s": _styles("s"), "b": _styles("b")}
    found = []
    for row in report.systems:
        is_submitted = row.kind == "submitted"
        case, style = (next(cases), "s") if is_submitted else (None, "b")
        found.append(PageSystem(row, case, next(styles[style])))
    return found


def _as_scored(case: Case) -> Case:
    """Return the case as the metrics read it: with choices among each video's own actions."""
    if case.settings.pool != "video":
        return case
    return replace(case, predictions=to_video_pools(case.truths, case.predictions)[0])


def _styles(kind: str) -> Iterator[str]:
    """Yield the classes of one kind's systems."""
    while True:
        yield from (f"{kind}{number}" for number in range(1, N_COLOURS + 1))
