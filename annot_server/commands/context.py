"""Making the strips of context play ahead of the people who will ask for them."""

from __future__ import annotations

from collections import defaultdict

import click
from sqlalchemy import select

from annot_server.commands.options import AS_JSON, ready, show
from annot_server.config import Home
from annot_server.context import make_strips, strip_path
from annot_server.errors import NotFoundError
from annot_server.models import Clip, Frame
from annot_server.server import Server
from annot_server.sources import source_of_video
from dataset_builder.console import progress
from dataset_builder.errors import VideoError


@click.command()
@AS_JSON
@click.pass_obj
def prepare_context(home: Home, *, as_json: bool) -> None:
    """Make every frame's strip of what moves around it, where it is not there yet.

    The server makes a strip when it is first asked for, too; this saves that person the wait.
    """
    this = ready(home)
    n_made = n_present = n_without = 0
    problems = []
    for video_id, seconds in progress(list(seconds_of_videos(this).items()), "videos"):
        with this.database.read() as session:
            source = source_of_video(session, video_id)
        todo = [second for second in seconds if not strip_path(home, source, second).is_file()]
        n_present += len(seconds) - len(todo)
        try:
            make_strips(home, source, todo)
            n_made += len(todo)
        except (NotFoundError, VideoError) as error:
            problems.append(str(error))
            n_without += len(todo)
    for problem in problems:
        click.echo(problem, err=True)
    show({"made": n_made, "already_here": n_present, "without": n_without}, as_json=as_json)
    if problems:
        raise click.exceptions.Exit(1)


def seconds_of_videos(this: Server) -> dict[str, list[int]]:
    """Return the seconds of each video that people are shown frames of, each once, ascending."""
    wanted = (
        select(Clip.video_id, Frame.second)
        .join(Clip, Clip.clip_id == Frame.clip_id)
        .distinct()
        .order_by(Clip.video_id, Frame.second)
    )
    found: dict[str, list[int]] = defaultdict(list)
    with this.database.read() as session:
        for video_id, second in session.execute(wanted):
            found[video_id].append(second)
    return found
