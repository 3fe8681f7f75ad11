"""Commands that bring in what others made: videos as a backbone reads them, published weights."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.commands.options import PROCESSES, SCHEDULER, SHARD
from stg_model.commands.options import (
    PATH,
    SETTINGS_CHANGES,
    SETTINGS_FILE,
    backbone_options,
    refuse_existing,
)

if TYPE_CHECKING:
    from dataset_builder.errors import VideoError
    from stg_model.features.encoder import Encoder
    from stg_model.features.paths import BackbonePaths
    from stg_model.settings import Settings


@click.command("extract-features")
@click.argument("videos", type=PATH)
@click.argument("out", type=PATH)
@SETTINGS_FILE
@SETTINGS_CHANGES
@backbone_options
@PROCESSES
@SCHEDULER
@SHARD
@click.pass_context
def extract_features(
    ctx: click.Context,
    *,
    videos: Path,
    out: Path,
    config: Path | None,
    changes: tuple[str, ...],
    paths: BackbonePaths,
    processes: int,
    scheduler: str,
    shard: slice,
) -> None:
    """Save what the model reads of each video in the folder VIDEOS, one file each in OUT.

    Run again it goes on. What another frozen backbone read is not written over. A video that cannot
    be read is reported, and the rest goes on; the exit code is then 1. The workers of a cluster
    must see all files under the same names.
    """
    from dataset_builder.cluster import Workers, map_items
    from dataset_builder.console import echo
    from dataset_builder.frames import find_videos
    from stg_model.config import load_settings
    from stg_model.features.estimate import estimated
    from stg_model.features.store import is_of, refuse_other_work, stored_file

    workers = Workers(processes, scheduler)
    settings = load_settings(config, changes)
    if scheduler:
        videos, out, paths = videos.absolute(), out.absolute(), paths.absolute()
    todo = sorted(find_videos(videos).items())[shard]
    encoder = _encoder(settings, paths, processes)
    to_make = {name: path for name, path in todo if not is_of(stored_file(out, name), encoder)}
    for name in to_make:
        refuse_other_work(stored_file(out, name), encoder)
    estimate = estimated(to_make, encoder) if to_make else None
    if estimate:
        echo(estimate.text(processes), err=True)
    work = functools.partial(_extract, settings=settings, paths=paths, out=out, processes=processes)
    n_refused = 0
    for _, problem in map_items(work, todo, workers, what="videos"):
        if problem is not None:
            echo(f"Error: {problem}", err=True)
            n_refused += 1
    click.echo(f"{len(todo) - n_refused} of {len(todo)} videos in {out}")
    if n_refused:
        ctx.exit(1)


def _extract(
    video: tuple[str, Path], *, settings: Settings, paths: BackbonePaths, out: Path, processes: int
) -> VideoError | None:
    """Extract one video, or return why it cannot be read."""
    from dataset_builder.errors import VideoError
    from stg_model.features.store import stored_or_read

    video_id, path = video
    try:
        stored_or_read(path, video_id, out, _encoder(settings, paths, processes))
    except VideoError as error:
        return error
    return None


@functools.cache
def _encoder(settings: Settings, paths: BackbonePaths, processes: int) -> Encoder:
    """Return the encoder, loaded once in each worker; workers on one machine share its cores."""
    import torch

    from stg_model.features.encoders import encoder_for

    if processes > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    return encoder_for(settings, paths)


@click.command("import-checkpoint")
@click.argument("file", type=PATH)
@click.argument("out", type=PATH)
@SETTINGS_CHANGES
@backbone_options
@click.option("--force", is_flag=True, help="Overwrite a checkpoint in OUT.")
def import_checkpoint(
    *, file: Path, out: Path, changes: tuple[str, ...], paths: BackbonePaths, force: bool
) -> None:
    """Make a checkpoint in the folder OUT of the paper's published weights in FILE.

    Settings are the released code's; --set network.projection=gated, or
    network.global_start=backbone for weights without global projections (CoMMA's).
    """
    from stg_model.config import load_settings
    from stg_model.features.released import RELEASED_SETTINGS
    from stg_model.training.checkpoint import CONFIG_NAME, save_checkpoint
    from stg_model.training.published import imported

    refuse_existing(out / CONFIG_NAME, force=force)
    settings = load_settings(None, [*RELEASED_SETTINGS, *changes])
    saved = save_checkpoint(out, imported(file, settings, paths))
    click.echo(f"checkpoint {saved.digest[:12]} in {out}")


COMMANDS = (extract_features, import_checkpoint)
