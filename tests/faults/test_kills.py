"""A short run of the fault harness on each database; `make soak` runs the long one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from sqlalchemy import text

from annot_server.database import open_engine
from annot_server.migration import upgrade
from tests.faults.harness import Comparison, compare, run
from tests.faults.people import Acknowledged
from tests.faults.site import POSTGRES, SQLITE
from tests.postgres import NOT_FOUND, postgres_programs

SHORT = {SQLITE: ("worker", "whole group"), POSTGRES: ("whole group", "database postmaster")}


@pytest.mark.parametrize("kind", [SQLITE, pytest.param(POSTGRES, marks=pytest.mark.postgres)])
def test_no_acknowledged_answer_is_lost_when_the_server_is_killed(kind, tmp_path) -> None:
    if kind == POSTGRES and postgres_programs() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NOT_FOUND)
        pytest.skip(NOT_FOUND)
    report = run(kind, tmp_path, SHORT[kind], seed=0, say=lambda _: None)
    assert report.problems == ()
    assert report.acknowledged > 200
    assert [kill.what for kill in report.kills] == list(SHORT[kind])
    assert report.comparison.is_clean, report.to_json()


@pytest.fixture
def answered(tmp_path):
    """Return a database with one frame of redundancy 2 and its two answers, and who gave them."""
    engine = open_engine(f"sqlite:///{tmp_path}/annotations.db")
    upgrade(engine)
    at = "'2026-01-01 00:00:00'"
    rows = [
        "videos (video_id, width, height, duration_s, sha256) VALUES ('v', 64, 48, 9, '0')",
        "actions VALUES ('a', 'crack egg')",
        "clips (clip_id, video_id, action_id, start_s, end_s, split, is_benchmark, priority)"
        " VALUES ('c', 'v', 'a', 0, 1, 'test', 1, 0)",
        "frames (id, clip_id, second, timestamp_s, image_sha256, is_middle_frame, redundancy,"
        f" hint_quota, retired_at, retired_reason) VALUES (1, 'c', 0, 0, '0', 0, 2, 0, {at},"
        " 'enough_answers')",
    ]
    for i in (1, 2):
        rows += [
            f"people (id, name, role, created_at) VALUES ({i}, 'P{i}', 'annotator', {at})",
            f"leases (id, person_id, clip_id, created_at, expires_at) VALUES ({i}, {i}, 'c', {at},"
            f" {at})",
            f"lease_frames (lease_id, frame_id) VALUES ({i}, 1)",
            f"slots (id, frame_id, k, person_id) VALUES ({i}, 1, {i}, {i})",
            "answers (slot_id, frame_id, person_id, lease_id, x, y, idempotency_key, created_at)"
            f" VALUES ({i}, 1, {i}, {i}, 0.25, 0.5, 'key {i}', {at})",
        ]
    with engine.begin() as connection:
        for row in rows:
            connection.execute(text(f"INSERT INTO {row}"))
    yield engine, [Acknowledged(i, 1, f"key {i}", 0.25, 0.5) for i in (1, 2)]
    engine.dispose()


def found(answered, statement: str = "SELECT 1", **counts: int) -> bool:
    """Say whether the comparison counts just these things after a statement."""
    engine, told = answered
    with engine.begin() as connection:
        for index in ("uq_answers_active_person", "uq_answers_active_slot"):
            connection.execute(text(f"DROP INDEX {index}"))
        connection.execute(text(statement))
    seen = compare(engine, told)
    expected = replace(Comparison(0, 0, 0, 0, 0, seen.audit), **counts)
    return seen == expected


def test_a_sound_database_compares_clean(answered) -> None:
    engine, told = answered
    assert compare(engine, told).is_clean


def test_the_harness_sees_a_lost_answer(answered) -> None:
    assert found(answered, "DELETE FROM answers WHERE id = 2", lost=1, unfinished=1)


def test_the_harness_sees_an_answer_that_says_something_else(answered) -> None:
    assert found(answered, "UPDATE answers SET x = 0.75 WHERE id = 2", lost=1)


def test_the_harness_sees_an_answer_that_nobody_was_told_of(answered) -> None:
    answered[1].pop()
    assert found(answered, unexpected=1)


def test_the_harness_sees_a_third_answer_by_somebody_who_gave_one(answered) -> None:
    again = (
        "INSERT INTO answers (slot_id, frame_id, person_id, lease_id, idempotency_key, created_at)"
        " VALUES (2, 1, 2, 2, 'key 3', '2026-01-01 00:00:00')"
    )
    answered[1].append(Acknowledged(2, 1, "key 3", None, None))
    assert found(answered, again, over_assigned=1, double=1)


def test_the_harness_sees_a_frame_that_stays_open_though_full(answered) -> None:
    reopen = "UPDATE frames SET retired_at = NULL, retired_reason = NULL"
    assert found(answered, reopen, unfinished=1)
