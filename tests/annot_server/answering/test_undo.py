from __future__ import annotations

import pytest
from sqlalchemy import select

from annot_server.errors import (
    LeaseLostError,
    NotFoundError,
    UndoExpiredError,
)
from annot_server.models import AuditEntry, Frame
from annot_server.undo import may_undo
from dataset_builder.geometry import Point


def test_undoing_the_last_answer_opens_the_retired_frame(project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    held = ada.undo(frame)
    assert [f.frame_id for f in held.frames] == [frame]
    row = annotator.frame_row(frame)
    assert (row.retired_at, row.retired_reason) == (None, None)
    [undone] = annotator.stored(frame)
    assert undone.superseded_at == clock.now, "the row stays"


def test_answering_again_is_a_new_row_that_names_the_old_one(project, annotator) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    first = ada.answer(frame)
    ada.undo(frame)
    second = ada.answer(frame, Point(0.1, 0.1))
    old, new = annotator.stored(frame)
    assert (new.id, new.supersedes_id) == (second.answer_id, first.answer_id)
    assert (old.x, new.x) == (0.5, 0.1)
    assert second.answers_given == 1
    assert annotator.frame_row(frame).retired_at is not None


def test_an_undo_is_in_the_audit_log(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    given = ada.answer(frame)
    ada.undo(frame)
    with server.database.read() as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.what, entry.person_id, entry.subject) == (
            "undo_answer",
            ada.person_id,
            f"answer {given.answer_id}",
        )


def test_an_undone_frame_left_alone_goes_to_somebody_else(project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    ada.undo(frame)
    clock.advance(301)
    assert ada.lease() is None
    bo = annotator("Bo")
    bo.lease()
    bo.answer(frame)
    with pytest.raises(LeaseLostError):
        ada.answer(frame)


def test_the_undo_window_ends(project, annotator, clock) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    clock.advance(60.001)
    with pytest.raises(UndoExpiredError, match="for 60 s, and for the last 10"):
        ada.undo(frame)


def test_an_answer_is_undone_once(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    ada.undo(frame)
    with pytest.raises(UndoExpiredError):
        ada.undo(frame)


def test_only_the_last_ten_answers_can_be_undone(project, annotator) -> None:
    frames = project.add_clip(11)
    ada = annotator("Ada")
    ada.lease()
    for frame in frames:
        ada.answer(frame)
    with pytest.raises(UndoExpiredError):
        ada.undo(frames[0])
    assert ada.undo(frames[1]) is not None


def test_the_rule_of_undo_at_its_edges(clock) -> None:
    given_at = clock.now
    assert may_undo(given_at, clock.advance(60), 60, 9)
    assert not may_undo(given_at, clock.now, 60, 10)
    assert not may_undo(given_at, clock.advance(0.001), 60, 0)


def test_a_frame_retired_for_another_reason_stays_so_after_an_undo(
    server, project, annotator, clock
) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)

    def retire(session) -> None:
        row = session.get_one(Frame, frame)
        row.retired_at, row.retired_reason = clock.now, "by_hand"

    server.database.write(retire)
    ada.undo(frame)
    assert annotator.frame_row(frame).retired_reason == "by_hand"


def test_a_skip_taken_back_can_be_answered(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.skip(frame)
    held = ada.undo(frame)
    assert [f.frame_id for f in held.frames] == [frame]
    ada.answer(frame)
    [row] = annotator.stored(frame)
    assert row.lease_id == held.lease_id


def test_a_skip_cannot_be_taken_back_twice_or_late(project, annotator, clock) -> None:
    first, second = project.add_clip(2)
    ada = annotator("Ada")
    ada.lease()
    ada.skip(first)
    ada.undo(first)
    with pytest.raises(UndoExpiredError):
        ada.undo(first)
    ada.skip(second)
    clock.advance(61)
    with pytest.raises(UndoExpiredError):
        ada.undo(second)


def test_a_skip_cannot_be_taken_back_once_others_have_the_frame(project, annotator) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    ada.skip(frame)
    annotator("Bo").lease()
    with pytest.raises(LeaseLostError, match="others have taken this frame"):
        ada.undo(frame)


def test_what_is_taken_back_is_what_was_said_last(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    ada.undo(frame)
    ada.skip(frame)
    held = ada.undo(frame)
    assert [f.frame_id for f in held.frames] == [frame]
    ada.answer(frame)
    ada.undo(frame)
    with pytest.raises(UndoExpiredError):
        ada.undo(frame)
    old, new = annotator.stored(frame)
    assert (new.lease_id, new.supersedes_id) == (held.lease_id, old.id)


def test_a_frame_of_which_one_has_said_nothing_has_nothing_to_undo(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada, bo = annotator("Ada"), annotator("Bo")
    ada.lease()
    bo.lease()
    bo.answer(frame)
    with pytest.raises(NotFoundError, match=f"said nothing of frame {frame}"):
        ada.undo(frame)
    with pytest.raises(NotFoundError):
        ada.undo(12345)


def test_skips_count_among_the_last_ten(project, annotator, clock) -> None:
    frames = project.add_clip(12)
    ada = annotator("Ada")
    ada.lease()
    for frame in frames[:2]:
        ada.answer(frame)
    clock.advance(1)
    for frame in frames[2:]:
        ada.skip(frame)
    with pytest.raises(UndoExpiredError):
        ada.undo(frames[1])
    ada.undo(frames[11])
    assert ada.undo(frames[1]) is not None
