"""Commands of quality: frames with known answers."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from sqlalchemy.orm import Session

from annot_server.accounts import find_person
from annot_server.commands.options import AS_JSON, FILE, FOLDER, ready, show
from annot_server.config import Home
from annot_server.models import PURPOSES, QUALIFICATION
from annot_server.quality.gold_import import import_gold as run_import
from annot_server.quality.gold_import import withdraw_gold as run_withdrawal
from annot_server.quality.qualification import qualify as run_qualify
from annot_server.quality.qualification import supply
from annot_server.quality.qualification import try_again as run_again
from annot_server.quality.report import PersonReport, people_report
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
    with this.database.read() as session:
        qualification = supply(session)
    if purpose == QUALIFICATION and not qualification.is_enough:
        click.echo(str(qualification), err=True)
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
@click.argument("name")
@click.option("--again", is_flag=True, help="Let them try again instead, with all attempts.")
@click.pass_obj
def qualify(home: Home, *, name: str, again: bool) -> None:
    """Count a person NAME as qualified without the exercise."""
    this, now = ready(home), utc_now()

    def change(session: Session) -> None:
        person_id = find_person(session, name).id
        if again:
            run_again(session, person_id=person_id, now=now)
        else:
            run_qualify(session, person_id=person_id, now=now, by_person_id=None)

    this.database.write(change)
    click.echo(f"{name} can try again" if again else f"{name} is qualified")


@click.command()
@AS_JSON
@click.pass_obj
def scores(home: Home, *, as_json: bool) -> None:
    """Say how each person does: on hidden gold frames, and beside the others."""
    this = ready(home)
    with this.database.read() as session:
        found = people_report(session, window=this.config.gold_window)
        qualification = supply(session)
    if as_json:
        click.echo(json.dumps([person.to_json() for person in found]))
        return
    rows: list[tuple[str, ...]] = [
        ("", "answers", "gold", "skipped", "right", "last", "off by", "from others", "")
    ]
    rows += [row_of(person) for person in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *figures in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(figures, widths[1:], strict=True)]
        click.echo(f"{name:<{widths[0]}}  {'  '.join(cells)}".rstrip())
    click.echo(str(qualification))


def row_of(person: PersonReport) -> tuple[str, ...]:
    """Return a person's row as text: shares and distances (of the diagonal) in per cent."""
    shares = (
        person.gold_right,
        person.score,
        person.gold_distance,
        person.agreement_distance,
    )
    return (
        person.name,
        str(person.answers),
        str(person.gold_answers),
        str(person.gold_skips),
        *("-" if share is None else f"{share:.1%}" for share in shares),
        "paused" if person.paused_at else "",
    )


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


COMMANDS = (import_gold, withdraw_gold, qualify, scores)
