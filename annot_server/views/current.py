"""The server and the signed-in person of the current request."""

from __future__ import annotations

from typing import cast

from flask import current_app
from flask_login import UserMixin, current_user

from annot_server.accounts import Account, find_account
from annot_server.errors import NotSignedInError, marked
from annot_server.server import Server

EXTENSION = "annot_server"


class SignedIn(UserMixin):
    """An account as Flask-Login wants it."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_id(self) -> str:
        """Return what the session cookie holds."""
        return str(self.account.person_id)


def server() -> Server:
    """Return the parts of the running server."""
    return cast(Server, current_app.extensions[EXTENSION])


def load_person(session_id: str) -> SignedIn | None:
    """Return who a session belongs to, None where that person is no more."""
    with server().database.read() as session:
        account = find_account(session, int(session_id))
    return SignedIn(account) if account else None


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
