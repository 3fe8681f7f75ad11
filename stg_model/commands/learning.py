"""Commands that learn from narrated videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stg_model.commands.options import (
    FEATURES,
    PATH,
    SETTINGS_CHANGES,
    SETTINGS_FILE,
    backbone_options,
)

if TYPE_CHECKING:
    from stg_model.features.paths import BackbonePaths


@click.command()
@click.argument("out", type=PATH)
@click.option("--videos", type=PATH, required=True, help="Folder of videos.")
@click.option(
    "--transcripts",
    type=PATH,
    required=True,
    help="Their narration: JSON in HowTo100M's layout.",
)
@click.option(
    "--validation",
    type=PATH,
    help="Folder with videos/ and truth/: finds the thresholds; never reaches the weights.",
)
@SETTINGS_FILE
@SETTINGS_CHANGES
@FEATURES
@backbone_options
@click.option("--force", is_flag=True, help="Start afresh in a folder that holds a run.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON line.")
def train(
    *,
    out: Path,
    videos: Path,
    transcripts: Path,
    validation: Path | None,
    config: Path | None,
    changes: tuple[str, ...],
    features: Path | None,
    paths: BackbonePaths,
    force: bool,
    as_json: bool,
) -> None:
    """Learn from narrated videos alone and write a checkpoint into the folder OUT.

    A run that was cut goes on when the same command is given again.
    """
    from dataset_builder import tables
    from stg_model.config import load_settings
    from stg_model.inference.calibration import calibrate_on
    from stg_model.training.learn import finish, learn

    settings = load_settings(config, changes)
    store = features or out / "features"
    checkpoint = learn(out, videos, transcripts, settings, store, paths=paths, force=force)
    if validation:
        checkpoint = calibrate_on(checkpoint, validation, store)
    checkpoint = finish(out, checkpoint)
    figures = checkpoint.trained_on.get("validation")
    if as_json:
        click.echo(tables.compact_json({"digest": checkpoint.digest, "validation": figures}))
        return
    click.echo(f"checkpoint {checkpoint.digest[:12]} in {out}")
    for name, value in (figures or {}).items():
        click.echo(f"  {name:<21} {value}")


COMMANDS = (train,)
