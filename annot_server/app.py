"""The Flask application: its parts put together, security headers, and errors as JSON or pages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import lazy_gettext as _
from flask_login import AnonymousUserMixin, LoginManager
from flask_smorest import Api
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from annot_server.config import Home
from annot_server.errors import (
    BusyError,
    DatabaseAwayError,
    ForbiddenError,
    NotFoundError,
    RequestError,
    TooManyAttemptsError,
    UnusableTextError,
)
from annot_server.outages import is_away
from annot_server.server import Server, open_server, utc_now
from annot_server.views import (
    access,
    account_pages,
    accounts,
    annotate,
    api,
    api_panels,
    api_prelabels,
    current,
    language,
    maintain,
    media,
    panels,
    quality,
)
from annot_server.views.schemas import MAX_INTEGER, ErrorSchema

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
API_PREFIX = "/api/"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self'; connect-src 'self'; font-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers then send "Origin: null" with our own forms over plain http.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
TITLES = {
    400: _("Please open the study again"),
    401: _("Please open your invite link"),
    403: _("This is not for you"),
    404: _("There is nothing here"),
    409: _("This goes on elsewhere"),
    410: _("This link works no longer"),
    429: _("Please wait a little"),
    500: _("Something went wrong here"),
    503: _("Just a moment"),
}


def create_app(
    home: Home | Path | str,
    *,
    engine: Engine | None = None,
    clock: Callable[[], datetime] = utc_now,
    rng: np.random.Generator | None = None,
) -> Flask:
    """Return the application of one server; see `server.open_server` for the arguments."""
    return app_of(open_server(home, engine=engine, clock=clock, rng=rng))


def app_of(server: Server) -> Flask:
    """Return the application over a server's parts."""
    # The folder stands beside this package in a checkout and inside it in an installed wheel.
    app = Flask(__name__, static_folder=str(resources.files("annot_server.static")))
    app.extensions[current.EXTENSION] = server
    app.url_map.converters["int"] = ColumnInteger
    is_https = server.config.is_https
    app.config.update(
        SECRET_KEY=server.home.key("session"),
        SESSION_COOKIE_NAME="__Host-annot" if is_https else "annot",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=server.config.session_days),
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        API_TITLE="Annotation server",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )
    if proxies := server.config.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies
        )
    app.before_request(refuse_other_sites)
    app.before_request(refuse_nul)
    app.before_request(access.refuse_others)
    app.after_request(add_headers)
    app.register_error_handler(RequestError, handle_refusal)
    app.register_error_handler(DBAPIError, handle_outage)

    login = LoginManager(app)
    login.session_protection = None  # phones change their address between two frames
    login.user_loader(current.load_person)
    login.request_loader(current.load_bearer)

    language.speak(app)
    json_api = JsonApi(app)
    for module in (api, api_panels, api_prelabels, quality):
        json_api.register_blueprint(module.blueprint)
    for module in (account_pages, accounts, annotate, maintain, media, panels):
        app.register_blueprint(module.blueprint)
    access.check_rules(app)
    return app


class ColumnInteger(IntegerConverter):
    """A whole number in an address, up to what a column of the database holds."""

    def __init__(self, map: Map, fixed_digits: int = 0, max: int = MAX_INTEGER) -> None:
        super().__init__(map, fixed_digits=fixed_digits, max=max)


class JsonApi(Api):
    """flask-smorest with our shape of errors, JSON under /api/ and pages elsewhere."""

    ERROR_SCHEMA = ErrorSchema

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Answer an error that Flask, Werkzeug or the argument parser raised."""
        status = error.code or 500
        messages = getattr(error, "data", {}).get("messages")
        text = one_line(messages) if messages else error.description or error.name
        response = error_response(status, error.name.lower().replace(" ", "_"), text)
        if allowed := getattr(error, "valid_methods", None):
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response


def handle_refusal(error: RequestError) -> Response:
    """Answer one of our own refusals."""
    text = language.translated(error.message)
    response = error_response(error.status, error.code, text, error.frame_id)
    if isinstance(error, TooManyAttemptsError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, BusyError):
        response.headers["Retry-After"] = "1"
    return response


def handle_outage(error: DBAPIError) -> Response:
    """Answer 503 while the database is away, so that pages and scripts keep what they hold."""
    if not is_away(error):
        raise error
    logger.error("the database is away: %s", str(error.orig).strip().partition("\n")[0])
    response = handle_refusal(DatabaseAwayError())
    response.headers["Retry-After"] = "1"
    return response


def error_response(status: int, code: str, text: str, frame_id: int | None = None) -> Response:
    """Return an error as JSON under /api/, as a page elsewhere."""
    if status >= 500 or current.bearer_token(request) is not None:
        # The page must not ask a database that is away, nor again for a token that was refused.
        g._login_user = AnonymousUserMixin()
    if request.path.startswith(API_PREFIX):
        body = {"error": code, "message": text}
        response = jsonify(body if frame_id is None else {**body, "frame_id": frame_id})
    else:
        title = TITLES.get(status, _("That did not work"))
        response = make_response(
            render_template("message.html", title=title, text=text, status=status)
        )
    response.status_code = status
    return response


def one_line(messages: Any, where: str = "") -> str:
    """Return nested validation messages as one line, each with the place it is about.

    >>> one_line({"json": {"point": {"x": ["Not a number."]}}})
    'point.x: Not a number.'
    """
    if isinstance(messages, dict):
        parts = []
        for key, value in messages.items():
            is_shell = key == "_schema" or (not where and key in ("json", "headers"))
            path = where if is_shell else f"{where}.{key}".lstrip(".")
            parts.append(one_line(value, path))
        return " ".join(parts)
    text = " ".join(messages) if isinstance(messages, list) else str(messages)
    return f"{where}: {text}" if where else text


def refuse_other_sites() -> None:
    """Refuse writes that another site's page sends with our cookie.

    Browsers say where a request comes from in Sec-Fetch-Site; those that do not (and pages on plain
    http beyond this machine) send Origin. Scripts send neither.
    """
    if request.method in SAFE_METHODS or current.bearer_token(request) is not None:
        return  # no other site's page can send a token, and with one no cookie counts
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:
        is_ours = origin is None or urlsplit(origin).netloc == request.host
    if not is_ours:
        # The rule and no path: that may hold an unused invite link, or line breaks.
        rule = request.url_rule.rule if request.url_rule else None
        logger.warning("refused %s %r from another site", request.method, rule)
        raise ForbiddenError("this request came from another site; open the page itself")


def refuse_nul() -> None:
    """Refuse a NUL in a path, a query or a form: PostgreSQL keeps none, and nobody types one."""
    if "\0" in request.path:
        raise NotFoundError("there is nothing here")
    # A body of the API is no form, and may be larger than a form.
    sent = [request.args] if request.path.startswith(API_PREFIX) else [request.args, request.form]
    for values in sent:
        if any("\0" in text for item in values.items(multi=True) for text in item):
            raise UnusableTextError("a character was sent that no text can hold (NUL)")


def add_headers(response: Response) -> Response:
    """Add the security headers, and keep pages and API answers out of caches."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
