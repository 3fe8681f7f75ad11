"""Who may use which route, said beside the view and asked before every request.

A view without a rule is open to nobody: the application does not start with one (see `app`), so
that a new route cannot be left open by forgetting. A route that names no scope takes no API token;
a browser's session never needs a scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, request

from annot_server.errors import ForbiddenError, marked
from annot_server.models import ANNOTATOR, MAINTAINER, REVIEWER
from annot_server.views.current import person, scopes

View = TypeVar("View", bound=Callable[..., Any])

PEOPLE = (ANNOTATOR, REVIEWER, MAINTAINER)
REVIEWERS = (REVIEWER, MAINTAINER)
REFUSALS = {
    frozenset({MAINTAINER}): marked("only a maintainer may do this"),
    frozenset(REVIEWERS): marked("only a reviewer or a maintainer may do this"),
}


@dataclass(frozen=True, slots=True)
class Access:
    """The roles that a route is open to (None: anybody), and the scope that a token needs."""

    roles: frozenset[str] | None
    scope: str | None = None


def open_to(*roles: str, scope: str | None = None) -> Callable[[View], View]:
    """Mark a view as open to signed-in people of the given roles, and to tokens with a scope."""
    return _mark(Access(frozenset(roles), scope))


def open_to_anybody(view: View) -> View:
    """Mark a view as open to people who are not signed in, too."""
    return _mark(Access(None))(view)


def _mark(access: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        return view

    return mark


def access_of(app: Flask, endpoint: str) -> Access | None:
    """Return the rule of an endpoint, None where nobody wrote one."""
    if endpoint == "static" or endpoint.startswith("api-docs."):
        return Access(None)
    return getattr(app.view_functions[endpoint], "access", None)


def check_rules(app: Flask) -> None:
    """Raise unless every route has a rule."""
    bare = {rule.endpoint for rule in app.url_map.iter_rules() if not access_of(app, rule.endpoint)}
    if bare:
        raise LookupError(f"routes without an access rule: {sorted(bare)}; see views/access.py")


def refuse_others() -> None:
    """Refuse who is not meant by the rule of the requested route.

    Raises:
        NotSignedInError: nobody is signed in, and the route is not open to anybody.
        ForbiddenError: somebody of another role is, or their token lacks the scope.
    """
    if request.endpoint is None:
        return  # no such route: 404 or 405
    access = access_of(current_app, request.endpoint)
    if access is None:
        raise ForbiddenError("nobody may use this")
    if access.roles is None:
        return
    if person().role not in access.roles:
        told = f"only a {' or '.join(sorted(access.roles))} may do this"
        raise ForbiddenError(REFUSALS.get(access.roles, told))
    allowed = scopes()
    if allowed is None:
        return
    if access.scope is None:
        raise ForbiddenError(marked("this is for people in a browser, not for API tokens"))
    if access.scope not in allowed:
        raise ForbiddenError(f"this API token lacks the scope {access.scope!r}")
