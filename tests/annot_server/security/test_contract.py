"""The API does what its own OpenAPI document says, whatever is sent (schemathesis).

The short form runs some dozen cases of each operation, always the same; ANNOT_SOAK=1 (`make soak`)
runs thousands.
"""

from __future__ import annotations

import os
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from annot_server.tokens import create_token
from tests.annot_server.security.routes import ROUTES

IS_LONG = os.environ.get("ANNOT_SOAK") == "1"
LIMITS = settings(
    max_examples=200 if IS_LONG else 30,
    derandomize=not IS_LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
DOCUMENT = "/api/v1/openapi.json"
OPERATIONS = [
    (re.sub(r"<(?:[^:>]*:)?([^>]*)>", r"{\1}", route.path), route.method)
    for route in ROUTES
    if route.path.startswith("/api/") and route.path != DOCUMENT
]
VALID, INVALID = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
JSON_LINES = "application/x-ndjson"
FILES = ("/api/v1/prelabels",)
"""Takes a file, whose inside no schema of the document describes."""


@schemathesis.serializer(JSON_LINES)
def as_text(_context: object, value: object) -> bytes:
    """Send a file's text as it is."""
    return str(value).encode("utf-8", "surrogatepass")


RUNS = [(path, method, VALID) for path, method in OPERATIONS]
# Reading takes no arguments, so nothing about it can be invalid.
RUNS += [(path, method, INVALID) for path, method in OPERATIONS if method != "GET"]


@pytest.fixture
def document(app) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_wsgi(DOCUMENT, app)


@pytest.fixture
def credentials(world, trained) -> dict[str, str]:
    """Return the headers of a maintainer who holds frames and has every scope there is."""
    maintainer, server = trained("Mo", "maintainer"), world.project.server
    held = maintainer("POST", "/api/v1/leases", json={}).json["lease"]
    assert held["frames"]
    scopes = ["annotate", "progress", "prelabels", "maintain"]
    token = server.database.write(
        lambda session: create_token(session, name="Mo", scopes=scopes, now=server.now())
    )
    return {"Authorization": f"Bearer {token}"}


def test_the_document_names_every_operation_and_no_other(document) -> None:
    documented = {
        (path, method.upper())
        for path, operations in document.items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert documented == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [run for run in RUNS if (run[0], run[2]) not in [(file, INVALID) for file in FILES]],
    ids=lambda value: getattr(value, "value", value),
)
def test_the_api_keeps_to_its_document(document, credentials, path, method, kind) -> None:
    cases = document[path][method].as_strategy(generation_mode=kind)
    left_out = [positive_data_acceptance] if path in FILES else []

    @LIMITS
    @given(case=cases)
    def check(case) -> None:
        case.call_and_validate(headers=credentials, excluded_checks=left_out)

    check()
