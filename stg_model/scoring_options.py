"""The options that `stg-model evaluate` and `stg-model compare` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)

OPTIONS = (
    click.option("--official", type=PATH, help="Truth: published boxes, in place of a release."),
    click.option("--segments", type=PATH, help="The clips of --official."),
    click.option("--sizes", type=PATH, help="The videos' own sizes, for --official."),
    click.option(
        "--clips",
        type=click.Choice(["benchmark", "all"]),
        help="Which clips are scored.  [default: benchmark]",
    ),
    click.option(
        "--rule",
        "rules",
        multiple=True,
        metavar="NAME=VALUE",
        help="Score by another rule; may be repeated.",
    ),
    click.option(
        "--replicates",
        type=int,
        help="Resamplings of the videos for the intervals, 0 for none.  [default: 1000]",
    ),
    click.option("--seed", type=int, help="Of the resamplings.  [default: 0]"),
    click.option(
        "--videos",
        type=PATH,
        help="Folder of the videos: adds the strongest-motion baseline, and pictures to --html.",
    ),
    click.option("--frames", type=PATH, help="Folder of cut frames: adds pictures to --html."),
    click.option("--output", type=PATH, help="Write the report as JSON here."),
    click.option("--latex", type=PATH, help="Write the tables for a paper here."),
    click.option("--html", type=PATH, help="Write the report as one HTML file here."),
    click.option("--force", is_flag=True, help="Overwrite these files."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON line."),
)


def scoring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all of them; it gets the fields of `stg_model.scoring.Options`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
