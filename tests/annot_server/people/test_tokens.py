"""API tokens: made once, stored as hashes, limited by scope and role."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from sqlalchemy import func, select

from annot_server import attempts
from annot_server.errors import ConfigError
from annot_server.models import ApiToken, Person, Prelabel
from annot_server.tokens import SCOPES, create_token, revoke_token
from annot_server.views.access import access_of
from dataset_builder.geometry import Point
from dataset_builder.prelabels import Prelabel as Suggestion
from dataset_builder.prelabels import write_prelabels

NDJSON = "application/x-ndjson"

ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def token(server, project):
    """Return a function that makes a token, and its person where there is none."""

    def token(name="Ada", role="annotator", scopes=("annotate",), **more) -> str:
        project.person(name, role)
        return server.database.write(
            lambda session: create_token(
                session, name=name, scopes=scopes, now=server.now(), **more
            )
        )

    return token


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_answers_as_its_person(app, project, token) -> None:
    frame = project.add_clip(1)[0]
    headers = bearing(token("Ada"))
    client = app.test_client()
    assert client.get("/api/v1/me", headers=headers).json["name"] == "Ada"
    assert client.post("/api/v1/leases", json={}, headers=headers).status_code == 200
    answered = client.post(
        f"/api/v1/frames/{frame}/answers",
        json={"point": {"x": 0.5, "y": 0.5}},
        headers={**headers, "Idempotency-Key": "one"},
    )
    assert answered.status_code == 201


def test_every_route_of_the_api_takes_tokens_of_some_scope(app) -> None:
    rules = [r for r in app.url_map.iter_rules() if r.rule.startswith("/api/v1/")]
    needed = {rule.endpoint: access_of(app, rule.endpoint) for rule in rules}
    assert len(needed) > 8
    for endpoint, access in needed.items():
        assert access.roles is None or access.scope in SCOPES, endpoint


def test_a_scope_opens_its_routes_alone(app, token) -> None:
    client = app.test_client()
    progress = bearing(token("Mia", "maintainer", ["progress"]))
    assert client.get("/api/v1/progress", headers=progress).status_code == 200
    refused = client.post("/api/v1/leases", json={}, headers=progress)
    assert refused.status_code == 403
    assert refused.json["message"] == "this API token lacks the scope 'annotate'"


def test_a_token_can_no_more_than_its_persons_role(app, server, token) -> None:
    headers = bearing(token("Mia", "maintainer", ["annotate", "progress"]))

    def demote(session):
        session.scalars(select(Person)).one().role = "annotator"

    server.database.write(demote)
    assert app.test_client().get("/api/v1/progress", headers=headers).status_code == 403
    assert app.test_client().get("/api/v1/me", headers=headers).status_code == 200


def test_a_browser_needs_no_scope(sign_in) -> None:
    assert sign_in("Mia", "maintainer").get("/api/v1/progress").status_code == 200


@pytest.mark.parametrize("path", ["/", "/account", "/maintain", "/account/forget", "/consent"])
def test_pages_for_people_take_no_tokens(app, token, path) -> None:
    headers = bearing(token("Mia", "maintainer", SCOPES))
    refused = app.test_client().get(path, headers=headers)
    assert refused.status_code == 403
    assert "This is for people in a browser, not for API tokens." in refused.text


def test_only_a_hash_is_stored_and_the_shape_can_be_scanned_for(server, token) -> None:
    made = token()
    assert re.fullmatch(r"gc_[A-Za-z0-9_-]{43}", made)
    with server.database.read() as session:
        stored = session.scalars(select(ApiToken.token_sha256)).one()
    assert stored == hashlib.sha256(made.encode()).hexdigest()


def test_a_token_ends_when_it_expires(app, token, clock) -> None:
    headers = bearing(token(expires_at=clock.now + (clock.now - clock.now.replace(hour=0))))
    client = app.test_client()
    assert client.get("/api/v1/me", headers=headers).status_code == 200
    clock.advance(86_400)
    assert client.get("/api/v1/me", headers=headers).status_code == 401


def test_a_token_ends_when_it_is_revoked(app, server, token) -> None:
    headers = bearing(token())
    server.database.write(
        lambda session: revoke_token(
            session, token_id=session.scalars(select(ApiToken.id)).one(), now=server.now()
        )
    )
    assert app.test_client().get("/api/v1/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer ", "Bearer gc_" + "x" * 43, "bearer nonsense", "Bearer \xff", "Bearer a b"]
)
def test_a_wrong_token_is_401_and_the_cookie_does_not_help(sign_in, header) -> None:
    client = sign_in("Ada")
    refused = client.get("/api/v1/me", headers={"Authorization": header})
    assert (refused.status_code, refused.json["error"]) == (401, "not_signed_in")
    assert "not known, was revoked or has expired" in refused.json["message"]


def test_a_request_with_a_token_is_the_tokens_alone(sign_in, token) -> None:
    client = sign_in("Mia", "maintainer")
    answer = client.get("/api/v1/me", headers=bearing(token("Ada")))
    assert answer.json["name"] == "Ada"


def test_other_ways_to_authorise_are_not_looked_at(sign_in) -> None:
    client = sign_in("Ada")
    assert client.get("/api/v1/me", headers={"Authorization": "Basic QTpi"}).status_code == 200


def test_a_token_needs_no_sign_of_the_own_site(app, token) -> None:
    headers = {**bearing(token()), "Origin": "https://elsewhere.example"}
    assert app.test_client().post("/api/v1/leases", json={}, headers=headers).status_code == 200


def test_a_bearer_header_does_not_carry_a_cookie_past_the_check_of_sites(sign_in) -> None:
    headers = {"Authorization": "Bearer x", "Sec-Fetch-Site": "cross-site"}
    assert sign_in("Ada").post("/api/v1/leases", json={}, headers=headers).status_code == 401


@ON_BOTH
def test_the_last_use_is_noted_at_most_once_a_minute(app, server, token, clock) -> None:
    headers = bearing(token())

    def noted():
        app.test_client().get("/api/v1/me", headers=headers)
        with server.database.read() as session:
            return session.scalars(select(ApiToken.last_used_at)).one()

    first = noted()
    assert first == clock.now
    clock.advance(59)
    assert noted() == first
    clock.advance(1)
    assert noted() == clock.now


@ON_BOTH
def test_wrong_tokens_are_counted_and_right_ones_are_never_held_back(app, server, token) -> None:
    right = bearing(token())
    client = app.test_client()
    for i in range(attempts.TOKENS_PER_ADDRESS):
        assert client.get("/api/v1/me", headers=bearing(f"gc_{i}")).status_code == 401
    held_back = client.get("/api/v1/me", headers=bearing("gc_more"))
    assert (held_back.status_code, held_back.json["error"]) == (429, "too_many_attempts")
    assert int(held_back.headers["Retry-After"]) == 900
    assert client.get("/api/v1/me", headers=right).status_code == 200


@pytest.mark.parametrize(
    ("role", "scopes", "told"),
    [
        ("annotator", ["progress"], "its scopes are annotate; got progress"),
        ("model", ["annotate"], "its scopes are prelabels; got annotate"),
        ("maintainer", ["all"], "got all"),
        ("maintainer", [], "got none"),
    ],
)
def test_a_scope_without_use_for_the_role_is_refused(token, role, scopes, told) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        token("Ada", role, scopes)


@ON_BOTH
def test_a_model_brings_prelabels(app, server, project, token, tmp_path) -> None:
    project.add_clip(2, is_benchmark=False)
    with server.database.read() as session:
        from annot_server.models import Frame

        (clip_id,) = set(session.scalars(select(Frame.clip_id)))
    path = tmp_path / "p.jsonl"
    items = [Suggestion(clip_id, s, Point(0.25, 0.5), 0.9) for s in (0, 1, 77)]
    write_prelabels(path, "tiny", "0" * 64, items)
    headers = {**bearing(token("Robot", "model", ["prelabels"])), "Content-Type": NDJSON}
    client = app.test_client()
    brought = client.post("/api/v1/prelabels", data=path.read_bytes(), headers=headers)
    assert brought.status_code == 200
    assert brought.json == {
        "imported": 2,
        "already_here": 0,
        "unknown_frames": 1,
        "unknown_first": [f"{clip_id}/77"],
    }
    again = client.post("/api/v1/prelabels", data=path.read_bytes(), headers=headers)
    assert (again.json["imported"], again.json["already_here"]) == (0, 2)
    with server.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Prelabel)) == 2


@pytest.mark.parametrize(
    "case",
    [
        (b"", NDJSON, 422, "line 1: expected a header"),
        (b'{"kind": "header"}', NDJSON, 422, "line 1: expected a header"),
        (b"\xff\xfe", NDJSON, 422, ""),
        (b"{}", "application/json", 415, "send the file as JSON lines"),
        (b"x" * (33 * 1024 * 1024), NDJSON, 413, ""),
    ],
    ids=["empty", "header", "utf-8", "type", "huge"],
)
def test_what_is_no_prelabels_file_is_refused_in_one_line(app, token, case) -> None:
    body, content_type, status, told = case
    headers = {**bearing(token("Robot", "model", ["prelabels"])), "Content-Type": content_type}
    refused = app.test_client().post("/api/v1/prelabels", data=body, headers=headers)
    assert refused.status_code == status
    assert told in refused.json["message"]
    assert "/tmp" not in refused.json["message"]


def test_annotators_bring_no_prelabels(sign_in) -> None:
    answer = sign_in("Ada").post("/api/v1/prelabels", data=b"", content_type=NDJSON)
    assert answer.status_code == 403


def test_the_openapi_document_describes_the_prelabels_route(app, sign_in) -> None:
    document = sign_in("Ada").get("/api/v1/openapi.json").json
    operation = document["paths"]["/api/v1/prelabels"]["post"]
    assert list(operation["requestBody"]["content"]) == [NDJSON]
    assert {"200", "403", "413", "415", "422"} <= set(operation["responses"])


class TestCommands:
    """`annot-server token ...`."""

    def test_a_token_is_made_listed_and_revoked(self, cli, app, project) -> None:
        project.person("Ada")
        made = cli("token", "create", "Ada", "--scopes", "annotate", "--label", "laptop")
        assert made.exit_code == 0
        token = made.stdout.strip()
        assert app.test_client().get("/api/v1/me", headers=bearing(token)).json["name"] == "Ada"
        listed = cli("token", "list", "--json")
        (row,) = [json.loads(line) for line in listed.stdout.splitlines()]
        assert (row["name"], row["label"], row["state"]) == ("Ada", "laptop", "active")
        assert token not in listed.output
        assert "laptop\tannotate\tactive" in cli("token", "list").stdout
        assert cli("token", "revoke", row["token_id"]).output == "token 1 is revoked\n"
        assert "revoked already" in cli("token", "revoke", row["token_id"]).output
        assert app.test_client().get("/api/v1/me", headers=bearing(token)).status_code == 401
        assert json.loads(cli("token", "list", "--json").stdout)["state"] == "revoked"

    def test_a_model_gets_its_account_with_its_token(self, cli, server) -> None:
        words = ("token", "create", "robot-1", "--scopes", "prelabels", "--model", "--json")
        assert json.loads(cli(*words).stdout)["scopes"] == ["prelabels"]
        with server.database.read() as session:
            assert session.scalars(select(Person.role)).one() == "model"
        assert cli("password", "robot-1", "--stdin", stdin="long enough for us\n").exit_code == 1
        assert cli("invite", "robot-1", "--role", "annotator").exit_code == 1

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["create", "Nobody", "--scopes", "annotate"], "there is nobody called 'Nobody' here"),
            (["create", "Ada", "--scopes", "fly"], "its scopes are annotate; got fly"),
            (["create", "Ada", "--scopes", "prelabels", "--model"], "is here as annotator"),
            (["revoke", "99"], "there is no token 99"),
        ],
    )
    def test_what_cannot_be_is_one_line_and_exit_1(self, cli, project, words, told) -> None:
        project.person("Ada")
        done = cli("token", *words)
        assert done.exit_code == 1
        assert told in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
