"""The audit finds rows that break a promise, also where the schema would refuse them today."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from sqlalchemy import text

from annot_server.assignment import next_lease
from annot_server.audit import Audit, audit
from annot_server.database import open_engine
from annot_server.models import Base

THE_FRAME = "(SELECT id FROM frames)"


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


@pytest.fixture
def break_it(server, project):
    """Return a function that runs SQL on a copy without constraints and audits that.

    Ada and Bo hold the one frame, whose slots are 1 to 2; leases 1 and 2 are theirs.
    """
    project.add_clip(1, redundancy=2)
    for name in ("Ada", "Bo"):
        person_id = project.person(name)
        server.database.write(
            lambda session, person_id=person_id: next_lease(
                session,
                person_id=person_id,
                now=server.now(),
                lease_s=300,
                lease_frames=20,
                rng=np.random.default_rng(0),
            )
        )

    def break_it(*statements: str) -> Audit:
        path = server.home.path / "broken.db"
        source, copy = map(sqlite3.connect, (server.database.engine.url.database, path))
        source.backup(copy)
        source.close()
        copy.close()
        engine = open_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN")
            for table in Base.metadata.sorted_tables:
                for index in table.indexes:
                    connection.execute(text(f"DROP INDEX {index.name}"))
            for statement in statements:
                connection.execute(text(statement))
            found = audit(connection)
            connection.rollback()
        engine.dispose()
        path.unlink()
        return found

    return break_it


def answer(person: int, slot: int, lease: int, frame: str = THE_FRAME) -> str:
    return (
        "INSERT INTO answers (slot_id, frame_id, person_id, lease_id, idempotency_key, created_at)"
        f" VALUES ({slot}, {frame}, {person}, {lease}, hex(randomblob(8)), '2026-01-01 00:00:00')"
    )


GOOD = [answer(1, 1, 1), answer(2, 2, 2)]
RETIRE = "UPDATE frames SET retired_at = '2026-01-01 00:00:00', retired_reason = 'enough_answers'"


def test_a_sound_database_is_clean(break_it) -> None:
    found = break_it(*GOOD, RETIRE)
    assert found == Audit(1, 2, 0, 0, 0, 0)
    assert found.is_clean


def test_answers_above_the_redundancy_are_counted(break_it) -> None:
    found = break_it(*GOOD, "UPDATE frames SET redundancy = 1")
    assert (found.over_assigned, found.is_clean) == (1, False)


def test_a_second_active_answer_of_a_person_is_counted(break_it) -> None:
    found = break_it(GOOD[0], GOOD[0])
    assert (found.duplicate_answers, found.is_clean) == (1, False)


def test_superseded_answers_are_not_counted(break_it) -> None:
    found = break_it(
        GOOD[0], "UPDATE answers SET superseded_at = '2026-01-01 00:00:00'", GOOD[0], GOOD[1]
    )
    assert found == Audit(1, 2, 0, 0, 0, 0)


@pytest.mark.parametrize("answers", [[], GOOD[:1]])
def test_frames_retired_with_too_few_answers_are_counted(break_it, answers) -> None:
    found = break_it(*answers, RETIRE)
    assert (found.retired_with_too_few, found.is_clean) == (1, False)


def test_a_frame_retired_by_hand_may_have_too_few(break_it) -> None:
    assert break_it(RETIRE, "UPDATE frames SET retired_reason = 'by_hand'").is_clean


@pytest.mark.parametrize(
    "statement",
    [answer(1, 1, 2), answer(1, 1, 99), answer(1, 1, 1, frame="2")],
    ids=["somebody else's lease", "no lease", "another frame"],
)
def test_an_answer_without_a_lease_behind_it_is_counted(break_it, statement) -> None:
    found = break_it(statement)
    assert (found.answers_without_lease, found.is_clean) == (1, False)
