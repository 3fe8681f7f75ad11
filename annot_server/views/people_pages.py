"""The maintainers' pages on people: all of them, one of them, and what can be done about one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from annot_server.errors import ConfigError, NotReviewableError
from annot_server.figures import Figures, figures_to_show
from annot_server.invitations import invite
from annot_server.jobs import FIGURES, enqueue_again
from annot_server.listing import Wish, listed
from annot_server.models import MAINTAINER, Person
from annot_server.pauses import pause, resume
from annot_server.person_view import count_complete_frames, everybody_seen, read_person
from annot_server.set_aside import set_aside_person
from annot_server.tokens import revoke_token
from annot_server.views.access import open_to
from annot_server.views.current import person, server
from annot_server.views.work_pages import ROWS, blueprint

Row = dict[str, Any]

SORTS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row["name"].casefold(),
    "answers": lambda row: row["answers"],
    "time": lambda row: row["median_ms"],
    "gold": lambda row: row["gold_right"],
    "gold_error": lambda row: row["gold_distance"],
    "agreement": lambda row: row["agreement_distance"],
    "not_visible": lambda row: row["not_visible"],
    "hints": lambda row: (row.get("hints") or {}).get("followed"),
    "seen": lambda row: row["last_seen"],
}
NOTHING_YET: Row = dict.fromkeys(
    (
        "answers",
        "median_ms",
        "gold_answers",
        "gold_right",
        "gold_skips",
        "gold_distance",
        "agreement_distance",
        "not_visible",
        "hints",
        "skips",
        "score",
    )
)


@blueprint.get("/maintain/people")
@open_to(MAINTAINER)
def people() -> str:
    """List everybody with the figures that were counted last."""
    with server().database.read() as session:
        figures = _figures(session)
        counted = {row["person_id"]: row for row in figures.people}
        seen = everybody_seen(session)
        everybody = session.query(Person).order_by(Person.name).all()
        rows = [
            {
                **NOTHING_YET,
                **counted.get(one.id, {}),
                "person_id": one.id,
                "name": one.name,
                "role": one.role,
                "paused_reason": one.paused_reason,
                "is_paused": one.paused_at is not None,
                "last_seen": seen.get(one.id),
            }
            for one in everybody
        ]
    listing = listed(
        rows,
        Wish.of(request.args, sort="-answers"),
        size=ROWS,
        text=lambda row: f"{row['name']} {row['role']} {'paused' if row['is_paused'] else ''}",
        keys=SORTS,
    )
    return render_template("maintain_people.html", listing=listing, figures=figures)


def _figures_of(people: list[Row], person_id: int) -> Row:
    return next((row for row in people if row["person_id"] == person_id), {})


@blueprint.post("/maintain/figures")
@open_to(MAINTAINER)
def count_again() -> Response:
    """Ask the worker to count the figures now."""
    now = server().now()
    server().database.write(lambda session: enqueue_again(session, FIGURES, now=now))
    flash("The figures are being counted; look again in a moment.", "done")
    goal = "maintain.audit_page" if request.form.get("next") == "audit" else "maintain.people"
    return redirect(url_for(goal), 303)


@blueprint.get("/maintain/people/<int:person_id>")
@open_to(MAINTAINER)
def one_person(person_id: int) -> str:
    """Show one person's figures and course."""
    return _page(person_id)


def _page(person_id: int, link: str | None = None) -> str:
    now = server().now()
    with server().database.read() as session:
        view = read_person(session, person_id, now=now)
        figures = _figures(session)
    return render_template(
        "maintain_person.html",
        view=view,
        figures=figures,
        counted={**NOTHING_YET, **_figures_of(figures.people, person_id)},
        link=link,
        is_self=person().person_id == person_id,
    )


@blueprint.post("/maintain/people/<int:person_id>/pause")
@open_to(MAINTAINER)
def pause_person(person_id: int) -> Response:
    """Pause somebody, with a reason that they are told."""
    reason = request.form.get("reason", "")
    now, who = server().now(), person().person_id
    return _change(
        person_id,
        lambda session: pause(
            session, person_id=person_id, reason=reason, now=now, by_person_id=who
        ),
        "Paused. Nothing is handed out to them until you let them go on.",
    )


@blueprint.post("/maintain/people/<int:person_id>/resume")
@open_to(MAINTAINER)
def resume_person(person_id: int) -> Response:
    """Let somebody go on."""
    now, who = server().now(), person().person_id
    return _change(
        person_id,
        lambda session: resume(session, person_id=person_id, now=now, by_person_id=who),
        "They can go on.",
    )


@blueprint.post("/maintain/people/<int:person_id>/invite")
@open_to(MAINTAINER)
def invite_person(person_id: int) -> str | Response:
    """Make a new invite link and show it once."""
    now, by = server().now(), person().person_id
    expires_at = now + timedelta(days=server().config.invite_days)

    def make(session: Session) -> str:
        who = read_person(session, person_id, now=now)
        return invite(
            session,
            name=who.name,
            role=who.role,
            now=now,
            expires_at=expires_at,
            by_person_id=by,
        )

    try:
        token = server().database.write(make)
    except ConfigError as error:
        flash(str(error), "problem")
        return redirect(url_for("maintain.one_person", person_id=person_id), 303)
    return _page(person_id, link=f"{server().config.base_url.rstrip('/')}/join/{token}")


@blueprint.post("/maintain/people/<int:person_id>/tokens/<int:token_id>/revoke")
@open_to(MAINTAINER)
def revoke_persons_token(person_id: int, token_id: int) -> Response:
    """Let one of somebody's tokens work no longer."""
    now, who = server().now(), person().person_id
    return _change(
        person_id,
        lambda session: revoke_token(
            session, token_id=token_id, now=now, person_id=person_id, by_person_id=who
        ),
        "The token no longer works.",
    )


@blueprint.get("/maintain/people/<int:person_id>/set-aside")
@open_to(MAINTAINER)
def confirm_set_aside(person_id: int) -> str:
    """Say what setting somebody's answers aside would do, and ask."""
    with server().database.read() as session:
        view = read_person(session, person_id, now=server().now())
        complete = count_complete_frames(session, person_id)
    return render_template("maintain_set_aside.html", view=view, complete=complete)


@blueprint.post("/maintain/people/<int:person_id>/set-aside")
@open_to(MAINTAINER)
def set_aside(person_id: int) -> Response:
    """Set all of somebody's answers aside, and open their frames again."""
    reason = " ".join(request.form.get("reason", "").split())
    now, who = server().now(), person().person_id
    try:
        done = server().database.write(
            lambda session: set_aside_person(
                session, person_id=person_id, by_person_id=who, reason=reason, now=now
            )
        )
    except NotReviewableError as error:
        flash(error.message, "problem")
        return redirect(url_for("maintain.confirm_set_aside", person_id=person_id), 303)
    flash(
        f"{done.answers:,} answers were set aside, {done.frames_reopened:,} frames opened again.",
        "done",
    )
    return redirect(url_for("maintain.one_person", person_id=person_id), 303)


def _change(person_id: int, work: Callable[[Session], Any], said: str) -> Response:
    """Do something about a person and go back to their page."""
    try:
        server().database.write(work)
    except ConfigError as error:
        flash(str(error), "problem")
    else:
        flash(said, "done")
    return redirect(url_for("maintain.one_person", person_id=person_id), 303)


def _figures(session: Session) -> Figures:
    this = server()
    return figures_to_show(session, window=this.config.gold_window, now=this.now())
