"""Clips that people have answered, for the pages and the functions behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from annot_server.answers import Details, give_answer
from annot_server.assignment import next_lease
from dataset_builder.geometry import Point

Said = Sequence[Point | None]


@pytest.fixture
def say(server, project, clock) -> Callable[..., None]:
    """Return a function that lets somebody answer the frames they are offered, in order.

    `say("Ada", [Point(.5, .5), None])` clicks on the first and calls the second not visible, each
    `ms` milliseconds after its paint.
    """
    keys = iter(range(10_000))

    def say(name: str, said: Said, ms: int = 2_000) -> None:
        person_id, now = project.person(name), clock()

        def lease(session):
            return next_lease(
                session,
                person_id=person_id,
                now=now,
                lease_s=300,
                lease_frames=20,
                rng=np.random.default_rng(1),
            )

        frames = server.database.write(lease).frames
        assert len(frames) >= len(said), "nothing to answer"
        for frame, point in zip(frames, said, strict=False):
            key = f"said {next(keys)}"
            server.database.write(
                lambda s, frame=frame, point=point, key=key: give_answer(
                    s,
                    person_id=person_id,
                    frame_id=frame.frame_id,
                    point=point,
                    key=key,
                    now=now,
                    details=Details(ms_taken=ms),
                )
            )

    return say


@pytest.fixture
def read(server) -> Callable[..., object]:
    """Return a function that calls another on a reading session: `read(count_days)`."""

    def read(function, *args, **kwargs):
        with server.database.read() as session:
            found = function(session, *args, **kwargs)
            session.expunge_all()  # rows stay readable after the session
            return found

    return read


@pytest.fixture
def two_frames(project, say) -> list[int]:
    """Two complete frames that two people answered: one agreed on, one split; and an open clip."""
    ids = project.add_clip(2, redundancy=2)
    project.add_clip(3, video_id="v2", action="pour milk", redundancy=2)
    say("Ada", [Point(0.5, 0.5), Point(0.2, 0.2)])
    say("Ben", [Point(0.5, 0.52), None])
    return ids
