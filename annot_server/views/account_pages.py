"""One's own account: what is known, password, sessions, consent, and being forgotten."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, request, session
from flask_babel import gettext as _
from flask_login import logout_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from annot_server.accounts import Account, account_of, end_sessions
from annot_server.consent import VERSION, agree
from annot_server.errors import (
    ForbiddenError,
    PasswordRuleError,
    TooManyAttemptsError,
    WrongPasswordError,
    marked,
)
from annot_server.forgetting import SECRET_OF_TRACES, forget
from annot_server.models import AuditEntry
from annot_server.own_data import read_own_data
from annot_server.passwords import check_rules, hash_password, set_password, stored_hash
from annot_server.signing_in import sign_in
from annot_server.views.access import PEOPLE, open_to
from annot_server.views.accounts import SECRET_OF_ATTEMPTS, first_page
from annot_server.views.current import enter, person, server
from annot_server.views.language import translated
from annot_server.views.paths import own_path

blueprint = Blueprint("account_pages", __name__)


@blueprint.get("/account")
@open_to(*PEOPLE)
def account() -> Response:
    """Show a person what is known of them, and what they can change."""
    return account_page()


@blueprint.post("/account/password")
@open_to(*PEOPLE)
def change_password() -> Response:
    """Set a password, or another one after the old one was given; ends all other sessions."""
    this, who, new = server(), person(), request.form.get("new", "")
    if who.panel is not None:
        raise ForbiddenError(marked("people whom a panel sent have no password here"))
    try:
        ask_again(request.form.get("current", ""))
        check_rules(new, who.name)
    except (PasswordRuleError, WrongPasswordError, TooManyAttemptsError) as error:
        return account_page(error)
    hashed = hash_password(new)
    changed = this.database.write(
        lambda db: set_password(
            db,
            person_id=who.person_id,
            password_hash=hashed,
            now=this.now(),
            by_person_id=who.person_id,
        )
    )
    enter(changed)
    flash(_("Your password is set. Other browsers were signed out."))
    return redirect("/account", 303)


@blueprint.post("/account/sign-out-everywhere")
@open_to(*PEOPLE)
def sign_out_everywhere() -> Response:
    """End every session of the person but this one."""
    this, who = server(), person()

    def end_others(db: Session) -> Account:
        end_sessions(db, who.person_id)
        subject = f"person {who.person_id}"
        db.add(
            AuditEntry(at=this.now(), person_id=who.person_id, what="end_sessions", subject=subject)
        )
        return account_of(db, who.person_id)

    enter(this.database.write(end_others))
    flash(_("You are signed out everywhere else."))
    return redirect("/account", 303)


@blueprint.get("/account/forget")
@open_to(*PEOPLE)
def ask_to_be_forgotten() -> Response:
    """Explain what being forgotten means, and ask whether it is meant."""
    return forget_page()


@blueprint.post("/account/forget")
@open_to(*PEOPLE)
def forget_me() -> Response:
    """Forget the signed-in person, who confirmed it."""
    this, who = server(), person()
    if request.form.get("confirm") != "yes":
        return forget_page(_("Please tick the box first."))
    try:
        ask_again(request.form.get("current", ""))
    except (WrongPasswordError, TooManyAttemptsError) as error:
        return forget_page(translated(error.message), error)
    secret = this.home.key(SECRET_OF_TRACES)
    this.database.write(
        lambda db: forget(
            db,
            person_id=who.person_id,
            secret=secret,
            now=this.now(),
            by_person_id=who.person_id,
        )
    )
    logout_user()
    session.clear()
    return make_response(
        render_template(
            "message.html",
            title=_("You are forgotten here"),
            text=_(
                "Your name and every way in are erased. Answers that you gave stay, under a code "
                "alone. Thank you for them."
            ),
            status=200,
        )
    )


@blueprint.get("/consent")
@open_to(*PEOPLE)
def show_consent() -> Response:
    """Show the text that people agree to, again where it is another one since."""
    goal = own_path(request.args.get("next"), first_page(person()))
    has_agreed = person().consent_version == VERSION
    page = render_template("consent.html", goal=goal, has_agreed=has_agreed)
    return make_response(page)


@blueprint.post("/consent")
@open_to(*PEOPLE)
def consent() -> Response:
    """Note that the person agrees, and go on."""
    this, who = server(), person()
    this.database.write(lambda db: agree(db, person_id=who.person_id, now=this.now()))
    return redirect(own_path(request.form.get("next"), first_page(who)), 303)


def ask_again(password: str) -> None:
    """Check the password of whoever is signed in, if they have one; limits count here too.

    Raises:
        WrongPasswordError: it is another one.
        TooManyAttemptsError: there were too many wrong ones.
    """
    this, who = server(), person()
    with this.database.read() as db:
        if stored_hash(db, who.person_id) is None:
            return
    sign_in(
        this.database,
        secret=this.home.key(SECRET_OF_ATTEMPTS),
        name=who.name,
        password=password,
        address=request.remote_addr,
        now=this.now(),
    )


def account_page(
    error: PasswordRuleError | WrongPasswordError | TooManyAttemptsError | None = None,
) -> Response:
    """Return the page of one's own account, with what went wrong with a new password."""
    who = person()
    with server().database.read() as db:
        data = read_own_data(db, who.person_id)
    told = password_problem(error)
    at = "new" if isinstance(error, PasswordRuleError) else "current"
    page = render_template("account.html", person=who, data=data, problems={at: told})
    return answer(page, error)


def forget_page(
    problem: str = "", error: WrongPasswordError | TooManyAttemptsError | None = None
) -> Response:
    """Return the page that asks whether being forgotten is meant."""
    with server().database.read() as db:
        has_password = stored_hash(db, person().person_id) is not None
    page = render_template(
        "forget.html", person=person(), has_password=has_password, problem=problem
    )
    response = answer(page, error)
    if problem and not error:
        response.status_code = 422
    return response


def password_problem(error: Exception | None) -> str:
    """Return what to say above the form for a new password."""
    if error is None:
        return ""
    if isinstance(error, WrongPasswordError):
        return str(_("That is not your current password."))
    return translated(str(error))


def answer(
    page: str, error: PasswordRuleError | WrongPasswordError | TooManyAttemptsError | None
) -> Response:
    """Return a page with the status of what went wrong on it.

    A wrong password is 422 here: the person is signed in.
    """
    response = make_response(page)
    if error:
        response.status_code = 422 if isinstance(error, WrongPasswordError) else error.status
    if isinstance(error, TooManyAttemptsError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
