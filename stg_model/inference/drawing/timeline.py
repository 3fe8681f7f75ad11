"""A timeline: the segments of each action along time, the similarities, and tau."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dataset_builder import tables
from dataset_builder.domain import Action
from stg_model.inference.drawing.grounded import GroundedVideo
from stg_model.inference.drawing.text import drawable, families, shortened

MAX_ROWS = 30
NAME_PX = 260
WIDTH_IN, ROW_IN, CURVES_IN = 12.0, 0.3, 2.6
GRID = "0.9"


def write_timeline(grounded: GroundedVideo, path: Path) -> None:
    """Draw the timeline as PNG.

    Where there are more actions than rows, those with the most seconds stand, then those that come
    nearest to being named.
    """
    rows = shown_actions(grounded)
    names = [drawable(action.description) for action in rows]
    height = 1.3 + ROW_IN * max(3, len(rows)) + CURVES_IN
    figure = Figure((WIDTH_IN, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(
        2, sharex=True, height_ratios=[ROW_IN * max(3, len(rows)), CURVES_IN]
    )
    fonts = families("".join(names) + drawable(grounded.video_id))
    left_out = len(grounded.actions) - len(rows)
    title = f"{drawable(grounded.video_id)}, segments: {len(grounded.segments)}"
    title += f" (actions left out: {left_out})" if left_out else ""
    upper.set_title(title, loc="left", family=fonts, parse_math=False)
    _draw_segments(upper, grounded, fonts)
    _draw_curves(lower, grounded)
    upper.set_yticks(range(len(rows)), [shortened(name, 12, NAME_PX) for name in names])
    for label in upper.get_yticklabels():
        label.set(family=fonts, parse_math=False)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
    lower.set_xlim(0, max(1, grounded.end_s))
    lower.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 1.5, 2, 3, 5, 6, 10], integer=True))
    lower.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{int(s) // 60}:{int(s) % 60:02}"))
    lower.set_xlabel("time (min:s)")
    with tables.replaced_file(path) as temporary:
        figure.savefig(temporary, format="png")


def shown_actions(grounded: GroundedVideo) -> list[Action]:
    """Return the actions that get a row, in the order of `grounded.actions`."""
    named = list(grounded.labels.values())
    best: dict[str, float] = {}
    for second in grounded.seconds:
        for action_id, score in second.scores.items():
            best[action_id] = max(score, best.get(action_id, -np.inf))
    ranked = sorted(
        grounded.actions,
        key=lambda a: (-named.count(a.action_id), -best.get(a.action_id, -np.inf)),
    )
    kept = {action.action_id for action in ranked[:MAX_ROWS]}
    return [action for action in grounded.actions if action.action_id in kept]


def _draw_segments(axes: Axes, grounded: GroundedVideo, fonts: list[str]) -> None:
    rows = [action.action_id for action in shown_actions(grounded)]
    for segment in grounded.segments:
        if segment.action_id not in rows:
            continue
        row = rows.index(segment.action_id)
        colour = _colour(grounded, segment.action_id)
        axes.broken_barh(
            [(second, 1) for second in segment.seconds], (row - 0.36, 0.72), color=colour
        )
        axes.plot([segment.start_s, segment.end_s], [row, row], color=colour, linewidth=1.5)
    axes.set_ylim(max(3, len(rows)) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _draw_curves(axes: Axes, grounded: GroundedVideo) -> None:
    seconds = [one.second + 0.5 for one in grounded.seconds]
    for action in shown_actions(grounded):
        scores = [one.scores.get(action.action_id, np.nan) for one in grounded.seconds]
        colour = _colour(grounded, action.action_id)
        marker = "." if len(seconds) == 1 else None
        axes.plot(seconds, scores, color=colour, linewidth=1.3, marker=marker)
    tau = [np.nan if s.background is None else s.background for s in grounded.seconds]
    if not np.isnan(tau).all():
        (line,) = axes.plot(seconds, tau, color="0.25", linestyle="--", linewidth=1)
        line.set_label("tau: below it, background")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.97), frameon=False, fontsize="small")
    axes.set_ylabel("score")


def _colour(grounded: GroundedVideo, action_id: str) -> tuple[float, float, float]:
    red, green, blue = grounded.colour(action_id)
    return red / 255, green / 255, blue / 255
