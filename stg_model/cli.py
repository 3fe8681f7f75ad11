"""The `stg-model` command line: parse, one library call, echo.

Everything heavy is imported inside the command that needs it, so that `evaluate` runs where there
is no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dataset_builder import console
from dataset_builder.errors import OutputError
from stg_model.errors import ModelError
from stg_model.scoring_options import PATH, scoring_options

SETTINGS_FILE = click.option(
    "--config", type=click.Path(path_type=Path), help="Settings as TOML sections."
)
SETTINGS_CHANGES = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change one setting; may be repeated.",
)
FEATURES = click.option(
    "--features",
    type=click.Path(path_type=Path),
    help="Store of extract-features to read from and add to.",
)


@click.group(cls=console.commands(ModelError))
@click.option("--verbose", is_flag=True, help="More log lines on stderr.")
def main(*, verbose: bool) -> None:
    """Learn from narrated video what happens when and where, and score any system that says so."""
    console.log_to_stderr(verbose=verbose)


@main.command()
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


@main.command()
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


@main.command("render-world")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=0, show_default=True, help="Another seed, another world.")
@click.option("--train", default=100, show_default=True, help="Videos to learn from.")
@click.option("--validation", default=8, show_default=True, help="Videos to tune thresholds on.")
@click.option("--held-out", default=16, show_default=True, help="Videos to score on.")
@click.option("--open", "open_videos", default=8, show_default=True, help="Videos to pre-label.")
@click.option("--fps", default=8, show_default=True, help="Frames a second, a multiple of 4.")
@click.option(
    "--narration-shift",
    type=(float, float),
    default=(0.0, 3.5),
    show_default=True,
    metavar="MEAN SD",
    help="Seconds by which sentences come late; '5 2' lags.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Videos drawn at once.",
)
@click.option("--force", is_flag=True, help="Replace a world of other settings.")
def render_world(
    out: Path,
    *,
    seed: int,
    train: int,
    validation: int,
    held_out: int,
    open_videos: int,
    fps: int,
    narration_shift: tuple[float, float],
    processes: int,
    force: bool,
) -> None:
    """Render narrated videos of named actions, with their exact truth, into the folder OUT."""
    from stg_model.world import WorldSettings, render_world

    settings = WorldSettings(
        seed=seed,
        train=train,
        validation=validation,
        held_out=held_out,
        open=open_videos,
        frames_per_second=fps,
        shift_mean_s=narration_shift[0],
        shift_sd_s=narration_shift[1],
    )
    render_world(out, settings, force=force, processes=processes)
    click.echo(out)


@main.command(name="extract-features")
@click.argument("videos", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@SETTINGS_FILE
@SETTINGS_CHANGES
def extract_features(
    *, videos: Path, out: Path, config: Path | None, changes: tuple[str, ...]
) -> None:
    """Save what the model reads of each video in the folder VIDEOS; run again to go on."""
    from dataset_builder import frames
    from stg_model.config import load_settings
    from stg_model.features import store

    settings = load_settings(config, changes)
    files = frames.find_videos(videos)
    extracted = store.extract_features(files, out, settings.features)
    n_videos = sum(1 for _ in console.progress(extracted, "features", total=len(files)))
    click.echo(f"{n_videos} of {len(files)} videos in {out}")


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--videos", type=click.Path(path_type=Path), required=True, help="Folder of videos.")
@click.option(
    "--transcripts",
    type=click.Path(path_type=Path),
    required=True,
    help="Their narration: JSON in HowTo100M's layout.",
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
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


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--videos", type=click.Path(path_type=Path), help="Folder of the release's videos.")
@click.option("--release", type=click.Path(path_type=Path), help="Release to predict.")
@click.option("--video", type=click.Path(path_type=Path), help="Or: one video file ...")
@click.option("--actions", help="... and its actions, between commas or in a file, one a line.")
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Predictions file to write."
)
@click.option(
    "--pool",
    type=click.Choice(["video", "all"]),
    default="video",
    show_default=True,
    help="With --release: choose among the actions of each video, or all of the release.",
)
@click.option(
    "--heatmaps", is_flag=True, help="With --release: write heatmaps beside the predictions."
)
@FEATURES
@click.option("--force", is_flag=True, help="Overwrite the output.")
def ground(
    *,
    checkpoint: Path,
    videos: Path | None,
    release: Path | None,
    video: Path | None,
    actions: str | None,
    output: Path,
    pool: str,
    heatmaps: bool,
    features: Path | None,
    force: bool,
) -> None:
    """Say when and where actions happen: in a release's videos, or in one video."""
    from dataset_builder.release import read_release
    from stg_model.inference.predicting import (
        actions_from,
        ground_release,
        ground_video,
        heatmaps_file,
    )
    from stg_model.training.checkpoint import load_checkpoint

    _refuse_existing(output, force=force)
    if heatmaps:
        _refuse_existing(heatmaps_file(output), force=force)
    if videos and release and not (video or actions):
        n_seconds, n_points = ground_release(
            load_checkpoint(checkpoint),
            videos,
            read_release(release),
            output,
            features,
            pool=pool,
            heatmaps=heatmaps,
        )
    elif video and actions and not (videos or release or heatmaps or pool == "all"):
        n_seconds, n_points = ground_video(
            load_checkpoint(checkpoint), video, actions_from(actions), output
        )
    else:
        raise click.UsageError(
            "give --videos and --release, or --video and --actions; --pool and --heatmaps go with "
            "--release"
        )
    click.echo(f"{n_seconds} seconds, {n_points} points in {output}")


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--videos", type=click.Path(path_type=Path), required=True, help="Folder of videos.")
@click.option(
    "--clips",
    type=click.Path(path_type=Path),
    required=True,
    help="CSV with video_id,start_s,end_s,action.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Prelabels file to write."
)
@FEATURES
@click.option("--force", is_flag=True, help="Overwrite the output.")
def prelabel(
    *,
    checkpoint: Path,
    videos: Path,
    clips: Path,
    output: Path,
    features: Path | None,
    force: bool,
) -> None:
    """Suggest a centre for each frame of some clips, for annot-server import-prelabels."""
    from stg_model.inference import prelabelling
    from stg_model.training.checkpoint import load_checkpoint

    _refuse_existing(output, force=force)
    n_frames = prelabelling.prelabel(load_checkpoint(checkpoint), videos, clips, output, features)
    click.echo(f"{n_frames} frames in {output}")


def _refuse_existing(output: Path, *, force: bool) -> None:
    if output.exists() and not force:
        raise OutputError(f"{output}: exists already; choose another place or pass --force")
