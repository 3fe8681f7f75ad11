"""Commands that use a trained model, `ground` and `prelabel`, and `draw` for any system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stg_model.commands.options import FEATURES, PATH, backbone_options, refuse_existing

if TYPE_CHECKING:
    from stg_model.features.paths import BackbonePaths
    from stg_model.training.checkpoint import Checkpoint


@click.command()
@click.argument("checkpoint", type=PATH)
@click.argument("one_video", type=PATH, required=False, metavar="[VIDEO]")
@click.option("--actions", help="Of VIDEO: between commas or in a file, one a line.")
@click.option("--out", type=PATH, help="Of VIDEO: folder for segments, heatmaps and tubes.")
@click.option("--draw", is_flag=True, help="With --out: also a film, a contact sheet, a timeline.")
@click.option("--videos", type=PATH, help="Or: folder of a release's videos ...")
@click.option("--release", type=PATH, help="... and the release to predict.")
@click.option("--video", type=PATH, help="The same as VIDEO.")
@click.option("--output", type=PATH, help="Predictions file to write, in place of --out.")
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
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="inference.KEY=VALUE",
    help="Change how the model is read; may be repeated.",
)
@FEATURES
@backbone_options
@click.option("--force", is_flag=True, help="Overwrite the output.")
def ground(
    *,
    checkpoint: Path,
    one_video: Path | None,
    actions: str | None,
    out: Path | None,
    draw: bool,
    videos: Path | None,
    release: Path | None,
    video: Path | None,
    output: Path | None,
    pool: str,
    heatmaps: bool,
    changes: tuple[str, ...],
    features: Path | None,
    paths: BackbonePaths,
    force: bool,
) -> None:
    """Say when and where actions happen: in one VIDEO, or in a release's videos."""
    if one_video and video and one_video != video:
        raise click.UsageError(f"two videos, {one_video} and {video}; give one")
    film = one_video or video
    if film and actions and not (videos or release or heatmaps or features or pool == "all"):
        model = checkpoint, paths, changes
        _ground_one(model, film, actions, out=out, output=output, draw=draw, force=force)
        return
    if not (videos and release and output) or film or actions or out or draw:
        raise click.UsageError(
            "give VIDEO, --actions and --out (or --output), or --videos, --release and --output; "
            "--pool, --heatmaps and --features go with --release, --draw with --out"
        )
    from dataset_builder.release import read_release
    from stg_model.inference.predicting import ground_release, heatmaps_file

    refuse_existing(output, force=force)
    if heatmaps:
        refuse_existing(heatmaps_file(output), force=force)
    n_seconds, n_points = ground_release(
        _checkpoint(checkpoint, paths, changes),
        videos,
        read_release(release),
        output,
        features,
        pool=pool,
        heatmaps=heatmaps,
    )
    click.echo(f"{n_seconds} seconds, {n_points} points in {output}")


def _ground_one(
    model: tuple[Path, BackbonePaths, tuple[str, ...]],
    video: Path,
    phrases: str,
    *,
    out: Path | None,
    output: Path | None,
    draw: bool,
    force: bool,
) -> None:
    """Ground one video; `model` is what `_checkpoint` takes."""
    from stg_model.inference.one_video import PREDICTIONS_NAME, ground_into, ground_video
    from stg_model.inference.predicting import actions_from

    actions = actions_from(phrases)
    if output and not (out or draw):
        refuse_existing(output, force=force)
        n_seconds, n_points = ground_video(_checkpoint(*model), video, actions, output)
        click.echo(f"{n_seconds} seconds, {n_points} points in {output}")
        return
    if out is None or output:
        raise click.UsageError("give --out (a folder) or --output (a file); --draw goes with --out")
    refuse_existing(out / PREDICTIONS_NAME, force=force)
    found = ground_into(_checkpoint(*model), video, actions, out, draw=draw)
    click.echo(
        f"{found.n_seconds} seconds, {found.n_segments} segments, {found.n_points} points in {out}"
    )
    for path in found.drawings:
        click.echo(f"  {path}")


def _checkpoint(folder: Path, paths: BackbonePaths, changes: tuple[str, ...]) -> Checkpoint:
    """Load a checkpoint, with changes to how it is read."""
    from stg_model.inference.rereading import reread
    from stg_model.training.checkpoint import load_checkpoint

    return reread(load_checkpoint(folder, paths), changes)


@click.command()
@click.argument("video", type=PATH)
@click.argument("predictions", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder for the pictures.")
@click.option("--actions", help="Their names: between commas or in a file, one a line.")
@click.option("--gap", default=0, show_default=True, help="Seconds that a segment goes on over.")
@click.option("--force", is_flag=True, help="Overwrite pictures.")
def draw(
    *, video: Path, predictions: Path, out: Path, actions: str | None, gap: int, force: bool
) -> None:
    """Draw what a predictions file of any system says of VIDEO: film, contact sheet, timeline."""
    from stg_model.inference.drawing.all_drawings import FILM_NAME, draw_predictions
    from stg_model.inference.predicting import actions_from

    refuse_existing(out / FILM_NAME, force=force)
    known = actions_from(actions) if actions else ()
    for path in draw_predictions(video, predictions, known, out, gap):
        click.echo(path)


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
@backbone_options
@click.option("--force", is_flag=True, help="Overwrite the output.")
def prelabel(
    *,
    checkpoint: Path,
    videos: Path,
    clips: Path,
    output: Path,
    features: Path | None,
    paths: BackbonePaths,
    force: bool,
) -> None:
    """Suggest a centre for each frame of some clips, for annot-server import-prelabels."""
    from stg_model.inference import prelabelling
    from stg_model.training.checkpoint import load_checkpoint

    refuse_existing(output, force=force)
    n_frames = prelabelling.prelabel(
        load_checkpoint(checkpoint, paths), videos, clips, output, features
    )
    click.echo(f"{n_frames} frames in {output}")


COMMANDS = (
    ground,
    draw,
    prelabel,
)
