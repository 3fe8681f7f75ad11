"""The server and the signed-in person of the current request.

A browser signs in by a session cookie that names the person and their `session_version`; a program
by an API token. A request with a token is that token's alone: its cookies are not looked at.
"""

from __future__ import annotations

from typing import cast

from flask import Request, current_app, request, session
from flask_login import UserMixin, current_user, login_user

from annot_server.accounts import Account, look_up_account
from annot_server.errors import NotSignedInError, marked
from annot_server.models import MODEL
from annot_server.server import Server
from annot_server.tokens import find_bearer, note_use, refuse_token

EXTENSION = "annot_server"
SCHEME = "bearer "


class SignedIn(UserMixin):
    """An account as Flask-Login wants it; `scopes` is None for a browser's session."""

    def __init__(self, account: Account, scopes: frozenset[str] | None = None) -> None:
        self.account = account
        self.scopes = scopes

    def get_id(self) -> str:
        """Return what the session cookie holds."""
        return f"{self.account.person_id}.{self.account.session_version}"


def server() -> Server:
    """Return the parts of the running server."""
    return cast(Server, current_app.extensions[EXTENSION])


def load_person(session_id: str) -> SignedIn | None:
    """Return who a session belongs to; None where it was ended, or that person is no more."""
    person_id, _, version = session_id.partition(".")
    if bearer_token(request) is not None or not (person_id.isdecimal() and version.isdecimal()):
        return None
    account = look_up_account(server().database, int(person_id))
    if account is None or account.session_version != int(version) or account.role == MODEL:
        return None
    return SignedIn(account)


def load_bearer(asked: Request) -> SignedIn | None:
    """Return whom an API token belongs to; None where the request has none.

    Raises:
        NotSignedInError: there is a token, but none that holds.
        TooManyAttemptsError: and too many of that kind came from there.
    """
    token = bearer_token(asked)
    if token is None:
        return None
    this, now = server(), server().now()
    with this.database.read() as db:
        bearer = find_bearer(db, token, now=now)
    if bearer is None:
        refuse_token(
            this.database, secret=this.home.key("attempts"), address=asked.remote_addr, now=now
        )
    if bearer.is_use_worth_noting:
        this.database.write(lambda db: note_use(db, bearer.token_id, now=now))
    return SignedIn(bearer.account, bearer.scopes)


def bearer_token(asked: Request) -> str | None:
    """Return the token of an `Authorization: Bearer` header, None without such a header."""
    header = asked.headers.get("Authorization", "")
    return header[len(SCHEME) :].strip() if header.lower().startswith(SCHEME) else None


def enter(account: Account) -> None:
    """Sign a person in in this browser, with a session that has nothing of any before it."""
    session.clear()
    login_user(SignedIn(account))
    session.permanent = True


def person() -> Account:
    """Return who is signed in.

    Raises:
        NotSignedInError: nobody is.
    """
    if not current_user.is_authenticated:
        raise NotSignedInError(
            marked(
                "you are not signed in here; open the invite link that was sent to you, or ask "
                "for one"
            )
        )
    return cast(SignedIn, current_user).account


def scopes() -> frozenset[str] | None:
    """Return what the request's token may do; None for a browser, which may do all of its role."""
    return cast(SignedIn, current_user).scopes if current_user.is_authenticated else None
