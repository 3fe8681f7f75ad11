"""The command line `annot-server`: parse, call one function, print."""

from __future__ import annotations

import json
import logging
import secrets
from pathlib import Path

import click

from annot_server.audit import audit as read_audit
from annot_server.commands import (
    context,
    jobs,
    looking_after,
    panels,
    people,
    quality,
    reviewing,
    tokens,
)
from annot_server.commands.options import AS_JSON, FILE, FOLDER, NEW, ready, show
from annot_server.config import Config, Home
from annot_server.database import keep_private, open_engine
from annot_server.errors import ServerError
from annot_server.imports import ClipSettings
from annot_server.imports import import_clips as run_import
from annot_server.migration import upgrade as upgrade_database
from annot_server.prelabels import import_prelabels as run_prelabels
from annot_server.progress import read_progress
from annot_server.retirement import summarise_retired
from annot_server.server import database_url as url_of_database
from annot_server.server import open_server, utc_now
from annot_server.snapshots import export_snapshot as run_snapshot
from dataset_builder.console import commands, log_to_stderr, progress


@click.group(cls=commands(ServerError), context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ANNOT_HOME",
    default=Path("annot"),
    show_default=True,
    help="The server's folder; also from ANNOT_HOME.",
)
@click.option("--verbose", is_flag=True, help="Log more to stderr.")
@click.pass_context
def main(context: click.Context, *, home: Path, verbose: bool) -> None:
    """Collect answers from people: import clips, invite annotators, serve the pages."""
    log_to_stderr(verbose=verbose)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    context.obj = Home(home)


@main.command()
@click.option("--database-url", help="Another database than a SQLite file in the folder.")
@click.pass_obj
def init(home: Home, *, database_url: str | None) -> None:
    """Make the server's folder: settings, secret, database, frame store."""
    config = Config(database_url=database_url) if database_url else Config()
    engine = open_engine(url_of_database(home, config))
    home.make_folder()
    keep_private(engine)
    upgrade_database(engine)  # first: settings that name no database are not written
    home.create(config)
    click.echo(f"{home.path}: ready; settings are in {home.config_path}")


@main.command()
@click.pass_obj
def upgrade(home: Home) -> None:
    """Bring the database to this version's schema."""
    database = open_server(home).database
    upgrade_database(database.engine)
    summarise_retired(database)
    database.close()
    click.echo("the database is up to date")


@main.command()
@click.argument("csv", type=FILE)
@click.option("--videos", type=FOLDER, required=True, help="A file VIDEO_ID.mp4 for each video.")
@click.option("--split", default="test", show_default=True, help="The set the clips belong to.")
@click.option(
    "--benchmark/--no-benchmark",
    default=True,
    show_default=True,
    help="Whether systems are scored on the clips; annotators see no hints there by default.",
)
@click.option("--hint-quota", type=int, help="How many answers a frame may see a hint.")
@click.option("--partial", is_flag=True, help="Keep what can be shown of short or damaged videos.")
@AS_JSON
@click.pass_obj
def import_clips(
    home: Home,
    *,
    csv: Path,
    videos: Path,
    split: str,
    benchmark: bool,
    hint_quota: int | None,
    partial: bool,
    as_json: bool,
) -> None:
    """Import the clips of a CSV file (video_id,start_s,end_s,action) and cut their frames."""
    this = ready(home)
    report = run_import(
        this.database,
        home,
        this.config,
        csv_path=csv,
        videos=videos,
        settings=ClipSettings(split, benchmark, hint_quota, partial),
        now=utc_now(),
        watch=lambda ids: progress(ids, "videos"),
    )
    for problem in report.problems:
        click.echo(problem, err=True)
    show(
        {
            "clips": report.clips_added,
            "clips_already_here": report.clips_present,
            "frames": report.frames_added,
            "problems": len(report.problems),
        },
        as_json=as_json,
    )
    if report.problems:
        raise click.exceptions.Exit(1)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1), help="One a processor, up to 4, if absent.")
@click.option("--threads", type=click.IntRange(1), default=8, show_default=True, help="A worker.")
@click.pass_obj
def run(home: Home, *, host: str, port: int, workers: int | None, threads: int) -> None:
    """Serve the pages and the API until interrupted."""
    ready(home).database.close()
    from annot_server.serve import serve  # noqa: PLC0415 - gunicorn runs on POSIX systems only

    serve(home, host=host, port=port, workers=workers, threads=threads)


@main.command(name="progress")
@AS_JSON
@click.pass_obj
def show_progress(home: Home, *, as_json: bool) -> None:
    """Say how far the work is."""
    with ready(home).database.read() as session:
        found = read_progress(session)
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    click.echo(f"frames   {found.retired} of {found.frames} have all their answers")
    click.echo(f"answers  {found.answers_active} of {found.answers_wanted}")
    for video in found.by_video:
        click.echo(
            f"  {video.video_id}: {video.retired} of {video.frames} frames, {video.answers} answers"
        )


@main.command()
@AS_JSON
@click.pass_obj
def audit(home: Home, *, as_json: bool) -> None:
    """Count broken promises; exit with 1 when there are any."""
    with ready(home).database.read() as session:
        found = read_audit(session)
    show(found.to_json(), as_json=as_json)
    if not found.is_clean:
        raise click.exceptions.Exit(1)


@main.command()
@click.argument("out", type=NEW)
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@AS_JSON
@click.pass_obj
def export_snapshot(home: Home, *, out: Path, force: bool, as_json: bool) -> None:
    """Write all answers that count now, with pseudonyms, as a snapshot folder OUT."""
    this, now = ready(home), utc_now()
    report = run_snapshot(
        this.database,
        out,
        snapshot_id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        key=home.key("pseudonyms"),
        now=now,
        undo_window_s=this.config.undo_window_s,
        force=force,
    )
    if report.too_young:
        click.echo(
            f"left out {report.too_young} answers younger than {this.config.undo_window_s} s: "
            "they can still be undone",
            err=True,
        )
    show(
        {
            "snapshot_id": report.snapshot_id,
            "digest": report.digest,
            "frames": report.frames,
            "answers": report.answers,
            "left_out": report.too_young,
        },
        as_json=as_json,
    )


@main.command()
@click.argument("file", type=FILE)
@AS_JSON
@click.pass_obj
def import_prelabels(home: Home, *, file: Path, as_json: bool) -> None:
    """Import a model's prelabels FILE, to be shown as hints."""
    report = run_prelabels(ready(home).database, file, now=utc_now())
    if report.unknown:
        click.echo(
            f"{file}: {len(report.unknown)} frames are not here, such as {report.unknown[0]}; "
            "import their clips first",
            err=True,
        )
    show(
        {
            "imported": report.imported,
            "already_here": report.present,
            "unknown": len(report.unknown),
        },
        as_json=as_json,
    )
    if report.imported + report.present == 0:
        click.echo(f"{file}: nothing of it could be used; no hint was imported", err=True)
        raise click.exceptions.Exit(1)


for people_command in people.COMMANDS:
    main.add_command(people_command)
main.add_command(tokens.token)
main.add_command(panels.panel_status)
for quality_command in quality.COMMANDS:
    main.add_command(quality_command)
main.add_command(context.prepare_context)
main.add_command(looking_after.backup)
main.add_command(looking_after.restore)
main.add_command(jobs.work)
for reviewing_command in reviewing.COMMANDS:
    main.add_command(reviewing_command)

if __name__ == "__main__":
    main()
