"""Signing in by a one-time link, and signing out."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, session
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from annot_server.accounts import accept_invitation, find_invitation
from annot_server.models import MAINTAINER
from annot_server.views.access import open_to_anybody
from annot_server.views.current import SignedIn, server

STATUS_OF_STATE = {"open": 200, "used": 410, "unknown": 404}

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/join/<token>")
@open_to_anybody
def show_invitation(token: str) -> tuple[str, int]:
    """Show what an invite link is for; looking at it does not use it."""
    with server().database.read() as db:
        found = find_invitation(db, token)
    page = render_template(
        "join.html", invite_name=found.name, role=found.role, token=token, state=found.state
    )
    return page, STATUS_OF_STATE[found.state]


@blueprint.post("/join/<token>")
@open_to_anybody
def join(token: str) -> Response:
    """Use an invite link and sign its person in."""
    this, now = server(), server().now()
    account = this.database.write(lambda db: accept_invitation(db, token=token, now=now))
    session.clear()
    login_user(SignedIn(account))
    session.permanent = True
    return redirect("/maintain" if account.role == MAINTAINER else "/", 303)


@blueprint.post("/sign-out")
@open_to_anybody
def sign_out() -> Response:
    """Sign out of this browser."""
    logout_user()
    session.clear()
    return redirect("/", 303)
