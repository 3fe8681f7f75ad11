from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from annot_server.answers import (
    Details,
    Given,
    Skipped,
    give_answer,
    hint_distance,
    skip_frame,
)
from annot_server.assignment import next_lease
from annot_server.errors import (
    AlreadyAnsweredError,
    IdempotencyConflictError,
    LeaseLostError,
    NotFoundError,
    UndoExpiredError,
)
from annot_server.leases import HeldLease
from annot_server.models import ASSISTED, BLIND, Answer, AuditEntry, Frame, Prelabel, Skip, Slot
from annot_server.server import Server
from annot_server.undo import may_undo, undo_answer, undo_skip
from dataset_builder.geometry import Point

CENTRE = Point(0.5, 0.5)


class Annotator:
    """One person at work on a server, each act a transaction of its own."""

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

    def undo(self, answer_id: int) -> HeldLease:
        return self.do(undo_answer, answer_id=answer_id, undo_window_s=60, lease_s=300)

    def undo_skip(self, skip_id: int) -> HeldLease:
        return self.do(undo_skip, skip_id=skip_id, undo_window_s=60, lease_s=300)


@pytest.fixture
def annotator(server, project):
    return lambda name: Annotator(server, project.person(name))


def stored(server: Server, frame_id: int) -> list[Answer]:
    with server.database.read() as session:
        found = session.scalars(
            select(Answer).where(Answer.frame_id == frame_id).order_by(Answer.id)
        ).all()
        session.expunge_all()
    return list(found)


def frame_row(server: Server, frame_id: int) -> Frame:
    with server.database.read() as session:
        row = session.get_one(Frame, frame_id)
        session.expunge_all()
    return row


# Answering ------------------------------------------------------------------------------------


def test_an_answer_is_stored_as_it_was_given(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    held = ada.lease()
    details = Details(120, 950, "touch", 390, 219, 3.0, None)
    given = ada.answer(frame, Point(0.123456789, 1.0), details=details)
    [row] = stored(server, frame)
    assert (row.id, given.answers_given, given.is_repeat) == (given.answer_id, 1, False)
    assert (row.x, row.y, row.lease_id) == (0.123456789, 1.0, held.lease_id)
    assert (row.ms_since_paint, row.ms_taken, row.pointer) == (120, 950, "touch")
    assert (row.display_width, row.display_height, row.device_pixel_ratio) == (390, 219, 3.0)
    assert row.created_at == clock.now
    assert (row.arm, row.prelabel_id, row.hint_distance) == (None, None, None)


def test_not_visible_is_an_answer_without_a_point(server, project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame, None)
    [row] = stored(server, frame)
    assert (row.x, row.y) == (None, None)


def test_the_last_answer_retires_the_frame(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=2)
    for name in ("Ada", "Bo"):
        assert frame_row(server, frame).retired_at is None
        person = annotator(name)
        person.lease()
        person.answer(frame)
    row = frame_row(server, frame)
    assert (row.retired_at, row.retired_reason) == (clock.now, "enough_answers")
    assert annotator("Cy").lease() is None


def test_the_same_answer_under_the_same_key_is_stored_once(server, project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    first = ada.answer(frame, key="k")
    again = ada.answer(frame, key="k")
    assert again.is_repeat
    assert (again.answer_id, again.answers_given) == (first.answer_id, first.answers_given)
    assert len(stored(server, frame)) == 1


@pytest.mark.parametrize("point", [Point(0.5, 0.51), None])
def test_another_answer_under_the_same_key_is_refused(project, annotator, point) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame, key="k")
    with pytest.raises(IdempotencyConflictError, match="under a new key") as caught:
        ada.answer(frame, point, key="k")
    assert caught.value.frame_id == frame


def test_the_same_key_on_another_frame_is_refused(project, annotator) -> None:
    frames = project.add_clip(2)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frames[0], key="k")
    with pytest.raises(IdempotencyConflictError):
        ada.answer(frames[1], key="k")


