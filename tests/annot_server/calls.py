"""Requests to the JSON API as the annotation page sends them."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

CENTRE = {"x": 0.5, "y": 0.5}


def lease(client: FlaskClient, **body: Any) -> dict[str, Any] | None:
    response = client.post("/api/v1/leases", json=body)
    assert response.status_code == 200, response.text
    return response.json["lease"]


def answer(client: FlaskClient, frame_id: int, point: Any = CENTRE, key: str = "k", **more: Any):
    return client.post(
        f"/api/v1/frames/{frame_id}/answers",
        json={"point": point, **more},
        headers={"Idempotency-Key": key},
    )
