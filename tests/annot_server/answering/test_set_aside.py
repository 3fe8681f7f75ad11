from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from annot_server.audit import audit
from annot_server.errors import AlreadyAnsweredError, NotFoundError, NotReviewableError
from annot_server.models import ASSISTED, AuditEntry, Slot
from annot_server.set_aside import SetAside, set_aside_answer, set_aside_person

PEOPLE = ("Ada", "Bo", "Cy", "Di")


@pytest.fixture
def set_aside(server):
    """Return a function that sets answers aside: `set_aside(set_aside_person, person_id=1)`."""

    def set_aside(function, reason="clicks anywhere", **whose) -> SetAside:
        return server.database.write(
            lambda session: function(
                session, by_person_id=None, reason=reason, now=server.now(), **whose
            )
        )

    return set_aside


@pytest.fixture
def frames(project, annotator) -> list[int]:
    """Return two frames of two answers each; Ada and Bo gave both of the first, Ada one more."""
    frames = project.add_clip(2, redundancy=2)
    for name, said in (("Ada", frames), ("Bo", frames[:1])):
        person = annotator(name)
        person.lease()
        for frame in said:
            person.answer(frame)
    return frames


def test_a_persons_answers_stop_counting_and_their_frames_open(
    annotator, set_aside, clock, frames
) -> None:
    found = set_aside(set_aside_person, person_id=annotator("Ada").person_id)
    assert found == SetAside(answers=2, frames_reopened=1)
    row = annotator.frame_row(frames[0])
    assert (row.retired_at, row.retired_reason, row.n_clicks) == (None, None, None)
    assert [answer.set_aside_at for answer in annotator.stored(frames[0])] == [clock.now, None]


def test_others_fill_the_places_and_the_person_is_never_asked_again(
    annotator, set_aside, frames
) -> None:
    ada = annotator("Ada")
    set_aside(set_aside_person, person_id=ada.person_id)
    assert ada.lease() is None
    with pytest.raises(AlreadyAnsweredError):
        ada.answer(frames[0], key="another")
    cy = annotator("Cy")
    assert [frame.frame_id for frame in cy.lease().frames] == frames
    for frame in frames:
        cy.answer(frame)
    assert annotator.frame_row(frames[0]).retired_at is not None


def test_setting_aside_is_in_the_audit_log_with_its_reason(
    server, annotator, set_aside, frames
) -> None:
    person_id = annotator("Ada").person_id
    set_aside(set_aside_person, person_id=person_id)
    with server.database.read() as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.what, entry.subject) == (
            "set_aside",
            f"person {person_id}: 2 answers, 1 frames opened: clicks anywhere",
        )


def test_one_answer_can_be_set_aside_alone(annotator, set_aside, frames) -> None:
    first = annotator.stored(frames[0])[0]
    assert set_aside(set_aside_answer, answer_id=first.id) == SetAside(1, 1)
    assert set_aside(set_aside_answer, answer_id=first.id) == SetAside(0, 0)
    [second] = annotator.stored(frames[1])
    assert second.set_aside_at is None


def test_a_place_that_is_freed_keeps_its_arm(server, annotator, set_aside, frames) -> None:
    def arms(session) -> list[str | None]:
        return list(session.scalars(select(Slot.arm).where(Slot.frame_id == frames[0])))

    with server.database.read() as session:
        before = arms(session)
        held = session.scalars(select(func.count(Slot.person_id))).one()
    set_aside(set_aside_person, person_id=annotator("Ada").person_id)
    with server.database.read() as session:
        assert arms(session) == before
        assert session.scalars(select(func.count(Slot.person_id))).one() == held - 2
    assert ASSISTED not in before


def test_a_reason_is_needed_and_the_person_or_answer(annotator, set_aside, frames) -> None:
    person_id = annotator("Ada").person_id
    for reason in (" ", "x" * 401):
        with pytest.raises(NotReviewableError, match="1 to 400"):
            set_aside(set_aside_person, reason, person_id=person_id)
    with pytest.raises(NotFoundError, match="no person 999"):
        set_aside(set_aside_person, person_id=999)
    with pytest.raises(NotFoundError, match="no answer 999"):
        set_aside(set_aside_answer, answer_id=999)
    assert annotator.frame_row(frames[0]).retired_at is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@given(st.lists(st.sampled_from(PEOPLE), max_size=4))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_however_people_are_set_aside_every_promise_holds(
    server, project, annotator, set_aside, aside
) -> None:
    """Everybody answers all they get, somebody is set aside, and so on."""
    video_id = f"v{server.now().timestamp()}"
    project.add_clip(3, video_id=video_id, redundancy=2)
    for name in aside:
        for worker in map(annotator, PEOPLE):
            while held := worker.lease():
                for frame in held.frames:
                    worker.answer(frame.frame_id, key=f"{worker.person_id}/{frame.frame_id}")
        set_aside(set_aside_person, person_id=annotator(name).person_id)
        with server.database.read() as session:
            assert audit(session).is_clean
    server.clock.advance(1)