def test_two_people_may_use_the_same_key(server, project, annotator) -> None:
    [frame] = project.add_clip(1)
    for name in ("Ada", "Bo"):
        person = annotator(name)
        person.lease()
        person.answer(frame, key="k")
    assert len(stored(server, frame)) == 2


def test_a_second_answer_of_one_person_is_refused(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    with pytest.raises(AlreadyAnsweredError, match="you have answered this frame"):
        ada.answer(frame, None)


def test_an_unknown_frame_is_said_to_be_unknown(project, annotator) -> None:
    project.add_clip(1)
    with pytest.raises(NotFoundError, match="no frame 999"):
        annotator("Ada").answer(999)


def test_a_frame_that_was_never_handed_out_cannot_be_answered(project, annotator) -> None:
    [frame] = project.add_clip(1)
    with pytest.raises(LeaseLostError, match="not handed out to you"):
        annotator("Ada").answer(frame)


# Late answers ---------------------------------------------------------------------------------


def test_a_late_answer_is_taken_while_its_place_is_untouched(
    server, project, annotator, clock
) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    clock.advance(3600)
    ada.answer(frame)
    assert frame_row(server, frame).retired_at == clock.now


def test_a_late_answer_takes_another_free_place(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=2)
    ada, bo, cy = map(annotator, ("Ada", "Bo", "Cy"))
    ada.lease()
    clock.advance(301)
    bo.lease()
    cy.lease()
    clock.advance(301)
    ada.answer(frame)
    bo.answer(frame)
    with pytest.raises(LeaseLostError, match="others have taken its places") as caught:
        cy.answer(frame)
    assert caught.value.frame_id == frame
    assert len(stored(server, frame)) == 2


def test_a_late_answer_to_a_frame_held_by_others_is_refused(project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    clock.advance(301)
    assert annotator("Bo").lease() is not None
    with pytest.raises(LeaseLostError):
        ada.answer(frame)


# Undo -----------------------------------------------------------------------------------------


def test_undoing_the_last_answer_opens_the_retired_frame(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    given = ada.answer(frame)
    held = ada.undo(given.answer_id)
    assert [f.frame_id for f in held.frames] == [frame]
    row = frame_row(server, frame)
    assert (row.retired_at, row.retired_reason) == (None, None)
    [undone] = stored(server, frame)
    assert undone.superseded_at == clock.now, "the row stays"


def test_answering_again_is_a_new_row_that_names_the_old_one(server, project, annotator) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    first = ada.answer(frame)
    ada.undo(first.answer_id)
    second = ada.answer(frame, Point(0.1, 0.1))
    old, new = stored(server, frame)
    assert (new.id, new.supersedes_id) == (second.answer_id, first.answer_id)
    assert (old.x, new.x) == (0.5, 0.1)
    assert second.answers_given == 1
    assert frame_row(server, frame).retired_at is not None


def test_an_undo_is_in_the_audit_log(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    given = ada.answer(frame)
    ada.undo(given.answer_id)
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
    ada.undo(ada.answer(frame).answer_id)
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
    given = ada.answer(frame)
    clock.advance(60.001)
    with pytest.raises(UndoExpiredError, match="for 60 s, and for the last 10"):
        ada.undo(given.answer_id)


def test_an_answer_is_undone_once(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    given = ada.answer(frame)
    ada.undo(given.answer_id)
    with pytest.raises(UndoExpiredError):
        ada.undo(given.answer_id)


def test_only_the_last_ten_answers_can_be_undone(project, annotator) -> None:
    frames = project.add_clip(11)
    ada = annotator("Ada")
    ada.lease()
    given = [ada.answer(frame).answer_id for frame in frames]
    with pytest.raises(UndoExpiredError):
        ada.undo(given[0])
    assert ada.undo(given[1]) is not None


def test_the_rule_of_undo_at_its_edges(clock) -> None:
    given_at = clock.now
    assert may_undo(given_at, clock.advance(60), 60, 9)
    assert not may_undo(given_at, clock.now, 60, 10)
    assert not may_undo(given_at, clock.advance(0.001), 60, 0)


def test_nobody_undoes_what_somebody_else_said(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada, bo = annotator("Ada"), annotator("Bo")
    ada.lease()
    given = ada.answer(frame)
    with pytest.raises(NotFoundError, match=f"no answer {given.answer_id}"):
        bo.undo(given.answer_id)
    with pytest.raises(NotFoundError, match="no skip 1"):
        bo.undo_skip(1)


def test_a_frame_retired_for_another_reason_stays_so_after_an_undo(
    server, project, annotator, clock
) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    given = ada.answer(frame)

    def retire(session) -> None:
        row = session.get_one(Frame, frame)
        row.retired_at, row.retired_reason = clock.now, "by_hand"

    server.database.write(retire)
    ada.undo(given.answer_id)
    assert frame_row(server, frame).retired_reason == "by_hand"


# Skip -----------------------------------------------------------------------------------------


def test_a_skip_frees_the_place_for_others(server, project, annotator) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada, bo = annotator("Ada"), annotator("Bo")
    ada.lease()
    ada.skip(frame, "cannot_tell", "too dark")
    with server.database.read() as session:
        row = session.scalars(select(Skip)).one()
        assert (row.reason, row.comment) == ("cannot_tell", "too dark")
    assert ada.lease() is None
    assert bo.lease() is not None


def test_skipping_twice_is_one_skip(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    first = ada.skip(frame)
    again = ada.skip(frame)
    assert (first.is_repeat, again.is_repeat, again.skip_id) == (False, True, first.skip_id)


def test_a_late_skip_is_taken_though_the_place_is_gone(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada, bo = annotator("Ada"), annotator("Bo")
    ada.lease()
    clock.advance(301)
    bo.lease()
    ada.skip(frame)
    bo.answer(frame)
    assert len(stored(server, frame)) == 1


def test_skip_and_answer_exclude_each_other(project, annotator) -> None:
    first, second = project.add_clip(2)
    ada = annotator("Ada")
    ada.lease()
    ada.skip(first)
    with pytest.raises(AlreadyAnsweredError, match="take the skip back first"):
        ada.answer(first)
    ada.answer(second)
    with pytest.raises(AlreadyAnsweredError):
        ada.skip(second)


def test_a_frame_never_handed_out_cannot_be_skipped(project, annotator) -> None:
    [frame] = project.add_clip(1)
    with pytest.raises(LeaseLostError):
        annotator("Ada").skip(frame)


def test_a_skip_taken_back_can_be_answered(server, project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    held = ada.undo_skip(ada.skip(frame).skip_id)
    assert [f.frame_id for f in held.frames] == [frame]
    ada.answer(frame)
    [row] = stored(server, frame)
    assert row.lease_id == held.lease_id


def test_a_skip_cannot_be_taken_back_twice_or_late(project, annotator, clock) -> None:
    first, second = project.add_clip(2)
    ada = annotator("Ada")
    ada.lease()
    skipped = ada.skip(first)
    ada.undo_skip(skipped.skip_id)
    with pytest.raises(UndoExpiredError):
        ada.undo_skip(skipped.skip_id)
    late = ada.skip(second)
    clock.advance(61)
    with pytest.raises(UndoExpiredError):
        ada.undo_skip(late.skip_id)


def test_a_skip_cannot_be_taken_back_once_others_have_the_frame(project, annotator) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    skipped = ada.skip(frame)
    annotator("Bo").lease()
    with pytest.raises(LeaseLostError, match="others have taken this frame"):
        ada.undo_skip(skipped.skip_id)


# Hints ----------------------------------------------------------------------------------------


def add_prelabel(server: Server, frame_id: int) -> None:
    """Suggest the centre."""

    def add(session) -> None:
        session.add(
            Prelabel(
                frame_id=frame_id,
                file_sha256="f",
                model="m",
                checkpoint_digest="d",
                x=0.5,
                y=0.5,
                score=0.25,
                imported_at=server.now(),
            )
        )

    server.database.write(add)


@pytest.fixture
def hinted(server, project):
    """Return a frame of 400x300 with a prelabel at (0.5, 0.5), shown to one of two people."""
    [frame] = project.add_clip(1, redundancy=2, hint_quota=1, size=(400, 300), is_benchmark=False)
    add_prelabel(server, frame)
    return frame


def test_both_arms_record_the_prelabel_and_the_distance_to_it(server, hinted, annotator) -> None:
    for name in ("Ada", "Bo"):
        person = annotator(name)
        person.lease()
        person.answer(hinted, Point(0.5, 0.9), details=Details(hint_taken_by_key=True))
    rows = stored(server, hinted)
    assert sorted(row.arm for row in rows) == [ASSISTED, BLIND]
    for row in rows:
        assert (row.hint_x, row.hint_y, row.hint_score) == (0.5, 0.5, 0.25)
        assert row.hint_distance == pytest.approx(0.4 * 300 / 500)
        assert row.hint_taken_by_key is (True if row.arm == ASSISTED else None)


def test_not_visible_has_no_distance_to_the_hint(server, hinted, annotator) -> None:
    ada = annotator("Ada")
    ada.lease()
    ada.answer(hinted, None)
    [row] = stored(server, hinted)
    assert (row.hint_x, row.hint_distance) == (0.5, None)


def test_the_distance_is_a_fraction_of_the_diagonal() -> None:
    assert hint_distance(Point(0, 0), Point(1, 1), 16, 9) == pytest.approx(1)
    assert hint_distance(Point(0.5, 0), Point(1, 0), 3, 4) == pytest.approx(0.3)
    assert math.isclose(hint_distance(CENTRE, CENTRE, 3, 4), 0)


def test_a_late_answer_is_recorded_in_the_arm_that_was_shown(
    server, project, annotator, clock
) -> None:
    [frame] = project.add_clip(1, redundancy=2, hint_quota=1, is_benchmark=False)
    add_prelabel(server, frame)
    ada, bo, cy = map(annotator, ("Ada", "Bo", "Cy"))
    shown = {p: bool(p.lease().frames[0].hint) for p in (ada, bo)}
    blind = next(p for p in shown if not shown[p])
    other = next(p for p in shown if shown[p])
    clock.advance(301)
    other.answer(frame)
    assert cy.lease().frames[0].hint is None, "Cy took over the blind place"
    cy.skip(frame)
    blind.answer(frame)
    assert [row.arm for row in stored(server, frame)] == [ASSISTED, BLIND]


def test_a_late_assisted_answer_does_not_break_the_quota(server, project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=2, hint_quota=1, is_benchmark=False)
    add_prelabel(server, frame)
    ada, bo, cy = map(annotator, ("Ada", "Bo", "Cy"))
    shown = {p: bool(p.lease().frames[0].hint) for p in (ada, bo)}
    assisted = next(p for p in shown if shown[p])
    blind = next(p for p in shown if not shown[p])
    clock.advance(200)
    blind.lease()
    clock.advance(101)
    assert cy.lease().frames[0].hint is not None, "Cy took over the assisted place"
    cy.answer(frame)
    clock.advance(200)
    with pytest.raises(LeaseLostError):
        assisted.answer(frame)
    blind.answer(frame)


def test_a_late_blind_answer_turns_the_place_that_it_takes_blind(
    server, project, annotator, clock
) -> None:
    [frame] = project.add_clip(1, redundancy=2, hint_quota=1, is_benchmark=False)
    add_prelabel(server, frame)
    ada, bo, cy = map(annotator, ("Ada", "Bo", "Cy"))
    shown = {p: bool(p.lease().frames[0].hint) for p in (ada, bo)}
    assisted = next(p for p in shown if shown[p])
    blind = next(p for p in shown if not shown[p])
    clock.advance(200)
    assisted.lease()
    clock.advance(101)
    assert cy.lease().frames[0].hint is None, "Cy took over the blind place"
    cy.answer(frame)
    clock.advance(200)
    blind.answer(frame)
    with server.database.read() as session:
        arms = session.scalars(select(Slot.arm).where(Slot.frame_id == frame)).all()
    assert arms == [BLIND, BLIND]
