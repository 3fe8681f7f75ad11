"""The differences of a study and their intervals, as one PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dataset_builder import tables
from stg_model.study.conduct import Results
from stg_model.study.differences import Difference
from stg_model.study.report import COMPARED, difference_of, is_reference
from stg_model.study.settings import Study
from stg_model.study.variants import TABLES

ROW_IN = 0.3
PANEL_IN = 2.6


def plot_study(study: Study, results: Results, path: Path) -> bool:
    """Draw a panel for each compared metric and a row for each variant; the reference is 0.

    Returns:
        Whether there was anything to draw.
    """
    rows = [
        (table, variant)
        for table in study.plan.tables
        if table != "baselines"
        for variant in TABLES[table].variants
        if not is_reference(results, variant) and results.runs[variant]
    ]
    if not rows:
        return False
    shown = list(dict.fromkeys(table for table, _ in rows))
    colours = {table: f"C{number}" for number, table in enumerate(shown)}
    size = (1.8 + PANEL_IN * len(COMPARED), 1.5 + ROW_IN * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(COMPARED), sharey=True, squeeze=False)[0]
    for axis, column in zip(axes, COMPARED, strict=True):
        axis.axvline(0, color="0.6", linewidth=1)
        for height, (table, variant) in enumerate(rows):
            found = difference_of(results, variant, column)
            if found:
                _draw(axis, found, height, colours[table])
        axis.set_title(f"Δ {column.heading}", fontsize=10)
        axis.tick_params(labelsize=8)
        axis.locator_params(axis="x", nbins=4)
        axis.grid(axis="x", linewidth=0.4)
    axes[0].set_yticks(range(len(rows)), [variant.name for _, variant in rows], fontsize=8)
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    lines = [Line2D([], [], color=colours[table], marker="o") for table in shown]
    titles = [TABLES[table].title for table in shown]
    figure.legend(lines, titles, loc="outside upper left", ncols=len(shown), fontsize=9)
    figure.supxlabel("difference to the model as configured, with 95 % interval", fontsize=9)
    with tables.replaced_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
    return True


def _draw(axis: Any, found: Difference, height: int, colour: str) -> None:
    axis.plot([found.mean], [height], "o", color=colour, markersize=5)
    if found.low is not None and found.high is not None:
        axis.plot([found.low, found.high], [height, height], "-", color=colour, linewidth=1.6)
