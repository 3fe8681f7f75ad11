"""Answers on gold: graded, kept apart, given once, and taken back like others."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, update

from annot_server.answers import give_answer
from annot_server.audit import audit
from annot_server.errors import (
    AlreadyAnsweredError,
    IdempotencyConflictError,
    LeaseLostError,
    NotFoundError,
    UndoExpiredError,
)
from annot_server.leases import release, renew
from annot_server.models import Answer, AuditEntry, GoldAnswer, GoldFrame, Skip
from dataset_builder.geometry import Point
from tests.annot_server.quality.at_work import CENTRE, stored


def test_answers_on_gold_are_graded_and_never_among_the_answers(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    for frame_id in gold:
        ada.answer(frame_id)
    assert stored(server, GoldAnswer.is_right, GoldAnswer.distance) == [
        (True, 0.0),
        (False, pytest.approx(0.4 * 64 / 80)),
        (False, None),
    ]
    how = (GoldAnswer.ms_since_paint, GoldAnswer.ms_taken, GoldAnswer.pointer)
    assert set(stored(server, *how)) == {(900, 1000, "touch")}
    assert stored(server, func.count(Answer.id)) == [(0,)]
    assert ada.n_given() == 3
    with server.database.read() as session:
        assert audit(session).frames == 60


def test_answering_gold_again_under_the_same_key_is_the_same_answer(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    first = ada.answer(gold[0], key="k")
    again = ada.answer(gold[0], key="k")
    assert (first.is_repeat, again.is_repeat) == (False, True)
    assert (again.frame_id, again.answers_given) == (gold[0], 1)
    assert stored(server, func.count(GoldAnswer.id)) == [(1,)]


def test_a_key_serves_one_answer_gold_or_not(people, gold) -> None:
    ada = people()
    ordinary = ada.lease()
    assert ordinary is not None
    frame_id = ordinary.frames[0].frame_id
    ada.answer(frame_id, key="mine")
    ada.do(release, lease_id=ordinary.lease_id)
    ada.gold_lease()
    with pytest.raises(IdempotencyConflictError, match="used for another answer") as refusal:
        ada.answer(gold[0], key="mine")
    assert str(gold[0]) not in refusal.value.message
    ada.answer(gold[0], key="golden")
    with pytest.raises(IdempotencyConflictError, match="used for another answer"):
        ada.answer(ordinary.frames[1].frame_id, key="golden")
    with pytest.raises(IdempotencyConflictError):
        ada.answer(gold[0], Point(0.1, 0.1), key="golden")


def test_gold_is_answered_once_and_only_by_who_was_handed_it(people, gold) -> None:
    ada, bo = people(), people("Bo")
    ada.gold_lease()
    ada.answer(gold[0])
    ada.skip(gold[1])
    for frame_id in gold[:2]:
        with pytest.raises(AlreadyAnsweredError):
            ada.answer(frame_id)
    with pytest.raises(AlreadyAnsweredError):
        ada.skip(gold[0])
    with pytest.raises(LeaseLostError):
        bo.answer(gold[0])
    with pytest.raises(LeaseLostError):
        bo.skip(gold[0])
    with pytest.raises(NotFoundError):
        bo.take_back(gold[0])


def test_skipping_gold_twice_is_skipping_it_once(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    assert not ada.skip(gold[0]).is_repeat
    assert ada.skip(gold[0]).is_repeat
    assert stored(server, Skip.frame_id, Skip.undone_at) == [(gold[0], None)]


def test_a_gold_answer_can_be_taken_back_and_given_anew(server, people, gold, clock) -> None:
    ada = people()
    ada.gold_lease()
    ada.answer(gold[1])
    clock.advance(59)
    lease = ada.take_back(gold[1])
    assert [frame.frame_id for frame in lease.frames] == [gold[1]]
    assert ada.n_given() == 0
    ada.answer(gold[1], Point(0.9, 0.5))
    rows = stored(server, GoldAnswer.is_right, GoldAnswer.superseded_at.is_(None))
    assert sorted(rows) == [(False, False), (True, True)]
    assert ada.n_given() == 1


def test_a_frame_that_was_taken_back_waits_in_its_new_lease_alone(people, gold) -> None:
    ada = people()
    first = ada.gold_lease()
    ada.answer(gold[0])
    second = ada.take_back(gold[0])
    found = ada.lease()
    other = ada.lease(found.lease_id if found else None)
    assert found is not None
    assert other is not None
    assert {lease.lease_id: [f.frame_id for f in lease.frames] for lease in (found, other)} == {
        first.lease_id: gold[1:],
        second.lease_id: gold[:1],
    }


def test_a_skip_of_gold_can_be_taken_back(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    ada.skip(gold[2])
    assert [frame.frame_id for frame in ada.take_back(gold[2]).frames] == [gold[2]]
    ada.answer(gold[2], None)
    assert stored(server, GoldAnswer.frame_id, GoldAnswer.is_right) == [(gold[2], True)]


def test_the_audit_log_names_the_kind_of_what_was_taken_back(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    given = ada.answer(gold[0])
    ada.take_back(gold[0])
    skipped = ada.skip(gold[1])
    ada.take_back(gold[1])
    assert stored(server, AuditEntry.what, AuditEntry.subject)[1:] == [  # after the import
        ("undo_answer", f"gold answer {given.answer_id}"),
        ("undo_skip", f"skip {skipped.skip_id}"),
    ]


def test_an_old_gold_answer_cannot_be_taken_back(people, gold, clock) -> None:
    ada = people()
    ada.gold_lease()
    ada.answer(gold[0])
    clock.advance(61)
    with pytest.raises(UndoExpiredError):
        ada.take_back(gold[0])
    ada.answer(gold[1])
    ada.take_back(gold[1])
    with pytest.raises(UndoExpiredError):
        ada.take_back(gold[1])


def test_ordinary_and_gold_answers_share_the_last_ten(people, gold, clock) -> None:
    ada = people()
    ada.gold_lease()
    ada.answer(gold[0])
    ada.answer(gold[1])
    ada.answer(gold[2])
    for _ in range(9):
        clock.advance(1)
        ada.answer(ada.lease().frames[0].frame_id)
    assert ada.take_back(gold[2])
    clock.advance(1)
    ada.answer(gold[2])
    with pytest.raises(UndoExpiredError):
        ada.take_back(gold[1])


def test_a_late_answer_on_gold_finds_its_place(people, gold, clock) -> None:
    ada = people()
    lease = ada.gold_lease()
    clock.advance(301)
    assert not ada.answer(gold[0]).is_repeat
    with pytest.raises(LeaseLostError):
        ada.do(renew, lease_id=lease.lease_id, lease_s=300)


def test_two_tabs_that_answer_the_same_gold_at_once_store_one(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def answer(n: int) -> None:
        barrier.wait()
        try:
            ada.do(give_answer, frame_id=gold[0], point=CENTRE, key=f"tab {n}")
            outcomes.append("stored")
        except AlreadyAnsweredError:
            outcomes.append("refused")

    threads = [threading.Thread(target=answer, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "stored"]
    assert stored(server, func.count(GoldAnswer.id)) == [(1,)]


def test_the_known_answer_of_a_withdrawn_frame_still_takes_answers(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    server.database.write(
        lambda session: session.execute(update(GoldFrame).values(withdrawn_at=server.now()))
    )
    assert ada.answer(gold[0]).answers_given == 1
