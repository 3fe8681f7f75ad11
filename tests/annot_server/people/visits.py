"""How somebody comes from a crowd panel and answers, and what the database then holds of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from annot_server.models import PanelVisit

PID = "5f3a1b2c3d4e5f6a7b8c9d0e"
SETTINGS = {"panel": "prolific", "panel_completion_code": "C0DE X", "panel_answers": 2}

ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def entry(submission: str = "s1", pid: str = PID, study: str = "study1") -> str:
    return f"/panel/prolific?PROLIFIC_PID={pid}&STUDY_ID={study}&SESSION_ID={submission}"


def answer(client, n: int = 1) -> None:
    """Answer the next frames."""
    for _ in range(n):
        lease = client.post("/api/v1/leases", json={}).json["lease"]
        frame = lease["frames"][0]["frame_id"]
        done = client.post(
            f"/api/v1/frames/{frame}/answers",
            json={"point": {"x": 0.5, "y": 0.5}},
            headers={"Idempotency-Key": f"f{frame}"},
        )
        assert done.status_code == 201


def rows(server, statement) -> list:
    with server.database.read() as session:
        return list(session.execute(statement))


def status_of(server, submission: str) -> str | None:
    wanted = select(PanelVisit.ended_as).where(PanelVisit.submission_id == submission)
    return rows(server, wanted)[0][0]
