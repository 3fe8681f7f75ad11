"""Every route, by everybody: the rules beside the views, and the table here, must both agree.

A new route without a row in `TABLE` fails; so does one with somebody else's object and no row in
`OF_ANOTHER`.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from annot_server.tokens import SCOPES
from annot_server.views.access import access_of
from tests.annot_server.security.routes import ROUTES, Route, url

NOBODY, ANNOTATOR, REVIEWER, MAINTAINER, MODEL = (
    "nobody",
    "annotator",
    "reviewer",
    "maintainer",
    "model",
)
ANYBODY = None
PEOPLE = {ANNOTATOR, REVIEWER, MAINTAINER}
REVIEWERS = {REVIEWER, MAINTAINER}

# Endpoint: (roles, the scope that lets a token in).
TABLE = {
    "account_pages.account": (PEOPLE, None),
    "account_pages.ask_to_be_forgotten": (PEOPLE, None),
    "account_pages.change_password": (PEOPLE, None),
    "account_pages.consent": (PEOPLE, None),
    "account_pages.forget_me": (PEOPLE, None),
    "account_pages.show_consent": (PEOPLE, None),
    "account_pages.sign_out_everywhere": (PEOPLE, None),
    "accounts.join": (ANYBODY, None),
    "accounts.show_invitation": (ANYBODY, None),
    "accounts.show_sign_in": (ANYBODY, None),
    "accounts.sign_in_here": (ANYBODY, None),
    "accounts.sign_out": (ANYBODY, None),
    "annotate.annotate": (PEOPLE, None),
    "annotate.finish_introduction": (PEOPLE, None),
    "annotate.introduction": (PEOPLE, None),
    "annotate.qualify": (PEOPLE, None),
    "api-docs.openapi_json": (ANYBODY, None),
    "api.answer_frame": (PEOPLE, "annotate"),
    "api.lease_frames": (PEOPLE, "annotate"),
    "api.me": (PEOPLE, "annotate"),
    "api.progress": ({MAINTAINER}, "progress"),
    "api.release_lease": (PEOPLE, "annotate"),
    "api.renew_lease": (PEOPLE, "annotate"),
    "api.skip": (PEOPLE, "annotate"),
    "api.take_back": (PEOPLE, "annotate"),
    "api_panels.end_visit": ({MAINTAINER}, "maintain"),
    "api_prelabels.bring_prelabels": ({MODEL, MAINTAINER}, "prelabels"),
    "language.choose_language": (ANYBODY, None),
    "maintain.agreement": ({MAINTAINER}, None),
    "maintain.audit_page": ({MAINTAINER}, None),
    "maintain.confirm_set_aside": ({MAINTAINER}, None),
    "maintain.count_again": ({MAINTAINER}, None),
    "maintain.download_snapshot": ({MAINTAINER}, None),
    "maintain.invite_person": ({MAINTAINER}, None),
    "maintain.maintain": ({MAINTAINER}, None),
    "maintain.make_snapshot": ({MAINTAINER}, None),
    "maintain.one_person": ({MAINTAINER}, None),
    "maintain.pace": ({MAINTAINER}, None),
    "maintain.pause_person": ({MAINTAINER}, None),
    "maintain.people": ({MAINTAINER}, None),
    "maintain.resume_person": ({MAINTAINER}, None),
    "maintain.review_ask_more": (REVIEWERS, None),
    "maintain.review_clip": (REVIEWERS, None),
    "maintain.review_clips": (REVIEWERS, None),
    "maintain.review_frame": (REVIEWERS, None),
    "maintain.review_heatmap": (REVIEWERS, None),
    "maintain.review_queue": (REVIEWERS, None),
    "maintain.review_settle": (REVIEWERS, None),
    "maintain.review_unsettle": (REVIEWERS, None),
    "maintain.revoke_persons_token": ({MAINTAINER}, None),
    "maintain.set_aside": ({MAINTAINER}, None),
    "maintain.snapshots": ({MAINTAINER}, None),
    "media.context_strip": (PEOPLE, "annotate"),
    "media.frame_image": (PEOPLE, "annotate"),
    "media.source_video": (PEOPLE, "annotate"),
    "panels.begin": (ANYBODY, None),
    "panels.finish": ({ANNOTATOR}, None),
    "panels.show_entry": (ANYBODY, None),
    "panels.show_finish": ({ANNOTATOR}, None),
    "qualification.answer": (PEOPLE, "annotate"),
    "qualification.qualification": (PEOPLE, "annotate"),
    "static": (ANYBODY, None),
}

ROLES_OF_SCOPE = {"prelabels": MODEL}
"""Whose token has a scope in these tests; the others are maintainers'."""


