"""People at work on a server, each act a transaction of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from annot_server.answers import Given, Skipped, give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.leases import HeldLease
from annot_server.models import Answer, Frame
from annot_server.server import Server
from annot_server.undo import undo_response
from dataset_builder.geometry import Point

CENTRE = Point(0.5, 0.5)


class Annotator:
    """One person at work on a server."""

    def __init__(self, server: Server, person_id: int) -> None:
        self.server = server
        self.person_id = person_id
        self.n_keys = 0

    def do(self, function: Any, **arguments: Any) -> Any:
        return self.server.database.write(
            lambda session: function(
                session, person_id=self.person_id, now=self.server.now(), **arguments
            )
        )

    def lease(self) -> HeldLease | None:
        rng = np.random.default_rng(self.person_id)
        return self.do(next_lease, lease_s=300, lease_frames=20, rng=rng)

    def answer(
        self, frame_id: int, point: Point | None = CENTRE, key: str = "", **more: Any
    ) -> Given:
        self.n_keys += 1
        key = key or f"key {self.n_keys}"
        return self.do(give_answer, frame_id=frame_id, point=point, key=key, **more)

    def skip(self, frame_id: int, reason: str = "other", comment: str | None = None) -> Skipped:
        return self.do(skip_frame, frame_id=frame_id, reason=reason, comment=comment)

    def undo(self, frame_id: int) -> HeldLease:
        return self.do(undo_response, frame_id=frame_id, undo_window_s=60, lease_s=300)


class Annotators:
    """Everybody at work on one server, and what they leave in its database."""

    def __init__(self, server: Server, project: Any) -> None:
        self.server = server
        self.project = project

    def __call__(self, name: str) -> Annotator:
        return Annotator(self.server, self.project.person(name))

    def stored(self, frame_id: int) -> list[Answer]:
        with self.server.database.read() as session:
            found = session.scalars(
                select(Answer).where(Answer.frame_id == frame_id).order_by(Answer.id)
            ).all()
            session.expunge_all()
        return list(found)

    def frame_row(self, frame_id: int) -> Frame:
        with self.server.database.read() as session:
            row = session.get_one(Frame, frame_id)
            session.expunge_all()
        return row


@pytest.fixture
def annotator(server: Server, project: Any) -> Annotators:
    return Annotators(server, project)
