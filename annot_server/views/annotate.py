"""The annotation page, and what comes before it: the introduction and the qualification."""

from __future__ import annotations

import hmac

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response

from annot_server.consent import VERSION
from annot_server.quality.introduction import Readiness, introduce, readiness
from annot_server.views.access import PEOPLE, open_to
from annot_server.views.current import person, server

blueprint = Blueprint("annotate", __name__)


@blueprint.get("/")
@open_to(*PEOPLE)
def annotate() -> str | Response:
    """Show the page on which frames are answered, to people who know what to do there."""
    if person().consent_version != VERSION:
        return redirect("/consent", 303)
    ready = own_readiness()
    if not ready.is_introduced:
        return redirect("/introduction", 303)
    if ready.is_to_qualify:
        return redirect("/qualify", 303)
    return render_template("annotate.html", person=person(), kept_under=kept_under())


@blueprint.get("/introduction")
@open_to(*PEOPLE)
def introduction() -> str:
    """Show what a centre is, with a little practice; also to people who come back to it."""
    return render_template("introduction.html", ready=own_readiness())


@blueprint.post("/introduction")
@open_to(*PEOPLE)
def finish_introduction() -> Response:
    """Remember that the person was introduced, and go on."""
    this, who = server(), person()
    this.database.write(lambda session: introduce(session, person_id=who.person_id, now=this.now()))
    return redirect("/", 303)


@blueprint.get("/qualify")
@open_to(*PEOPLE)
def qualify() -> str | Response:
    """Show the qualification, to people who are introduced."""
    if not own_readiness().is_introduced:
        return redirect("/introduction", 303)
    return render_template("qualify.html", person=person())


def kept_under() -> str:
    """Return the name under which a browser keeps the signed-in person's unsent answers.

    Another server at the same address gives another one: its person 1 is somebody else.
    """
    key = server().home.key("browser")
    return hmac.new(key, str(person().person_id).encode(), "sha256").hexdigest()[:32]


def own_readiness() -> Readiness:
    """Return what the signed-in person has yet to do."""
    with server().database.read() as session:
        return readiness(session, person().person_id)
