"""The `stg-model` command line: parse, one library call, echo.

Everything heavy is imported inside the command that needs it, so that `evaluate` runs where there
is no torch.
"""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder import console
from dataset_builder.errors import OutputError
from stg_model.errors import ModelError


@click.group(cls=console.commands(ModelError))
@click.option("--verbose", is_flag=True, help="More log lines on stderr.")
def main(*, verbose: bool) -> None:
    """Learn from narrated video what happens when and where, and score any system that says so."""
    console.log_to_stderr(verbose=verbose)


@main.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--videos",
    type=click.Path(path_type=Path),
    help="Folder of the release's videos: adds the strongest-motion baseline.",
)
@click.option(
    "--clips",
    type=click.Choice(["benchmark", "all"]),
    default="benchmark",
    show_default=True,
    help="Which clips are scored.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report as JSON here.")
@click.option("--force", is_flag=True, help="Overwrite the file of --output.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON line.")
def evaluate(
    *,
    release: Path,
    predictions: Path,
    videos: Path | None,
    clips: str,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Score a PREDICTIONS file on a RELEASE folder, with trivial baselines beside it."""
    from dataset_builder import tables
    from dataset_builder.predictions import read_predictions
    from dataset_builder.release import read_release
    from stg_model.baselines.trivial import trivial_baselines
    from stg_model.evaluation import EvaluationSettings
    from stg_model.evaluation import evaluate as score

    if output and output.exists() and not force:
        raise OutputError(f"{output}: exists already; choose another place or pass --force")
    truth = read_release(release)
    report = score(
        truth,
        read_predictions(predictions),
        EvaluationSettings(clips=clips),
        trivial_baselines(truth, videos),
    )
    if output:
        with tables.replaced_file(output) as temporary:
            temporary.write_text(tables.canonical_json(report.to_json()), encoding="utf-8")
    click.echo(tables.compact_json(report.to_json()) if as_json else report.to_text())
