"""Commands that use a trained model: `ground` and `prelabel`."""

from __future__ import annotations

from pathlib import Path

import click

from stg_model.commands.options import FEATURES, PATH, refuse_existing


@click.command()
@click.argument("checkpoint", type=PATH)
@click.option("--videos", type=PATH, help="Folder of the release's videos.")
@click.option("--release", type=PATH, help="Release to predict.")
@click.option("--video", type=PATH, help="Or: one video file ...")
@click.option("--actions", help="... and its actions, between commas or in a file, one a line.")
@click.option("--output", type=PATH, required=True, help="Predictions file to write.")
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

    refuse_existing(output, force=force)
    if heatmaps:
        refuse_existing(heatmaps_file(output), force=force)
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


@click.command()
@click.argument("checkpoint", type=PATH)
@click.option("--videos", type=PATH, required=True, help="Folder of videos.")
@click.option(
    "--clips",
    type=PATH,
    required=True,
    help="CSV with video_id,start_s,end_s,action.",
)
@click.option("--output", type=PATH, required=True, help="Prelabels file to write.")
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

    refuse_existing(output, force=force)
    n_frames = prelabelling.prelabel(load_checkpoint(checkpoint), videos, clips, output, features)
    click.echo(f"{n_frames} frames in {output}")


COMMANDS = (
    ground,
    prelabel,
)
