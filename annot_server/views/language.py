"""The language of the server's pages: chosen once and remembered, or else the browser's own.

The choice is kept in a cookie, so that it holds before anybody has signed in. Sentences that
service modules raise are marked with `errors.marked` and translated where they are shown.
"""

from __future__ import annotations

from flask import Blueprint, Flask, redirect, request
from flask_babel import Babel, format_date, get_locale, gettext
from werkzeug.wrappers import Response

from annot_server.views.access import open_to_anybody
from annot_server.views.current import server
from annot_server.views.paths import own_path

LANGUAGES = {"en": "English", "de": "Deutsch"}
COOKIE = "language"
COOKIE_DAYS = 365

blueprint = Blueprint("language", __name__)


def speak(app: Flask) -> None:
    """Let the application's templates and views speak every language that there is."""
    app.config["BABEL_DEFAULT_LOCALE"] = "en"
    Babel(app, locale_selector=wanted_language)
    app.context_processor(
        lambda: {
            "page_language": language(),
            "languages": LANGUAGES,
            "here": request.full_path.rstrip("?"),
        }
    )
    app.add_template_filter(lambda at: format_date(at, "long"), "day")
    app.register_blueprint(blueprint)


def wanted_language() -> str:
    """Return the chosen language, else the first that the browser asks for and that there is."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    # Werkzeug's best_match would take "en" at the end of the list over "de-AT" at its beginning.
    tags = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality)
    return next((tag for tag in tags if tag in LANGUAGES), "en")


def language() -> str:
    """Return the language of this answer, such as "de"."""
    return str(get_locale() or "en")


def translated(message: str) -> str:
    """Return a marked sentence in the language of this answer; others stay as they are."""
    return gettext(message) if message else message


@blueprint.post("/language")
@open_to_anybody
def choose_language() -> Response:
    """Remember a language in this browser, and go back to the page."""
    response = redirect(own_path(request.form.get("next")), 303)
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        response.set_cookie(
            COOKIE,
            chosen,
            max_age=COOKIE_DAYS * 86_400,
            secure=server().config.is_https,
            httponly=True,
            samesite="Lax",
        )
    return response
