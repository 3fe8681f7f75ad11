"""The way in and out for people whom a crowd panel sends."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from annot_server.assignment import next_lease
from annot_server.attempts import arrival_limits
from annot_server.errors import NotFoundError, marked
from annot_server.leases import HeldLease
from annot_server.models import ANNOTATOR
from annot_server.panels import (
    COMPLETED,
    FINISH_URL,
    Keys,
    arrive,
    check_arrival,
    complete_visit,
    newest_visit,
)
from annot_server.providers import Arrival, Panel, find_panel
from annot_server.quality.standing import standing_of
from annot_server.views.access import open_to, open_to_anybody
from annot_server.views.accounts import SECRET_OF_ATTEMPTS
from annot_server.views.browser import browser, mark_browser
from annot_server.views.current import enter, person, server

blueprint = Blueprint("panels", __name__)


@blueprint.get("/panel/<name>")
@open_to_anybody
def show_entry(name: str) -> Response:
    """Say what the work is and what is agreed to; looking at it begins nothing."""
    panel, arrival = arriving(name)
    this, here = server(), person_here()
    with this.database.read() as db:
        visit = check_arrival(
            db,
            keys=Keys.of(this.home),
            panel=panel.name,
            arrival=arrival,
            here=here,
            browser=browser(),
            now=this.now(),
        )
        is_begun = visit is not None and visit.person_id == here
        goal = "" if visit is None or not is_begun else FINISH_URL if visit.ended_at else "/"
    if goal:
        return redirect(goal, 303)
    return mark_browser(make_response(render_template("panel.html", panel=panel)))


@blueprint.post("/panel/<name>")
@open_to_anybody
def begin(name: str) -> Response:
    """Begin the visit in this browser."""
    panel, arrival = arriving(name)
    this, now, here = server(), server().now(), person_here()
    keys, where = Keys.of(this.home), browser()
    limits = arrival_limits(
        this.home.key(SECRET_OF_ATTEMPTS),
        address=request.remote_addr,
        at_most=this.config.panel_people_per_address,
    )
    account = this.database.write(
        lambda db: arrive(
            db,
            keys=keys,
            panel=panel.name,
            arrival=arrival,
            here=here,
            browser=where,
            limits=limits,
            now=now,
        )
    )
    enter(account)
    return redirect("/", 303)


@blueprint.get(FINISH_URL)
@open_to(ANNOTATOR)
def show_finish() -> Response:
    """Offer to finish, or show the completion code once the visit is finished."""
    return finish_page()


@blueprint.post(FINISH_URL)
@open_to(ANNOTATOR)
def finish() -> Response:
    """Finish the visit when enough was answered, or when no work is left for the person.

    Whoever finds no work at all has nothing to be paid for, and returns the submission. Whoever was
    paused finishes only with all that was asked for: whether it is accepted is said on the panel.
    So does whoever has no work left because they skipped it.
    """
    this, who, now = server(), person(), server().now()
    with this.database.read() as db:
        visit = newest_visit(db, who.person_id)
    if visit is None:
        raise NotFoundError(marked("no panel sent you here"))
    is_enough = visit.given >= this.config.panel_answers
    if visit.ended_as is not None or (who.is_paused and not is_enough):
        return redirect(FINISH_URL, 303)
    if not is_enough and has_work(who.person_id):
        flash(_("There are still frames for you."))
    elif not is_enough and visit.is_skipped_through:
        flash(
            _(
                "You skipped so many frames that none is left for you. Please return the "
                "submission on the panel, or write to the researchers there."
            )
        )
    elif not visit.given:
        flash(_("No frame is left for you. Please return the submission on the panel."))
    else:
        this.database.write(lambda db: complete_visit(db, person_id=who.person_id, now=now))
    return redirect(FINISH_URL, 303)


def has_work(person_id: int) -> bool:
    """Say whether a person could go on: frames wait, or something else comes before them."""
    this, now = server(), server().now()

    def look(db: Session) -> HeldLease | str | None:
        reason = standing_of(db, person_id=person_id, config=this.config, now=now)
        return reason or next_lease(
            db,
            person_id=person_id,
            now=now,
            lease_s=this.config.lease_s,
            lease_frames=this.config.lease_frames,
            rng=this.rng,
            gold_every=this.config.gold_every,
        )

    return this.database.write(look) is not None


def arriving(name: str) -> tuple[Panel, Arrival]:
    """Return the panel of the settings, if it is the named one, and who arrives.

    Raises:
        NotFoundError: another panel is set, or none.
        PanelUrlError: the address is not complete.
    """
    panel = find_panel(name)
    if panel is None or name != server().config.panel:
        raise NotFoundError(marked("this server takes nobody from that panel"))
    return panel, panel.arrival(request.args)


def person_here() -> int | None:
    """Return who is signed in in this browser, None for nobody."""
    return current_user.account.person_id if current_user.is_authenticated else None


def finish_page() -> Response:
    """Return the page at the end of a visit."""
    this, who = server(), person()
    with this.database.read() as db:
        visit = newest_visit(db, who.person_id)
    if visit is None:
        raise NotFoundError(marked("no panel sent you here"))
    panel = find_panel(visit.panel)
    code, wanted = this.config.panel_completion_code, this.config.panel_answers
    is_done = visit.ended_as == COMPLETED
    page = render_template(
        "panel_finish.html",
        visit=visit,
        panel=panel,
        wanted=wanted,
        is_done=is_done,
        is_paused=who.is_paused,
        code=code if is_done else "",
        url=panel.completed_at(code, this.config.panel_completion_url) if panel and is_done else "",
    )
    return make_response(page)
