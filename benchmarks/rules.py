"""The table of docs/evaluation.md: one system scored by the rules of different public evaluators.

python benchmarks/rules.py [--videos N] [--seed N]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from generated_tubes import write_generated

from dataset_builder.predictions import read_predictions
from dataset_builder.release import read_release
from stg_model.evaluation import EvaluationSettings
from stg_model.evaluation.measures import Case, value_of
from stg_model.evaluation.settings import settings_from
from stg_model.evaluation.truth import read_truth
from stg_model.evaluation.video_map import score

RULES = (
    "average_precision=trapezoid",
    "average_precision=recall_101",
    "average_precision=recall_11",
    "average_precision=recall_10_of_11",
    "unlabelled_tube_seconds=background",
)


@click.command()
@click.option("--videos", default=60, show_default=True, help="Videos of 5 minutes.")
@click.option("--seed", default=0, show_default=True)
def main(*, videos: int, seed: int) -> None:
    """Print video mAP at an IoU of .3 by each rule, of generated tubes."""
    with tempfile.TemporaryDirectory() as made:
        write_generated(Path(made), videos, seed=seed)
        release = read_release(Path(made) / "release")
        predictions = read_predictions(Path(made) / "predictions.jsonl")
    truths = read_truth(release)

    def value(form: str, settings: EvaluationSettings) -> float:
        found = score(Case(truths, release.actions, predictions, settings))
        return value_of(found.measures[f"video_map_{form}@0.3"], len(truths))

    click.echo(f"none: {value('volume', EvaluationSettings()):.3f}")
    click.echo(f"ACT's tube IoU: {value('act', EvaluationSettings()):.3f}")
    for rule in RULES:
        click.echo(f"{rule}: {value('volume', settings_from([rule])):.3f}")


if __name__ == "__main__":
    main()
