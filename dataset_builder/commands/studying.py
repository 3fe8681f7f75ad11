"""Which way of fusing clicks comes nearest, on simulated crowds and on real marks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import numpy as np

from dataset_builder.fusion.marks import marks_study
from dataset_builder.fusion.study import LEAST_FRAMES, simulated_study


def _size(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[float, float] | None:
    """Return a size such as 840x648 as two numbers."""
    if value is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", value, re.ASCII)
    if not match:
        raise click.BadParameter(f"{value!r} does not look like 840x648")
    return float(match[1]), float(match[2])


@click.command()
@click.option("--seeds", type=click.IntRange(2, 1000), default=8, show_default=True)
@click.option(
    "--frames",
    type=click.IntRange(LEAST_FRAMES, 100_000),
    default=1500,
    show_default=True,
    help="Frames of each simulated crowd and seed.",
)
@click.option(
    "--marks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV of volunteers' marks, studied instead of simulated crowds.",
)
@click.option(
    "--size", callback=_size, metavar="WIDTHxHEIGHT", help="Size of the images that were marked."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def study(
    *,
    seeds: int,
    frames: int,
    marks: Path | None,
    size: tuple[float, float] | None,
    as_json: bool,
) -> None:
    """Compare ways of making one point of several clicks.

    On simulated crowds, whose true places are known, errors are in per cent of the diagonal, with
    the 95 % interval over seeds. Real marks (--marks) have no truth: there it is how far the points
    of two groups of people lie apart, and how many targets are found.
    """
    if marks is not None:
        found = marks_study(marks, size, np.random.default_rng(0))
        lines = _marks_lines(found)
    else:
        found = simulated_study(range(seeds), frames)
        lines = _simulated_lines(found)
    click.echo(json.dumps(found) if as_json else "\n".join(lines))


def _simulated_lines(found: dict[str, Any]) -> list[str]:
    lines = [
        f"{len(found['seeds'])} seeds of {found['frames']:,} frames, five clicks of sixty people; "
        "errors in % of the diagonal"
    ]
    for name, crowd in found["crowds"].items():
        lines += [
            "",
            f"{name}: {crowd['slips']:.0%} slips, {crowd['spammers']:.0%} spammers"
            + (
                f", {crowd['second_targets']:.0%} of the frames have two targets (only they count)"
                if crowd["second_targets"]
                else ""
            ),
            f"  {'':<26}{'answered':>9}{'median':>22}{'90th percentile':>22}"
            f"{'off by > 6.25 %':>22}{'p90 - student_t':>22}",
        ]
        lines += [_method_line(method, row) for method, row in crowd["methods"].items()]
        labels = ", ".join(f"{name} {_share(value)}" for name, value in crowd["labels"].items())
        lines.append(f"  labels: {labels}")
        scales = ", ".join(
            f"{name.replace('_', ' ')} {_spanned(value, 1)}"
            for name, value in crowd["annotator_scales"].items()
        )
        lines.append(f"  scales of people: {scales}")
    return lines


def _method_line(method: str, row: dict[str, Any]) -> str:
    cells = "".join(
        f"{_spanned(row[name], 100):>{width}}"
        for name, width in (("median", 22), ("p90", 22), ("far", 22), ("p90_less_reference", 22))
    )
    return f"  {method:<26}{row['answered']['mean']:>9.1%}{cells}"


def _spanned(value: dict[str, float] | None, factor: float) -> str:
    if value is None:
        return "-"
    mean, low, high = (value[name] * factor for name in ("mean", "low", "high"))
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _share(value: dict[str, float]) -> str:
    return f"{value['mean']:.1%} [{value['low']:.1%}, {value['high']:.1%}]"


def _marks_lines(found: dict[str, Any]) -> list[str]:
    width, height = found["size"]
    lines = [
        f"{found['marks']:,} marks on {found['images']:,} images of {width:g} x {height:g} px",
        "",
        f"  {'radius (diagonals)':>18}{'components':>12}{'marked twice':>14}"
        f"{'targets':>9}{'marked twice':>14}{'marks in them':>15}",
    ]
    lines += [
        f"  {row['radius']:>18}{row['components']:>12}{row['components_marked_twice']:>14}"
        f"{row['targets']:>9}{row['targets_marked_twice']:>14}{row['marks_in_targets']:>15}"
        for row in found["targets"]
    ]
    split = found["split_half"]
    lines += [
        "",
        "marked twice: more than a fifth of its people have two marks in it, so it may be several;",
        "targets are components divided until that is no longer so, where a smaller radius can",
        "",
        f"two groups of up to five people on {split['targets']} targets of six people or more; px:",
    ]
    if not split["methods"]:
        return [*lines, "  no target has as many people"]
    lines.append(f"  {'':<26}{'answered':>9}{'median':>9}{'90th percentile':>17}")
    return lines + [
        f"  {method:<26}{row['answered']:>9.1%}{_pixels(row['median_px']):>9}"
        f"{_pixels(row['p90_px']):>17}"
        for method, row in split["methods"].items()
    ]


def _pixels(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


COMMANDS = (study,)
