"""The promises hold in the schema, whatever the code does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, StatementError

from annot_server.assignment import next_lease
from annot_server.models import Answer, Frame, LeaseFrame, Person, Slot


@pytest.fixture
def held(server, project) -> dict[str, Any]:
    """Return the values of a correct answer by Ada, and a frame that she and Bo hold."""
    first, second = project.add_clip(2)
    ada, bo = project.person("Ada"), project.person("Bo")

    def lease(session, person_id: int):
        return next_lease(
            session,
            person_id=person_id,
            now=server.now(),
            lease_s=300,
            lease_frames=20,
            rng=np.random.default_rng(0),
        )

    leases = [
        server.database.write(lambda session, who=who: lease(session, who)).lease_id
        for who in (ada, bo)
    ]
    with server.database.read() as session:
        slots = {
            (frame_id, person_id): slot_id
            for slot_id, frame_id, person_id in session.execute(
                select(Slot.id, Slot.frame_id, Slot.person_id).where(Slot.person_id.is_not(None))
            )
        }
    return {
        "good": {
            "slot_id": slots[first, ada],
            "frame_id": first,
            "person_id": ada,
            "lease_id": leases[0],
            "x": 0.5,
            "y": 0.5,
            "idempotency_key": "k",
            "created_at": server.now(),
        },
        "slot_of_bo": slots[first, bo],
        "other_slot_of_ada": slots[second, ada],
        "lease_of_bo": leases[1],
        "second": second,
        "bo": bo,
    }


def refused(server, statement: Any) -> bool:
    try:
        with server.database.engine.begin() as connection:
            connection.execute(statement)
    except IntegrityError:
        return True
    return False


def test_a_correct_answer_goes_in(server, held) -> None:
    assert not refused(server, insert(Answer).values(held["good"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"x": None},
        {"y": None},
        {"x": 1.001},
        {"y": -0.001},
        {"pointer": "foot"},
        {"arm": "half"},
    ],
)
def test_an_impossible_answer_is_refused(server, held, wrong) -> None:
    assert refused(server, insert(Answer).values({**held["good"], **wrong}))


def test_an_answer_cannot_name_somebody_elses_lease_or_another_frames_slot(server, held) -> None:
    good = held["good"]
    assert refused(server, insert(Answer).values({**good, "lease_id": held["lease_of_bo"]}))
    assert refused(server, insert(Answer).values({**good, "slot_id": held["other_slot_of_ada"]}))


def test_a_frame_outside_the_lease_cannot_be_answered(server, project, held) -> None:
    [frame] = project.add_clip(1, video_id="v2")
    with server.database.read() as session:
        slot_id = session.scalar(select(Slot.id).where(Slot.frame_id == frame).limit(1))
    values = {**held["good"], "frame_id": frame, "slot_id": slot_id}
    assert refused(server, insert(Answer).values(values))


def test_one_active_answer_a_person_a_slot_and_a_key(server, held) -> None:
    good = held["good"]
    assert not refused(server, insert(Answer).values(good))
    again = {**good, "idempotency_key": "k2"}
    assert refused(server, insert(Answer).values({**again, "slot_id": held["slot_of_bo"]}))
    other = {**again, "person_id": held["bo"], "lease_id": held["lease_of_bo"]}
    assert refused(server, insert(Answer).values(other))
    same_key = {**good, "frame_id": held["second"], "slot_id": held["other_slot_of_ada"]}
    assert refused(server, insert(Answer).values(same_key))
    server.database.write(
        lambda session: session.execute(update(Answer).values(superseded_at=server.now()))
    )
    assert not refused(server, insert(Answer).values(again))


def test_nobody_holds_two_slots_of_a_frame(server, held) -> None:
    good = held["good"]
    statement = update(Slot).where(Slot.id == held["slot_of_bo"])
    assert refused(server, statement.values(person_id=good["person_id"], lease_id=good["lease_id"]))


def test_a_slot_cannot_be_leased_to_nobody_or_under_somebody_elses_lease(server, held) -> None:
    statement = update(Slot).where(Slot.id == held["slot_of_bo"])
    assert refused(server, statement.values(person_id=None))
    assert refused(server, statement.values(lease_id=held["good"]["lease_id"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"redundancy": 0},
        {"hint_quota": 4},
        {"hint_quota": -1},
        {"second": -1},
        {"retired_reason": "x"},
    ],
)
def test_an_impossible_frame_is_refused(server, held, wrong) -> None:
    assert refused(server, update(Frame).where(Frame.id == held["second"]).values(wrong))


def test_an_unknown_role_is_refused(server) -> None:
    values = {"name": "Eve", "role": "root", "created_at": server.now()}
    assert refused(server, insert(Person).values(values))


def test_references_are_kept(server, held) -> None:
    values = {"lease_id": held["good"]["lease_id"], "frame_id": 999_999}
    assert refused(server, insert(LeaseFrame).values(values))


def test_moments_without_a_time_zone_are_refused(server) -> None:
    with pytest.raises(StatementError, match="expected a moment with a time zone"):
        server.database.write(
            lambda session: session.add(
                Person(name="Ada", role="annotator", created_at=datetime(2026, 1, 1))
            )
        )


def test_moments_come_back_in_utc(server, project) -> None:
    person_id = project.person("Ada")
    with server.database.read() as session:
        assert session.get_one(Person, person_id).created_at == server.now()