def may(caller: str, endpoint: str) -> bool:
    """Say whether the table lets a caller in."""
    roles, scope = TABLE[endpoint]
    if roles is ANYBODY:
        return True
    if caller in SCOPES:
        return caller == scope and ROLES_OF_SCOPE.get(caller, MAINTAINER) in roles
    return caller in roles


def test_every_route_has_a_row_in_the_table_and_no_other_has() -> None:
    assert {route.endpoint for route in ROUTES} == set(TABLE)


def test_the_rules_beside_the_views_are_those_of_the_table(app) -> None:
    said = {endpoint: access_of(app, endpoint) for endpoint in TABLE}
    assert {name: (rule.roles, rule.scope) for name, rule in said.items()} == TABLE


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_only_those_of_the_table_get_in(app, world, trained, token, route) -> None:
    from tests.annot_server.security.conftest import Caller

    callers = {NOBODY: Caller(app.test_client(), {})}
    callers |= {role: trained(f"A {role}", role) for role in (ANNOTATOR, REVIEWER, MAINTAINER)}
    callers |= {scope: token(scope) for scope in SCOPES}
    address = url(app, route, world.values)
    is_open = TABLE[route.endpoint][0] is ANYBODY
    refusals = {403} if is_open else {401, 403}  # a wrong password is a 401 of its own
    found = {}
    for name, caller in callers.items():
        with caller(route.method, address) as response:
            status = response.status_code
            assert status < 500, response.data[-2000:]
            found[name] = status if status in refusals else "in"
    expected = {
        name: "in" if may(name, route.endpoint) else 401 if name == NOBODY else 403
        for name in callers
    }
    assert found == expected


# Objects of somebody else -----------------------------------------------------------------------

HIDDEN, HELD = {404}, {404, 409}
SHARED = {200, 206}

# What an annotator is told who names an object of Bo's. A frame's number says nothing secret, so
# that "you do not hold it" (409) is as good as "not found".
OF_ANOTHER = {
    "api.answer_frame": HELD,
    "api.release_lease": HIDDEN,
    "api.renew_lease": HIDDEN,
    "api.skip": HELD,
    "api.take_back": HIDDEN,
    "media.context_strip": HIDDEN,
    "media.frame_image": SHARED,  # whoever knows the picture's SHA-256 has seen it
    "media.source_video": HIDDEN,
    "qualification.answer": HELD,
}
BODIES = {
    "api.answer_frame": {"point": {"x": 0.5, "y": 0.5}},
    "api.skip": {"reason": "other"},
    "qualification.answer": {"point": None},
}
FOR_ANNOTATORS = [
    route
    for route in ROUTES
    if route.arguments and ANNOTATOR in (TABLE.get(route.endpoint, (None,))[0] or ())
]
STATE = (
    "SELECT * FROM answers",
    "SELECT * FROM skips",
    "SELECT * FROM leases",
    "SELECT * FROM slots",
    "SELECT * FROM panel_visits",
)


def test_every_route_that_names_an_object_has_a_row() -> None:
    assert {route.endpoint for route in FOR_ANNOTATORS} == set(OF_ANOTHER)


@pytest.mark.parametrize("route", FOR_ANNOTATORS, ids=str)
@pytest.mark.parametrize("whose", ["held", "answered", "skipped"])
def test_an_object_of_another_is_neither_shown_nor_changed(
    app, world, trained, route: Route, whose
) -> None:
    ada = trained("Ada")
    frame = world.frames[{"held": 3, "answered": 0, "skipped": 2}[whose]]
    address = url(app, route, {**world.values, "frame_id": frame})
    before = state(world)
    body = BODIES.get(route.endpoint)
    headers = {"Idempotency-Key": "a-key-of-Ada"}
    with ada(route.method, address, json=body, headers=headers) as response:
        assert response.status_code in OF_ANOTHER[route.endpoint], response.data
        assert b"Bo <" not in response.data
    assert state(world) == before


def state(world) -> list[list[tuple]]:
    with world.project.server.database.read() as session:
        return [[tuple(row) for row in session.execute(text(query))] for query in STATE]


def test_an_answer_under_the_key_of_another_is_ones_own(app, world, trained) -> None:
    ada = trained("Ada")
    frame = ada("POST", "/api/v1/leases", json={}).json["lease"]["frames"][0]["frame_id"]
    body, headers = {"point": None}, {"Idempotency-Key": "key-0"}
    response = ada("POST", f"/api/v1/frames/{frame}/answers", json=body, headers=headers)
    assert response.status_code == 201
    assert response.json["answers_given"] == 1


def test_a_forged_name_of_whose_page_it_is_gives_nothing_away(app, world, trained) -> None:
    ada = trained("Ada")
    response = ada("POST", "/api/v1/leases", json={}, headers={"X-Annotator": str(world.bo)})
    assert response.status_code == 401
