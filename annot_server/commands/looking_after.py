"""Commands that look after a server: backup and restore."""

from __future__ import annotations

from pathlib import Path

import click

from annot_server.backup import back_up
from annot_server.commands.options import AS_JSON, FOLDER, NEW, show
from annot_server.config import Home
from annot_server.restore import restore as run_restore
from annot_server.server import open_server, utc_now


@click.command()
@click.argument("out", type=NEW)
@click.option("--with-frames", is_flag=True, help="Copy the frame images too.")
@AS_JSON
@click.pass_obj
def backup(home: Home, *, out: Path, with_frames: bool, as_json: bool) -> None:
    """Write everything this server holds to a new folder OUT, while it may go on running."""
    this = open_server(home)
    try:
        manifest = back_up(this, out, with_frames=with_frames, now=utc_now())
    finally:
        this.database.close()
    if not with_frames:
        click.echo(
            f"the frame images stay in {manifest.frames_folder}: keep that folder, or use "
            "--with-frames",
            err=True,
        )
    show({"backup": str(out), "schema": manifest.schema, **manifest.rows}, as_json=as_json)


@click.command()
@click.argument("backup", type=FOLDER)
@click.option("--frames", type=FOLDER, help="The frame store, where the backup does not hold it.")
@click.option("--database-url", help="An empty PostgreSQL database to restore to.")
@AS_JSON
@click.pass_obj
def restore(
    home: Home, *, backup: Path, frames: Path | None, database_url: str | None, as_json: bool
) -> None:
    """Make the server's folder (--home, a new one) from the folder BACKUP."""
    done = run_restore(backup, home, new_url=database_url, frames=frames)
    if done.missing_images:
        click.echo(
            f"{len(done.missing_images)} frame images are missing, such as "
            f"{done.missing_images[0]}; copy the old frame store over {home.frame_store}",
            err=True,
        )
    values = {"home": str(home.path), "made": done.manifest.created_at, **done.manifest.rows}
    show(
        {**values, "images_missing": len(done.missing_images), "audit_clean": done.audit.is_clean},
        as_json=as_json,
    )
    if done.missing_images or not done.audit.is_clean:
        raise click.exceptions.Exit(1)
