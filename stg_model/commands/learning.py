"""Commands that learn from narrated videos."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder import console
from stg_model.commands.options import FEATURES, PATH, SETTINGS_CHANGES, SETTINGS_FILE


@click.command(name="extract-features")
@click.argument("videos", type=PATH)
@click.argument("out", type=PATH)
@SETTINGS_FILE
@SETTINGS_CHANGES
def extract_features(
    *, videos: Path, out: Path, config: Path | None, changes: tuple[str, ...]
) -> None:
    """Save what the model reads of each video in the folder VIDEOS; run again to go on."""
    from dataset_builder import frames
    from stg_model.config import load_settings
    from stg_model.features import store
    from stg_model.features.encoders import encoder_for

    settings = load_settings(config, changes)
    files = frames.find_videos(videos)
    extracted = store.extract_features(files, out, encoder_for(settings))
    n_videos = sum(1 for _ in console.progress(extracted, "features", total=len(files)))
    click.echo(f"{n_videos} of {len(files)} videos in {out}")


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
    checkpoint = learn(out, videos, transcripts, settings, store, force=force)
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


COMMANDS = (
    extract_features,
    train,
)
