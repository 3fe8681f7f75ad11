"""Commands that score predictions: `evaluate` and `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stg_model.scoring_options import PATH, scoring_options


@click.command()
@click.argument("files", metavar="[RELEASE] PREDICTIONS", nargs=-1, required=True, type=PATH)
@scoring_options
def evaluate(*, files: tuple[Path, ...], **options: Any) -> None:
    """Score a PREDICTIONS file on a RELEASE folder, or on the boxes of --official.

    Trivial baselines, and people where the release holds their answers, stand beside it; every
    number has its interval.
    """
    from stg_model import scoring

    wanted = scoring.Options(**options)
    *folder, predictions = files
    if len(folder) != (0 if wanted.official else 1):
        raise click.UsageError("give RELEASE PREDICTIONS, or --official BOXES PREDICTIONS")
    click.echo(scoring.run_evaluation(folder[0] if folder else None, predictions, wanted))


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--release", type=PATH, help="Score predictions files on this release folder.")
@click.option(
    "--allow-different-rules",
    is_flag=True,
    help="Reports of other rules or releases get a mark instead of an error.",
)
@scoring_options
def compare(
    *, files: tuple[Path, ...], release: Path | None, allow_different_rules: bool, **options: Any
) -> None:
    """Compare predictions FILES on one release, or put FILES that evaluate wrote into one table.

    With --release or --official the files are predictions: all are scored on the same videos, and
    each difference to the first gets an interval and a p value. Without, they are reports.
    """
    from stg_model import scoring

    wanted = scoring.Options(**options)
    if release and wanted.official:
        raise click.UsageError("give --release or --official, not both")
    if release or wanted.official:
        if allow_different_rules:
            raise click.UsageError("--allow-different-rules goes with reports")
        click.echo(scoring.run_comparison(release, files, wanted))
    else:
        click.echo(scoring.run_tabulation(files, wanted, different_rules=allow_different_rules))


COMMANDS = (
    evaluate,
    compare,
)
