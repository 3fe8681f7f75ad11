"""Videos to frames."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dataset_builder.console import echo, progress
from dataset_builder.errors import VideoError
from dataset_builder.frames import cut_frames, find_videos


@click.command("cut-frames")
@click.argument("videos", type=click.Path(exists=True, path_type=Path))
@click.argument("store", type=click.Path(file_okay=False, path_type=Path))
@click.option("--partial", is_flag=True, help="Keep what damaged videos still show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a video.")
@click.pass_context
def cut_frames_command(
    ctx: click.Context, videos: Path, store: Path, partial: bool, as_json: bool
) -> None:
    """Cut VIDEOS (a folder or one file) to one JPEG a second, into the folder STORE.

    Videos that were cut before are passed over. One that cannot be cut is reported, and the rest
    goes on; the exit code is then 1.
    """
    n_refused = 0

    def refuse(problem: str) -> None:
        nonlocal n_refused
        echo(f"Error: {problem}", err=True)
        n_refused += 1

    found = find_videos(videos, refuse)
    n_files = len(found) + n_refused
    for video_id, path in progress(found.items(), "videos", total=len(found)):
        try:
            cut = cut_frames(path, store, video_id, partial=partial)
        except VideoError as error:
            refuse(str(error))
            continue
        if as_json:
            counts = {"frames": len(cut.frames), "missing": len(cut.missing_seconds)}
            echo(json.dumps({"video_id": video_id, **counts, "reader": cut.reader}))
        else:
            missing = f", {len(cut.missing_seconds)} missing" if cut.missing_seconds else ""
            echo(f"{video_id}: {len(cut.frames)} frames{missing}")
    if n_refused:
        click.echo(f"{n_refused} of {n_files} videos could not be cut", err=True)
        ctx.exit(1)


COMMANDS = (cut_frames_command,)
