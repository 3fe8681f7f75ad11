"""The maintainer's page: how far the work is, and whether the promises hold."""

from __future__ import annotations

from flask import Blueprint, render_template

from annot_server.audit import audit
from annot_server.progress import read_progress
from annot_server.views.current import maintainer, server

blueprint = Blueprint("maintain", __name__)


@blueprint.get("/maintain")
def maintain() -> str:
    """Show progress by video and by action."""
    who = maintainer()
    with server().database.read() as session:
        return render_template(
            "maintain.html", person=who, progress=read_progress(session), audit=audit(session)
        )
