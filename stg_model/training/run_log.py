"""What a run leaves to look at: metrics.jsonl, the same for TensorBoard, and curves.png."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from torch.utils.tensorboard import SummaryWriter

from dataset_builder import tables

logger = logging.getLogger(__name__)

METRICS_NAME = "metrics.jsonl"
CURVES_NAME = "curves.png"
TENSORBOARD_NAME = "tensorboard"
NOT_DRAWN = ("step", "seconds", "waited_s")
LOGARITHMIC = ("grad_norm", "_error")
"""Ends of the names of figures that change by orders of magnitude."""

Figures = Mapping[str, float]


class RunLog:
    """Adds a line for each logged step, and draws all of them at the end."""

    def __init__(self, folder: Path, n_done: int, *, tensorboard: bool) -> None:
        """Begin a log, or go on with it after `n_done` steps; lines of later steps are dropped."""
        self.path = folder / METRICS_NAME
        self.curves = folder / CURVES_NAME
        with tables.replaced_file(self.path) as temporary:
            temporary.write_text("".join(_lines_before(self.path, n_done)), "utf-8", newline="")
        self.board = None
        if tensorboard:
            self.board = SummaryWriter(folder / TENSORBOARD_NAME, purge_step=n_done)

    def add(self, record: Figures) -> None:
        """Write one step's figures."""
        add_line(self.path, record)
        if self.board:
            for name, value in record.items():
                if name != "step":
                    self.board.add_scalar(name, value, int(record["step"]))
        logger.debug("%s", record)

    def close(self) -> None:
        """Draw the curves and end TensorBoard's file."""
        draw_curves(self.curves, [line for _, line in tables.read_json_lines(self.path)])
        if self.board:
            self.board.close()


def add_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line to a metrics file."""
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")


def draw_curves(path: Path, records: Sequence[Figures]) -> None:
    """Draw a panel for the losses and one for every other figure, over the steps.

    Args:
        path: PNG file to write.
        records: lines of metrics.jsonl; those without a loss are passed over, and nothing is drawn
            where no line has one.
    """
    records = [record for record in records if any(name.startswith("loss") for name in record)]
    if not records:
        return
    names = [name for name in _names(records) if name not in NOT_DRAWN]
    together = [
        [n for n in names if n.startswith("loss")],
        [n for n in names if n.endswith("_error")],
    ]
    alone = [[name] for name in names if name not in (*together[0], *together[1])]
    panels = [panel for panel in (together[0], *alone, together[1]) if panel]
    figure = Figure(figsize=(7, 1 + 1.6 * len(panels)), layout="constrained")
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(rows, panels, strict=True):
        for name in panel:
            points = [(line["step"], line[name]) for line in records if name in line]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        if panel[0].endswith(LOGARITHMIC):
            axes.set_yscale("log")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize="small", loc="upper right")
    rows[-1].set_xlabel("step")
    with tables.replaced_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def _lines_before(path: Path, n_done: int) -> list[str]:
    """Return the lines of the first steps as they are; a kill may have left half of a later one."""
    kept: list[str] = []
    if not n_done or not path.is_file():
        return kept
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            step = json.loads(text)["step"]
        except ValueError:
            break
        if step < n_done:
            kept.append(text)
    return kept


def _names(records: Iterable[Figures]) -> list[str]:
    """Return the names of all figures, in the order in which they appear."""
    return list(dict.fromkeys(name for record in records for name in record))
