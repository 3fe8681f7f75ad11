"""The annotation page."""

from __future__ import annotations

from flask import Blueprint, render_template

from annot_server.views.access import PEOPLE, open_to
from annot_server.views.current import person

blueprint = Blueprint("annotate", __name__)


@blueprint.get("/")
@open_to(*PEOPLE)
def annotate() -> str:
    """Show the page on which frames are answered."""
    return render_template("annotate.html", person=person())
