"""Commands of quality: frames with known answers."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from annot_server.commands.options import AS_JSON, FILE, FOLDER, ready, show
from annot_server.config import Home
from annot_server.models import PURPOSES
from annot_server.quality.gold_import import import_gold as run_import
from annot_server.quality.gold_import import withdraw_gold as run_withdrawal
from annot_server.server import utc_now
from dataset_builder.console import progress


@click.command()
@click.argument("csv", type=FILE)
@click.option("--videos", type=FOLDER, required=True, help="A file VIDEO_ID.mp4 for each video.")
@click.option(
    "--purpose",
    type=click.Choice(PURPOSES),
    required=True,
    help="Hidden among people's other frames, or shown with feedback before they begin.",
)
@AS_JSON
@click.pass_obj
def import_gold(home: Home, *, csv: Path, videos: Path, purpose: str, as_json: bool) -> None:
    """Import known answers from a CSV file (video_id,second,action,x,y,note).

    x and y are fractions of the frame; both empty mean "not visible". The note explains the answer
    in the qualification.
    """
    this = ready(home)
    report = run_import(
        this.database,
        home,
        this.config,
        csv_path=csv,
        videos=videos,
        purpose=purpose,
        now=utc_now(),
        rng=np.random.default_rng(),
        watch=lambda ids: progress(ids, "videos"),
    )
    for problem in report.problems:
        click.echo(problem, err=True)
    show(
        {
            "frames": report.frames_added,
            "frames_already_here": report.frames_present,
            "clips": report.clips_added,
            "problems": len(report.problems),
        },
        as_json=as_json,
    )
    if report.problems:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("video_id")
@click.option("--action", help="Only this action's, by its phrase.")
@click.option("--second", type=click.IntRange(0), help="Only this second's.")
@AS_JSON
@click.pass_obj
def withdraw_gold(
    home: Home, *, video_id: str, action: str | None, second: int | None, as_json: bool
) -> None:
    """Take known answers of a video out of use; they no longer count in anybody's score."""
    n_withdrawn = ready(home).database.write(
        lambda session: run_withdrawal(
            session, video_id=video_id, action=action, second=second, now=utc_now()
        )
    )
    show({"withdrawn": n_withdrawn}, as_json=as_json)
    if n_withdrawn == 0:
        click.echo(f"{video_id}: no known answer in use fits this", err=True)
        raise click.exceptions.Exit(1)
