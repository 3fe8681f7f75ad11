"""Somebody at work where some frames are gold, and what is stored of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import select

from annot_server.answers import Details, count_given, give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.leases import HeldLease, release
from annot_server.models import Clip
from annot_server.undo import undo_response
from dataset_builder.geometry import Point

CENTRE = Point(0.5, 0.5)


class Annotator:
    """One person at work where one frame in `every` is gold."""

    def __init__(self, server, person_id: int, every: int = 15, seed: int = 3) -> None:
        self.server, self.person_id, self.every = server, person_id, every
        self.rng = np.random.default_rng(seed)
        self.n_keys = 0

    def do(self, function: Any, **arguments: Any) -> Any:
        return self.server.database.write(
            lambda session: function(
                session, person_id=self.person_id, now=self.server.now(), **arguments
            )
        )

    def lease(self, after: int | None = None) -> HeldLease | None:
        return self.do(
            next_lease,
            lease_s=300,
            lease_frames=20,
            rng=self.rng,
            after_lease_id=after,
            gold_every=self.every,
        )

    def gold_lease(self, after: int | None = None) -> HeldLease:
        """Ask until a gold lease comes, giving others back."""
        for _ in range(50):
            lease = self.lease(after)
            assert lease is not None
            if self.is_gold(lease):
                return lease
            self.do(release, lease_id=lease.lease_id)
        raise AssertionError("no gold in 50 leases")

    def is_gold(self, lease: HeldLease) -> bool:
        with self.server.database.read() as session:
            return bool(session.get_one(Clip, lease.clip_id).is_gold)

    def answer(self, frame_id: int, point: Point | None = CENTRE, key: str = "") -> Any:
        self.n_keys += 1
        details = Details(ms_since_paint=900, ms_taken=1000, pointer="touch")
        return self.do(
            give_answer,
            frame_id=frame_id,
            point=point,
            key=key or f"key {self.n_keys}",
            details=details,
        )

    def skip(self, frame_id: int) -> Any:
        return self.do(skip_frame, frame_id=frame_id, reason="cannot_tell", comment=None)

    def take_back(self, frame_id: int) -> HeldLease:
        return self.do(undo_response, frame_id=frame_id, undo_window_s=60, lease_s=300)

    def n_given(self) -> int:
        with self.server.database.read() as session:
            return count_given(session, self.person_id)


def stored(server, *columns: Any) -> list[tuple[Any, ...]]:
    with server.database.read() as session:
        return [tuple(row) for row in session.execute(select(*columns))]


def worked_through(annotator: Annotator) -> list[HeldLease]:
    """Answer everything there is; return the leases."""
    leases = []
    while lease := annotator.lease():
        leases.append(lease)
        for frame in lease.frames:
            annotator.answer(frame.frame_id)
    return leases
