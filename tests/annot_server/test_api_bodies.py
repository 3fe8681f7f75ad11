"""What the JSON API says to bodies, keys and ids that are not as they should be (R39)."""

from __future__ import annotations

import pytest

from tests.annot_server.calls import answer, lease

JSON = "application/json"
PROBES = [
    ("no body", b"", JSON, 422, "point"),
    ("no point", b"{}", JSON, 422, "point: Missing data for required field."),
    ("a list", b"[1, 2]", JSON, 422, "Invalid input type."),
    ("null", b"null", JSON, 422, "Invalid input type."),
    ("a number", b"7", JSON, 422, "Invalid input type."),
    ("x alone", b'{"point": {"x": 0.5}}', JSON, 422, "point.y: Missing data"),
    ("a pair", b'{"point": [0.5, 0.5]}', JSON, 422, "point: Invalid input type."),
    (
        "an unknown field",
        b'{"point": null, "not_visible": true}',
        JSON,
        422,
        "not_visible: Unknown",
    ),
    ("NaN", b'{"point": {"x": NaN, "y": 0.5}}', JSON, 422, "point.x: Special numeric values"),
    ("Infinity", b'{"point": {"x": 0.5, "y": Infinity}}', JSON, 422, "point.y: Special"),
    ("1e999", b'{"point": {"x": 1e999, "y": 0.5}}', JSON, 422, "point.x: Special"),
    ("a huge integer", b'{"point": {"x": 1%s, "y": 0.5}}' % (b"0" * 400), JSON, 422, "point.x"),
    ("true", b'{"point": {"x": true, "y": 0.5}}', JSON, 422, "point.x: Not a valid number."),
    ("text", b'{"point": {"x": "0.5", "y": 0.5}}', JSON, 422, "point.x: Not a valid number."),
    ("null x", b'{"point": {"x": null, "y": 0.5}}', JSON, 422, "point.x: Field may not be null."),
    ("above 1", b'{"point": {"x": 1.31, "y": 0.5}}', JSON, 422, "point.x: Must be greater"),
    ("below 0", b'{"point": {"x": 0.5, "y": -0.01}}', JSON, 422, "point.y: Must be greater"),
    ("details: null", b'{"point": null, "details": null}', JSON, 422, "details: Field may not"),
    (
        "text for ms",
        b'{"point": null, "details": {"ms_taken": "9"}}',
        JSON,
        422,
        "details.ms_taken",
    ),
    ("ms of 1.5", b'{"point": null, "details": {"ms_taken": 1.5}}', JSON, 422, "details.ms_taken"),
    ("ms too big", b'{"point": null, "details": {"ms_taken": 2147483648}}', JSON, 422, "ms_taken"),
    ("pointer", b'{"point": null, "details": {"pointer": "foot"}}', JSON, 422, "details.pointer"),
    ("ratio 0", b'{"point": null, "details": {"device_pixel_ratio": 0}}', JSON, 422, "pixel_ratio"),
    ("zoomed out", b'{"point": null, "details": {"zoom": 0.5}}', JSON, 422, "details.zoom"),
    ("context", b'{"point": null, "details": {"context_ms": -1}}', JSON, 422, "details.context_ms"),
    ("by key 1", b'{"point": null, "details": {"hint_taken_by_key": 1}}', JSON, 422, "by_key"),
    ("bad JSON", b'{"point": ', JSON, 400, "Invalid JSON body."),
    ("bad UTF-8", b'{"point": "\xff\xfe"}', JSON, 400, "Invalid JSON body."),
    ("a form", b"point=1", "application/x-www-form-urlencoded", 415, "as JSON"),
    ("plain text", b'{"point": null}', "text/plain", 415, "as JSON"),
    ("no type", b'{"point": null}', None, 415, "as JSON"),
    ("too long", b'{"point": null, "x": "%s"}' % (b"x" * 70_000), JSON, 413, "exceeds"),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_malformed_answer_is_refused_with_one_clear_line(project, sign_in) -> None:
    [frame] = project.add_clip(1)
    client = sign_in()
    lease(client)
    for name, body, content_type, status, message in PROBES:
        response = client.post(
            f"/api/v1/frames/{frame}/answers",
            data=body,
            content_type=content_type,
            headers={"Idempotency-Key": "k"},
        )
        assert response.status_code == status, (name, response.text)
        assert message in response.json["message"], (name, response.text)
        assert set(response.json) == {"error", "message"}, name
    assert answer(client, frame).status_code == 201, "none of them was stored"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("key", [None, "", "a b", "ä", "x" * 129, "a\t"])
def test_a_missing_or_strange_key_is_refused(project, sign_in, key) -> None:
    [frame] = project.add_clip(1)
    client = sign_in()
    lease(client)
    headers = {} if key is None else {"Idempotency-Key": key}
    response = client.post(f"/api/v1/frames/{frame}/answers", json={"point": None}, headers=headers)
    assert response.status_code == 422
    assert response.json["message"].startswith("Idempotency-Key: ")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("frames/1/skips", {"reason": "bored"}, "reason: Must be one of: cannot_tell"),
        ("frames/1/skips", {}, "reason: Missing data"),
        ("frames/1/skips", {"reason": "other", "comment": "x" * 501}, "comment: Longer than"),
        ("frames/1/skips", {"reason": "other", "comment": "a\ud83d"}, "comment: Has a zero"),
        ("frames/1/skips", {"reason": "other", "comment": "a\0b"}, "comment: Has a zero"),
        ("leases", {"after_lease_id": True}, "after_lease_id: Not a valid integer."),
        ("leases", {"not_lease_id": 3}, "not_lease_id: Unknown field."),
    ],
)
def test_other_bodies_are_checked_too(sign_in, path, body, message) -> None:
    response = sign_in().post(f"/api/v1/{path}", json=body)
    assert response.status_code == 422
    assert message in response.json["message"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_ids_beyond_the_database_are_not_found(sign_in) -> None:
    client = sign_in()
    too_big = 2**70
    assert answer(client, too_big).status_code == 404
    assert client.post(f"/api/v1/leases/{too_big}/renew").status_code == 404
    assert client.post(f"/api/v1/frames/{too_big}/undo").status_code == 404
    assert client.post("/api/v1/frames/-1/skips", json={"reason": "other"}).status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lease_can_be_asked_for_without_a_body(project, sign_in) -> None:
    project.add_clip()
    assert sign_in().post("/api/v1/leases").json["lease"] is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_openapi_document_says_what_is_checked(app) -> None:
    document = app.test_client().get("/api/v1/openapi.json").json
    post = document["paths"]["/api/v1/frames/{frame_id}/answers"]["post"]
    assert {"200", "201", "404", "409", "422", "default"} <= set(post["responses"])
    assert post["requestBody"]["required"]
    schemas = document["components"]["schemas"]
    assert schemas["Answer"]["required"] == ["point"]
    assert schemas["Point"]["properties"]["x"] == {"type": "number", "minimum": 0, "maximum": 1}
    assert set(schemas["Error"]["properties"]) == {"error", "message", "frame_id"}
    for path in ("frames/{frame_id}/answers", "frames/{frame_id}/skips", "frames/{frame_id}/undo"):
        (header,) = [
            p for p in document["paths"][f"/api/v1/{path}"]["parameters"] if p["in"] == "header"
        ]
        assert (header["name"], header.get("required", False)) == ("X-Annotator", False)
