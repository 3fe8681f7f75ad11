"""The JSON API as page and scripts meet it, on both databases."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from annot_server.models import Prelabel
from annot_server.server import Server
from annot_server.views.schemas import GivenSchema, LeaseReplySchema
from tests.annot_server.calls import answer, lease


def add_prelabels(server: Server, frame_ids: list[int]) -> None:
    def add(session) -> None:
        for frame_id in frame_ids:
            session.add(
                Prelabel(
                    frame_id=frame_id,
                    file_sha256="f",
                    model="m",
                    checkpoint_digest="d",
                    x=0.25,
                    y=0.75,
                    score=0.5,
                    imported_at=server.now(),
                )
            )

    server.database.write(add)


def test_the_whole_way_from_lease_to_undo(project, sign_in) -> None:
    frames = project.add_clip(2, start_s=5, size=(320, 240))
    client = sign_in("Ada")
    held = lease(client)
    assert held["clip"] == {
        "clip_id": "v1_5000-7000_crack-egg",
        "video_id": "v1",
        "start_s": 5.0,
        "end_s": 7.0,
        "video_url": None,
        "video_mime": None,
    }
    assert held["action"] == {"action_id": "crack-egg", "description": "crack egg"}
    assert held["expires_in_s"] == 300
    first = held["frames"][0]
    assert {k: first[k] for k in ("frame_id", "second", "width", "height")} == {
        "frame_id": frames[0],
        "second": 5,
        "width": 320,
        "height": 240,
    }
    assert re.fullmatch(r"/media/frames/[0-9a-f]{64}\.jpg", first["image_url"])
    assert first["context_url"] == f"/media/context/{frames[0]}.jpg"
    given = answer(client, frames[0], details={"pointer": "mouse", "ms_since_paint": 700})
    assert given.status_code == 201
    assert given.json["answers_given"] == 1
    skipped = client.post(f"/api/v1/frames/{frames[1]}/skips", json={"reason": "cannot_tell"})
    assert skipped.status_code == 201
    assert lease(client) is None
    for frame_id in frames:
        undone = client.post(f"/api/v1/frames/{frame_id}/undo")
        assert undone.status_code == 200
        assert [f["frame_id"] for f in undone.json["lease"]["frames"]] == [frame_id]
    assert client.get("/api/v1/me").json == {
        "name": "Ada",
        "role": "annotator",
        "answers_given": 0,
        "visit": None,
    }


def test_replies_that_skip_their_schema_keep_to_it(server, project, sign_in) -> None:
    frames = project.add_clip(2, hint_quota=2, redundancy=2, is_benchmark=False)
    add_prelabels(server, frames)
    client = sign_in()
    held = client.post("/api/v1/leases").json
    assert held["lease"]["frames"][0]["hint"]
    given = answer(client, frames[0]).json
    client.post(f"/api/v1/leases/{held['lease']['lease_id']}/release")
    LeaseReplySchema().load(held)
    LeaseReplySchema().load(sign_in("Mia").post("/api/v1/leases").json)
    LeaseReplySchema().load(client.post("/api/v1/leases").json)
    GivenSchema().load(given)


def test_no_work_is_said_plainly(sign_in) -> None:
    assert sign_in().post("/api/v1/leases", json={}).json == {
        "lease": None,
        "reason": "no_work",
        "message": None,
    }


def test_a_repeated_answer_is_answered_200_with_the_same_body(project, sign_in) -> None:
    [frame] = project.add_clip(1)
    client = sign_in()
    lease(client)
    first, again = answer(client, frame), answer(client, frame)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json


def test_conflicts_have_a_code_a_message_and_the_frame(project, sign_in) -> None:
    first, second = project.add_clip(2)
    client = sign_in()
    assert answer(client, first).json["error"] == "lease_lost"
    lease(client)
    answer(client, first)
    for response, code in (
        (answer(client, first, None), "idempotency_conflict"),
        (answer(client, first, key="k2"), "already_answered"),
        (answer(sign_in("Bo"), second), "lease_lost"),
    ):
        assert response.status_code == 409
        assert response.json["error"] == code
        assert response.json["frame_id"] in (first, second)
        assert response.json["message"]


def test_an_unknown_frame_is_404(sign_in) -> None:
    response = answer(sign_in(), 12345)
    assert (response.status_code, response.json["error"]) == (404, "not_found")


def test_leases_are_renewed_and_given_back(project, sign_in, clock) -> None:
    project.add_clip()
    client, other = sign_in("Ada"), sign_in("Bo")
    lease_id = lease(client)["lease_id"]
    where = f"/api/v1/leases/{lease_id}"
    clock.advance(200.5)
    assert lease(client)["expires_in_s"] == 300
    assert client.post(f"{where}/renew").json == {"lease_id": lease_id, "expires_in_s": 300}
    assert other.post(f"{where}/renew").status_code == 404
    assert other.post(f"{where}/release").status_code == 404
    # As navigator.sendBeacon sends it: no body, no headers of ours.
    for _ in range(2):
        released = client.post(f"{where}/release", content_type="text/plain;charset=UTF-8")
        assert (released.status_code, released.data) == (204, b"")
    lost = client.post(f"{where}/renew")
    assert (lost.status_code, lost.json["error"]) == (409, "lease_lost")


def test_a_lease_is_given_back_with_those_given_after_it(project, sign_in) -> None:
    """A page that closes while it asks for one does not know its number."""
    for video_id in ("v1", "v2", "v3"):
        project.add_clip(video_id=video_id)
    client, other = sign_in("Ada"), sign_in("Bo")
    first, others = lease(client), lease(other)
    second = client.post("/api/v1/leases", json={"after_lease_id": first["lease_id"]}).json["lease"]
    where = f"/api/v1/leases/{first['lease_id']}/release"
    assert client.post(where, json={"and_later": "yes"}).status_code == 422
    assert client.post(where, json={"and_later": True}).status_code == 204
    for held in (first, second):
        assert client.post(f"/api/v1/leases/{held['lease_id']}/renew").status_code == 409
    assert other.post(f"/api/v1/leases/{others['lease_id']}/renew").status_code == 200


def test_the_next_lease_can_be_fetched_ahead(project, sign_in) -> None:
    project.add_clip(video_id="v1")
    project.add_clip(video_id="v2")
    client = sign_in()
    first = lease(client)
    assert lease(client, after_lease_id=first["lease_id"])["clip"]["video_id"] == "v2"


def test_a_blind_response_has_no_trace_of_a_hint(server, project, sign_in) -> None:
    [frame] = project.add_clip(1, hint_quota=1, redundancy=2, is_benchmark=False)

    add_prelabels(server, [frame])
    held = [lease(sign_in(name)) for name in ("Ada", "Bo")]
    hinted = [h["frames"][0] for h in held if "hint" in h["frames"][0]]
    blind = [h for h in held if "hint" not in h["frames"][0]]
    assert hinted[0]["hint"] == {"point": {"x": 0.25, "y": 0.75}, "score": 0.5}
    words = json.dumps(blind[0])
    places = {"frame_id", "second", "image_url", "context_url", "width", "height"}
    assert set(blind[0]["frames"][0]) == places
    assert not re.search("hint|arm|blind|prelabel", words)


# Who may ---------------------------------------------------------------------------------------


ROUTES = [
    ("POST", "/leases"),
    ("POST", "/leases/1/renew"),
    ("POST", "/leases/1/release"),
    ("POST", "/frames/1/answers"),
    ("POST", "/frames/1/skips"),
    ("POST", "/frames/1/undo"),
    ("GET", "/me"),
    ("GET", "/progress"),
    ("POST", "/prelabels"),
    ("POST", "/panel-visits/1/status"),
    ("GET", "/qualification"),
    ("POST", "/qualification/frames/1/answers"),
]


def test_every_route_asks_strangers_to_sign_in(app) -> None:
    described = app.test_client().get("/api/v1/openapi.json").json["paths"]
    known = {
        (method.upper(), re.sub(r"\{\w+\}", "1", path).removeprefix("/api/v1"))
        for path, operations in described.items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert known == set(ROUTES), "a new route: add it here"
    for method, path in ROUTES:
        response = app.test_client().open(f"/api/v1{path}", method=method)
        assert (response.status_code, response.json["error"]) == (401, "not_signed_in"), path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_page_of_somebody_else_is_asked_to_sign_in(project, sign_in) -> None:
    [frame] = project.add_clip(1)
    client = sign_in("Ada")
    lease(client)
    other = {"X-Annotator": str(project.person("Bo")), "Idempotency-Key": "k"}
    for path in (f"frames/{frame}/answers", f"frames/{frame}/skips", f"frames/{frame}/undo"):
        refused = client.post(f"/api/v1/{path}", json={"point": None}, headers=other)
        assert (refused.status_code, refused.json["error"]) == (401, "not_signed_in"), path
    own = {**other, "X-Annotator": page_owner(client)}
    assert own != other
    given = client.post(f"/api/v1/frames/{frame}/answers", json={"point": None}, headers=own)
    assert given.status_code == 201


def page_owner(client: FlaskClient) -> str:
    found = re.search(r'<body [^>]*data-person="(\d+)"', client.get("/").text)
    assert found, "the page says whose it is"
    return found.group(1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_progress_is_for_maintainers(project, sign_in) -> None:
    project.add_clip(2)
    refused = sign_in("Ada").get("/api/v1/progress")
    assert (refused.status_code, refused.json["error"]) == (403, "forbidden")
    found = sign_in("Mia", "maintainer").get("/api/v1/progress").json
    assert (found["frames"], found["answers_wanted"]) == (2, 10)
    assert found["by_action"][0]["description"] == "crack egg"


def test_nobody_touches_what_others_said(project, sign_in) -> None:
    first, second = project.add_clip(2)
    ada, bo = sign_in("Ada"), sign_in("Bo")
    lease(ada)
    answer(ada, first)
    ada.post(f"/api/v1/frames/{second}/skips", json={"reason": "other"})
    for frame in (first, second):
        refused = bo.post(f"/api/v1/frames/{frame}/undo")
        assert (refused.status_code, refused.json["error"]) == (404, "not_found")
        assert ada.post(f"/api/v1/frames/{frame}/undo").status_code == 200


# Probes (R39) ----------------------------------------------------------------------------------
