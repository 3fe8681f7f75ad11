from __future__ import annotations

import math

import pytest
from sqlalchemy import select

from annot_server.answers import (
    Details,
    hint_distance,
)
from annot_server.errors import (
    AlreadyAnsweredError,
    IdempotencyConflictError,
    LeaseLostError,
    NotFoundError,
)
from annot_server.models import ASSISTED, BLIND, Prelabel, Skip, Slot
from annot_server.server import Server
from dataset_builder.geometry import Point

CENTRE = Point(0.5, 0.5)


# Answering ------------------------------------------------------------------------------------


def test_an_answer_is_stored_as_it_was_given(project, annotator, clock) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    held = ada.lease()
    details = Details(120, 950, "touch", 390, 219, 3.0, zoom=2.5, context_ms=1800)
    given = ada.answer(frame, Point(0.123456789, 1.0), details=details)
    [row] = annotator.stored(frame)
    assert (row.id, given.answers_given, given.is_repeat) == (given.answer_id, 1, False)
    assert (row.x, row.y, row.lease_id) == (0.123456789, 1.0, held.lease_id)
    assert (row.ms_since_paint, row.ms_taken, row.pointer) == (120, 950, "touch")
    assert (row.display_width, row.display_height, row.device_pixel_ratio) == (390, 219, 3.0)
    assert (row.zoom, row.context_ms) == (2.5, 1800)
    assert row.created_at == clock.now
    assert (row.arm, row.prelabel_id, row.hint_distance) == (None, None, None)


def test_not_visible_is_an_answer_without_a_point(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame, None)
    [row] = annotator.stored(frame)
    assert (row.x, row.y) == (None, None)


def test_the_last_answer_retires_the_frame(project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=2)
    for name in ("Ada", "Bo"):
        assert annotator.frame_row(frame).retired_at is None
        person = annotator(name)
        person.lease()
        person.answer(frame)
    row = annotator.frame_row(frame)
    assert (row.retired_at, row.retired_reason) == (clock.now, "enough_answers")
    assert annotator("Cy").lease() is None


def test_the_same_answer_under_the_same_key_is_stored_once(project, annotator) -> None:
    [frame] = project.add_clip(1)
    ada = annotator("Ada")
    ada.lease()
    first = ada.answer(frame, key="k")
    again = ada.answer(frame, key="k")
    assert again.is_repeat
    assert (again.answer_id, again.answers_given) == (first.answer_id, first.answers_given)
    assert len(annotator.stored(frame)) == 1


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


def test_two_people_may_use_the_same_key(project, annotator) -> None:
    [frame] = project.add_clip(1)
    for name in ("Ada", "Bo"):
        person = annotator(name)
        person.lease()
        person.answer(frame, key="k")
    assert len(annotator.stored(frame)) == 2


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


def test_a_late_answer_is_taken_while_its_place_is_untouched(project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    clock.advance(3600)
    ada.answer(frame)
    assert annotator.frame_row(frame).retired_at == clock.now


def test_a_late_answer_takes_another_free_place(project, annotator, clock) -> None:
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
    assert len(annotator.stored(frame)) == 2


def test_a_late_answer_to_a_frame_held_by_others_is_refused(project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    clock.advance(301)
    assert annotator("Bo").lease() is not None
    with pytest.raises(LeaseLostError):
        ada.answer(frame)


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


def test_a_late_skip_is_taken_though_the_place_is_gone(project, annotator, clock) -> None:
    [frame] = project.add_clip(1, redundancy=1)
    ada, bo = annotator("Ada"), annotator("Bo")
    ada.lease()
    clock.advance(301)
    bo.lease()
    ada.skip(frame)
    bo.answer(frame)
    assert len(annotator.stored(frame)) == 1


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


def test_both_arms_record_the_prelabel_and_the_distance_to_it(hinted, annotator) -> None:
    for name in ("Ada", "Bo"):
        person = annotator(name)
        person.lease()
        person.answer(hinted, Point(0.5, 0.9), details=Details(hint_taken_by_key=True))
    rows = annotator.stored(hinted)
    assert sorted(row.arm for row in rows) == [ASSISTED, BLIND]
    for row in rows:
        assert (row.hint_x, row.hint_y, row.hint_score) == (0.5, 0.5, 0.25)
        assert row.hint_distance == pytest.approx(0.4 * 300 / 500)
        assert row.hint_taken_by_key is (True if row.arm == ASSISTED else None)


def test_not_visible_has_no_distance_to_the_hint(hinted, annotator) -> None:
    ada = annotator("Ada")
    ada.lease()
    ada.answer(hinted, None)
    [row] = annotator.stored(hinted)
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
    assert [row.arm for row in annotator.stored(frame)] == [ASSISTED, BLIND]


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
