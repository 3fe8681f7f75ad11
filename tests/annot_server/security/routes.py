"""Every route of the application, as its own URL map has it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from werkzeug.routing import Rule

from annot_server.app import create_app
from annot_server.config import Config, Home

SAFE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class Route:
    """One way in: an endpoint and a method."""

    endpoint: str
    method: str
    path: str
    arguments: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> list[Route]:
    """Return every route that there is, without the HEAD and OPTIONS that Flask adds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.create(Config())
        app = create_app(home)
    found = [
        Route(rule.endpoint, method, str(rule), frozenset(rule.arguments))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return sorted(found, key=str)


def rule_of(app: Flask, route: Route) -> Rule:
    return next(rule for rule in app.url_map.iter_rules() if str(rule) == route.path)


def url(app: Flask, route: Route, values: dict[str, object]) -> str:
    """Return the route's address with values for its arguments."""
    _, path = rule_of(app, route).build({name: values[name] for name in route.arguments})
    return path


ROUTES = routes()
