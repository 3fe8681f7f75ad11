"""Videos to frames."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import click

from dataset_builder.cluster import Workers, map_items
from dataset_builder.commands.options import NEW_FOLDER, PROCESSES, SCHEDULER, SHARD
from dataset_builder.console import echo
from dataset_builder.errors import VideoError
from dataset_builder.frames import VideoFrames, cut_frames, find_videos


@click.command("cut-frames")
@click.argument("videos", type=click.Path(exists=True, path_type=Path))
@click.argument("store", type=NEW_FOLDER)
@click.option("--partial", is_flag=True, help="Keep what damaged videos still show.")
@PROCESSES
@SCHEDULER
@SHARD
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a video.")
@click.pass_context
def cut_frames_command(
    ctx: click.Context,
    *,
    videos: Path,
    store: Path,
    partial: bool,
    processes: int,
    scheduler: str,
    shard: slice,
    as_json: bool,
) -> None:
    """Cut VIDEOS (a folder or one file) to one JPEG a second, into the folder STORE.

    Videos that were cut before are passed over. One that cannot be cut is reported, and the rest
    goes on; the exit code is then 1. The workers of a cluster must see both folders under the same
    names.
    """
    workers = Workers(processes, scheduler)
    if scheduler:
        videos, store = videos.absolute(), store.absolute()
    refused: list[str] = []
    files = find_videos(videos, refused.append)
    # Files without a usable name are the first shard's to report.
    refused = refused if shard.start == 0 else []
    for problem in refused:
        echo(f"Error: {problem}", err=True)
    todo = sorted(files.items())[shard]
    n_refused, n_files = len(refused), len(refused) + len(todo)
    cut = functools.partial(_cut, store=store, partial=partial)
    for (video_id, _), found in map_items(cut, todo, workers, what="videos"):
        if isinstance(found, VideoError):
            echo(f"Error: {found}", err=True)
            n_refused += 1
        elif as_json:
            counts = {"frames": len(found.frames), "missing": len(found.missing_seconds)}
            echo(json.dumps({"video_id": video_id, **counts, "reader": found.reader}))
        else:
            missing = f", {len(found.missing_seconds)} missing" if found.missing_seconds else ""
            echo(f"{video_id}: {len(found.frames)} frames{missing}")
    if n_refused:
        click.echo(f"{n_refused} of {n_files} videos could not be cut", err=True)
        ctx.exit(1)


def _cut(video: tuple[str, Path], *, store: Path, partial: bool) -> VideoFrames | VideoError:
    """Cut one video, or return why it cannot be cut."""
    video_id, path = video
    try:
        return cut_frames(path, store, video_id, partial=partial)
    except VideoError as error:
        return error


COMMANDS = (cut_frames_command,)
