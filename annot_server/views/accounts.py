"""Ways in for people: a one-time link, name and password; and the way out."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, session
from flask_login import logout_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from annot_server.accounts import Account
from annot_server.errors import PasswordRuleError, TooManyAttemptsError, WrongPasswordError
from annot_server.invitations import OPEN, Invitation, accept_invitation, find_invitation
from annot_server.models import MAINTAINER
from annot_server.passwords import check_rules, hash_password, set_password
from annot_server.signing_in import sign_in
from annot_server.views.access import open_to_anybody
from annot_server.views.browser import browser, mark_browser, unmark_browser
from annot_server.views.current import enter, server
from annot_server.views.language import translated
from annot_server.views.paths import own_path

STATUS_OF_STATE = {"open": 200, "used": 410, "expired": 410, "unknown": 404}
SECRET_OF_ATTEMPTS = "attempts"

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/join/<token>")
@open_to_anybody
def show_invitation(token: str) -> Response:
    """Show what an invite link is for; looking at it does not use it."""
    this = server()
    with this.database.read() as db:
        found = find_invitation(db, token, now=this.now(), browser=browser())
    page = invitation_page(found, STATUS_OF_STATE[found.state])
    return mark_browser(page) if found.state == OPEN else page


@blueprint.post("/join/<token>")
@open_to_anybody
def join(token: str) -> Response:
    """Use an invite link and sign its person in, with the password that they may have chosen.

    The same browser may send it twice: see `repeats`.
    """
    this, now, where = server(), server().now(), browser()
    password = request.form.get("password", "")
    hashed = None
    with this.database.read() as db:
        found = find_invitation(db, token, now=now, browser=where)
    if password and found.state == OPEN and found.takes_password:
        try:
            check_rules(password, found.name or "")
        except PasswordRuleError as error:
            return invitation_page(found, error.status, translated(error.message))
        hashed = hash_password(password)

    def accept(db: Session) -> Account:
        joined = accept_invitation(db, token=token, now=now, browser=where)
        if hashed is None or not joined.is_first:
            return joined.account
        who = joined.account.person_id
        return set_password(db, person_id=who, password_hash=hashed, now=now, by_person_id=who)

    account = this.database.write(accept)
    enter(account)
    return redirect(first_page(account), 303)


@blueprint.get("/sign-in")
@open_to_anybody
def show_sign_in() -> Response:
    """Ask for name and password."""
    return sign_in_page(own_path(request.args.get("next"), ""))


@blueprint.post("/sign-in")
@open_to_anybody
def sign_in_here() -> Response:
    """Sign in by name and password, and go on to the page that was wanted."""
    this, goal = server(), own_path(request.form.get("next"), "")
    try:
        account = sign_in(
            this.database,
            secret=this.home.key(SECRET_OF_ATTEMPTS),
            name=request.form.get("name", ""),
            password=request.form.get("password", ""),
            address=request.remote_addr,
            now=this.now(),
        )
    except (WrongPasswordError, TooManyAttemptsError) as error:
        return sign_in_page(goal, error)
    enter(account)
    return redirect(goal or first_page(account), 303)


@blueprint.post("/sign-out")
@open_to_anybody
def sign_out() -> Response:
    """Sign out of this browser."""
    logout_user()
    session.clear()
    return unmark_browser(redirect("/sign-in", 303))


def first_page(account: Account) -> str:
    """Return where somebody lands who did not ask for a page."""
    return "/maintain" if account.role == MAINTAINER else "/"


def invitation_page(found: Invitation, status: int, problem: str = "") -> Response:
    """Return the page of an invite link."""
    page = render_template("join.html", found=found, state=found.state, problem=problem)
    response = make_response(page)
    response.status_code = status
    return response


def sign_in_page(
    goal: str, error: WrongPasswordError | TooManyAttemptsError | None = None
) -> Response:
    """Return the page that asks for name and password, with what went wrong before."""
    problem = translated(error.message) if error else ""
    name = request.form.get("name", "")
    response = make_response(render_template("sign_in.html", goal=goal, name=name, problem=problem))
    if error:
        response.status_code = error.status
    if isinstance(error, TooManyAttemptsError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
