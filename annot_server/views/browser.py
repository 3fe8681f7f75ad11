"""The cookie that marks a browser for some minutes; see `repeats`."""

from __future__ import annotations

import re
import secrets

from flask import request
from werkzeug.wrappers import Response

from annot_server.repeats import REPEATS_FOR, hash_of_mark
from annot_server.views.current import server

MARK = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def browser() -> str | None:
    """Return the hash of the browser's mark, None where it has none."""
    mark = request.cookies.get(_name(), "")
    return hash_of_mark(mark) if MARK.match(mark) else None


def mark_browser(response: Response) -> Response:
    """Give the browser a mark, or let it keep the one that it has for longer."""
    mark = request.cookies.get(_name(), "")
    response.set_cookie(
        _name(),
        mark if MARK.match(mark) else secrets.token_urlsafe(32),
        max_age=REPEATS_FOR,
        secure=server().config.is_https,
        httponly=True,
        samesite="Lax",
    )
    return response


def unmark_browser(response: Response) -> Response:
    """Take the mark away: whoever comes next is somebody else."""
    response.delete_cookie(_name(), secure=server().config.is_https, httponly=True, samesite="Lax")
    return response


def _name() -> str:
    return "__Host-annot-mark" if server().config.is_https else "annot-mark"
