from __future__ import annotations

import pytest
from sqlalchemy import select, update

from annot_server.errors import ConfigError, NotFoundError, NotReviewableError
from annot_server.models import AuditEntry, Clip, Slot
from annot_server.review import MAX_REDUNDANCY, ask_more, prioritise, settle
from dataset_builder.geometry import Point


@pytest.fixture
def review(server, project):
    """Return a function that lets Rita decide: `review(settle, frame_id=1)`."""
    rita = project.person("Rita", "reviewer")

    def review(function, **arguments):
        return server.database.write(
            lambda session: function(session, by_person_id=rita, now=server.now(), **arguments)
        )

    return review


@pytest.fixture
def retired(project, annotator) -> int:
    """Return a frame with both of its answers."""
    [frame] = project.add_clip(1, redundancy=2)
    for name in ("Ada", "Bo"):
        person = annotator(name)
        person.lease()
        person.answer(frame)
    return frame


def notes(server) -> list[tuple[str, str]]:
    with server.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        return [(entry.what, entry.subject) for entry in entries]


def test_a_frame_that_more_are_asked_of_opens_for_exactly_so_many(
    annotator, review, retired
) -> None:
    assert review(ask_more, frame_id=retired) == 4
    row = annotator.frame_row(retired)
    assert (row.redundancy, row.retired_at, row.disagreement) == (4, None, None)
    for name in ("Cy", "Di"):
        person = annotator(name)
        assert person.lease() is not None
        person.answer(retired, Point(0.4, 0.4))
    assert annotator.frame_row(retired).retired_at is not None
    assert annotator("Ed").lease() is None


def test_nobody_who_answered_is_asked_again(annotator, review, retired) -> None:
    review(ask_more, frame_id=retired)
    assert annotator("Ada").lease() is None


def test_more_can_be_asked_of_an_open_frame(server, project, annotator, review) -> None:
    [frame] = project.add_clip(1, redundancy=2)
    review(ask_more, frame_id=frame, n=3)
    with server.database.read() as session:
        ks = session.scalars(select(Slot.k).where(Slot.frame_id == frame).order_by(Slot.k)).all()
    assert ks == [0, 1, 2, 3, 4]


def test_asking_more_is_in_the_audit_log(server, review, retired) -> None:
    review(ask_more, frame_id=retired)
    assert notes(server)[-1] == ("ask_more", f"frame {retired}: 2 more, 4 in all")


@pytest.mark.parametrize("n", [0, -1, MAX_REDUNDANCY - 1])
def test_more_answers_than_are_allowed_are_not_asked_for(annotator, review, retired, n) -> None:
    with pytest.raises(NotReviewableError, match=f"{MAX_REDUNDANCY} in all"):
        review(ask_more, frame_id=retired, n=n)
    assert annotator.frame_row(retired).redundancy == 2


def test_a_settled_frame_says_when_and_is_settled_once(server, annotator, review, clock, retired):
    review(settle, frame_id=retired)
    settled_at = clock.now
    clock.advance(5)
    review(settle, frame_id=retired)
    assert annotator.frame_row(retired).settled_at == settled_at
    assert notes(server) == [("settle", f"frame {retired}")]


def test_a_settled_frame_that_opens_is_settled_no_more(annotator, review, retired) -> None:
    review(settle, frame_id=retired)
    review(ask_more, frame_id=retired)
    assert annotator.frame_row(retired).settled_at is None


def test_a_frame_that_waits_for_answers_is_not_settled(project, review) -> None:
    [frame] = project.add_clip(1)
    with pytest.raises(NotReviewableError, match="still waits"):
        review(settle, frame_id=frame)


@pytest.mark.parametrize("decide", [ask_more, settle])
def test_what_is_not_there_or_gold_is_not_reviewed(server, review, retired, decide) -> None:
    with pytest.raises(NotFoundError):
        review(decide, frame_id=12345)
    server.database.write(lambda session: session.execute(update(Clip).values(is_gold=True)))
    with pytest.raises(NotReviewableError, match="gold"):
        review(decide, frame_id=retired)


def test_a_clip_with_a_higher_priority_is_handed_out_first(server, project, annotator, review):
    project.add_clip(1, video_id="v1")
    project.add_clip(1, video_id="v2")
    with server.database.read() as session:
        clip_id = session.scalars(select(Clip.clip_id).where(Clip.video_id == "v2")).one()
    review(prioritise, clip_ids=[clip_id], priority=3)
    assert annotator("Ada").lease().clip_id == clip_id
    assert notes(server) == [("prioritise", f"clip {clip_id}: 3")]


def test_an_unknown_clip_leaves_all_priorities_alone(server, project, review) -> None:
    project.add_clip(1)
    with server.database.read() as session:
        clip_id = session.scalars(select(Clip.clip_id)).one()
    with pytest.raises(ConfigError, match="no clip 'nope'"):
        review(prioritise, clip_ids=[clip_id, "nope"], priority=3)
    with pytest.raises(ConfigError, match="-1000 to 1000"):
        review(prioritise, clip_ids=[clip_id], priority=1001)
    with server.database.read() as session:
        assert session.scalars(select(Clip.priority)).all() == [0]
