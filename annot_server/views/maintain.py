"""The maintainer's page: how far the work is, and whether the promises hold."""

from __future__ import annotations

from flask import Blueprint, render_template

from annot_server.audit import audit
from annot_server.models import MAINTAINER
from annot_server.progress import read_progress
from annot_server.views.access import open_to
from annot_server.views.current import person, server

blueprint = Blueprint("maintain", __name__)


@blueprint.get("/maintain")
@open_to(MAINTAINER)
def maintain() -> str:
    """Show progress by video and by action."""
    who = person()
    with server().database.read() as session:
        return render_template(
            "maintain.html", person=who, progress=read_progress(session), audit=audit(session)
        )
