"""The maintainers' pages on what leaves the server: snapshots, their making, and sending them."""

from __future__ import annotations

import secrets

from flask import Response, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Reply

from annot_server.errors import NotFoundError
from annot_server.exports import export_folder, snapshots_of, zipped
from annot_server.jobs import SNAPSHOT, enqueue, jobs_of
from annot_server.models import MAINTAINER
from annot_server.views.access import open_to
from annot_server.views.current import person, server
from annot_server.views.work_pages import blueprint

JOBS_SHOWN = 5


@blueprint.get("/maintain/snapshots")
@open_to(MAINTAINER)
def snapshots() -> str:
    """List the snapshots that were made, and those that are being made."""
    with server().database.read() as session:
        made = snapshots_of(session, server().home)
        jobs = jobs_of(session, SNAPSHOT, limit=JOBS_SHOWN)
    return render_template(
        "maintain_snapshots.html",
        snapshots=made,
        jobs=jobs,
        is_waiting=any(job.state in ("queued", "running") for job in jobs),
        results={job.arguments.get("snapshot_id"): job.result for job in jobs if job.result},
        undo_window_s=server().config.undo_window_s,
    )


@blueprint.post("/maintain/snapshots")
@open_to(MAINTAINER)
def make_snapshot() -> Reply:
    """Ask the worker for a snapshot."""
    now, who = server().now(), person().person_id
    snapshot_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    server().database.write(
        lambda session: enqueue(
            session, SNAPSHOT, {"snapshot_id": snapshot_id}, by_person_id=who, now=now
        )
    )
    flash("A snapshot is being made. This page shows when it is done.", "done")
    return redirect(url_for("maintain.snapshots"), 303)


@blueprint.get("/maintain/snapshots/<snapshot_id>.zip")
@open_to(MAINTAINER)
def download_snapshot(snapshot_id: str) -> Response:
    """Send a snapshot's folder as one file."""
    folder = export_folder(server().home, snapshot_id)
    if not folder.is_dir():
        raise NotFoundError("this snapshot is not on this server")
    name = f"snapshot-{snapshot_id}"
    return Response(
        zipped(folder, name),
        mimetype="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}.zip"'},
    )
