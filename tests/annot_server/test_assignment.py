from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, func, select, update

from annot_server.answers import give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.errors import LeaseLostError, NotFoundError
from annot_server.leases import HeldLease, release, renew
from annot_server.models import ASSISTED, BLIND, Clip, Lease, Prelabel, Slot
from annot_server.undo import undo_response
from dataset_builder.geometry import Point

RNG = np.random.default_rng(3)


@pytest.fixture
def lease(server, project):
    """Return a function that leases for a person: `lease("Ada")`."""

    def lease(name: str, **options: Any) -> HeldLease | None:
        person_id = project.person(name)
        values = {
            "lease_s": server.config.lease_s,
            "lease_frames": server.config.lease_frames,
            "rng": RNG,
            **options,
        }
        return server.database.write(
            lambda session: next_lease(session, person_id=person_id, now=server.now(), **values)
        )

    return lease


@pytest.fixture
def answer(server, project):
    """Return a function that answers for a person: `answer("Ada", frame_id)`."""

    def answer(name: str, frame_id: int, key: str | None = None) -> int:
        person_id = project.person(name)
        given = server.database.write(
            lambda session: give_answer(
                session,
                person_id=person_id,
                frame_id=frame_id,
                point=Point(0.5, 0.5),
                key=key or f"{name}/{frame_id}",
                now=server.now(),
            )
        )
        return given.answer_id

    return answer


def seconds(held: HeldLease) -> list[int]:
    return [frame.second for frame in held.frames]


def ids(held: HeldLease) -> list[int]:
    return [frame.frame_id for frame in held.frames]


def test_a_lease_holds_a_clips_frames_in_time_order(project, lease) -> None:
    project.add_clip(4, start_s=7, size=(640, 480))
    held = lease("Ada")
    assert seconds(held) == [7, 8, 9, 10]
    assert (held.width, held.height, held.description) == (640, 480, "crack egg")


def test_a_lease_stops_at_twenty_frames_and_the_next_goes_on_there(project, lease, answer) -> None:
    project.add_clip(25)
    first = lease("Ada")
    assert seconds(first) == list(range(20))
    for frame_id in ids(first):
        answer("Ada", frame_id)
    assert seconds(lease("Ada")) == [20, 21, 22, 23, 24]


def test_a_lease_stays_within_one_clip(project, lease) -> None:
    project.add_clip(2, video_id="v1")
    project.add_clip(2, video_id="v2")
    assert len(lease("Ada").frames) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_search_for_a_clip_follows_its_index_and_sorts_nothing(server, project, lease) -> None:
    project.add_clip(1, redundancy=1)
    lease("Ada")
    asked = []

    def note(_connection, _cursor, statement, values, _context, _many) -> None:
        if "clips.priority = ?" in statement:
            asked.append((statement, values))

    engine = server.database.engine
    event.listen(engine, "before_cursor_execute", note)
    assert lease("Bo") is None
    event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 2, "from the last clip onward, then from the first"
    with engine.connect() as connection:
        for statement, values in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            steps = [row[-1] for row in plan]
            assert not [step for step in steps if "TEMP B-TREE" in step], steps
            # Both bounds: what the first search walked over is not walked over again.
            bounded = "ix_clips_priority_clip_id (priority=? AND clip_id"
            assert any(bounded in step for step in steps), steps


def test_the_clip_of_higher_priority_comes_first(server, project, lease) -> None:
    project.add_clip(video_id="v1")
    project.add_clip(video_id="v2")
    server.database.write(
        lambda session: session.execute(
            update(Clip).where(Clip.video_id == "v2").values(priority=3)
        )
    )
    assert lease("Ada").video_id == "v2"


def test_going_on_begins_at_the_last_clip_and_comes_round(project, lease, answer) -> None:
    for video_id in ("v1", "v2", "v3"):
        project.add_clip(1, video_id=video_id, redundancy=1)
    skipped = lease("Bo")
    assert skipped.video_id == "v1"
    visited = []
    while held := lease("Ada"):
        visited.append(held.video_id)
        answer("Ada", ids(held)[0])
        if len(visited) == 1:
            release_lease(project.server, project.person("Bo"), skipped.lease_id)
    assert visited == ["v2", "v3", "v1"]


def release_lease(server, person_id: int, lease_id: int) -> None:
    server.database.write(
        lambda session: release(session, person_id=person_id, lease_id=lease_id, now=server.now())
    )


def test_asking_again_gives_the_same_lease_renewed(project, lease, clock) -> None:
    project.add_clip()
    first = lease("Ada")
    clock.advance(100)
    again = lease("Ada")
    assert again.lease_id == first.lease_id
    assert (again.expires_at - first.expires_at).total_seconds() == 100


def test_a_second_lease_can_be_fetched_ahead_but_no_third(project, lease) -> None:
    for video_id in ("v1", "v2", "v3"):
        project.add_clip(video_id=video_id)
    first = lease("Ada")
    second = lease("Ada", after_lease_id=first.lease_id)
    assert not set(ids(first)) & set(ids(second))
    assert lease("Ada", after_lease_id=first.lease_id).lease_id == second.lease_id
    assert lease("Ada", after_lease_id=second.lease_id).lease_id == first.lease_id


def test_fetching_ahead_of_somebody_elses_lease_is_refused(project, lease) -> None:
    project.add_clip()
    held = lease("Ada")
    with pytest.raises(NotFoundError, match=f"no lease {held.lease_id}"):
        lease("Bo", after_lease_id=held.lease_id)


def test_an_answered_frame_leaves_the_lease(project, lease, answer) -> None:
    frames = project.add_clip(3)
    lease("Ada")
    answer("Ada", frames[0])
    assert ids(lease("Ada")) == frames[1:]


def test_nobody_is_offered_a_frame_twice(server, project, lease, answer, clock) -> None:
    frames = project.add_clip(3)
    lease("Ada")
    answer("Ada", frames[0])
    person_id = project.person("Ada")
    skip = {"frame_id": frames[1], "reason": "other", "comment": None}
    server.database.write(
        lambda session: skip_frame(session, person_id=person_id, now=clock.now, **skip)
    )
    server.database.write(
        lambda session: undo_response(
            session,
            person_id=person_id,
            frame_id=frames[0],
            now=clock.now,
            undo_window_s=60,
            lease_s=300,
        )
    )
    clock.advance(1000)
    assert ids(lease("Ada")) == frames[2:], "only the untouched frame comes again"


def test_a_frame_is_leased_to_as_many_people_as_it_needs(project, lease) -> None:
    project.add_clip(redundancy=2)
    assert lease("Ada") is not None
    assert lease("Bo") is not None
    assert lease("Cy") is None


def test_a_lease_passes_over_frames_that_others_hold(project, lease) -> None:
    project.add_clip(25, redundancy=1)
    lease("Ada")
    assert seconds(lease("Bo")) == [20, 21, 22, 23, 24]


def test_a_lapsed_lease_goes_to_others_only_when_no_place_is_free(project, lease, clock) -> None:
    frames = project.add_clip(1, redundancy=2)
    lease("Ada")
    clock.advance(301)
    lease("Bo")
    assert ids(lease("Ada")) == frames, "Bo took the free place, so that Ada's waited for her"
    clock.advance(301)
    assert lease("Cy") is not None
    assert lease("Di") is not None
    assert lease("Ada") is None


@pytest.mark.parametrize("settings", [{"lease_s": 10}])
def test_a_lease_lapses_when_it_is_not_renewed(project, lease, clock) -> None:
    project.add_clip(redundancy=1)
    lease("Ada")
    clock.advance(9)
    assert lease("Bo") is None
    clock.advance(1)
    assert lease("Bo") is not None


def test_renewing_prolongs_a_lease(server, project, lease, clock) -> None:
    project.add_clip(redundancy=1)
    held = lease("Ada")
    clock.advance(299)
    until = server.database.write(
        lambda session: renew(
            session,
            person_id=project.person("Ada"),
            lease_id=held.lease_id,
            now=clock.now,
            lease_s=300,
        )
    )
    assert (until - clock.now).total_seconds() == 300
    clock.advance(299)
    assert lease("Bo") is None


def test_a_lapsed_lease_cannot_be_renewed(server, project, lease, clock) -> None:
    project.add_clip()
    held = lease("Ada")
    person_id = project.person("Ada")
    clock.advance(300)
    with pytest.raises(LeaseLostError, match="has ended; ask for a new one"):
        server.database.write(
            lambda session: renew(
                session, person_id=person_id, lease_id=held.lease_id, now=clock.now, lease_s=300
            )
        )


def test_released_frames_are_open_to_others_at_once(server, project, lease, clock) -> None:
    frames = project.add_clip(redundancy=1)
    held = lease("Ada")
    for _ in range(2):
        release_lease(server, project.person("Ada"), held.lease_id)
    assert ids(lease("Bo")) == frames


def test_releasing_a_lapsed_lease_does_not_move_its_end(server, project, lease, clock) -> None:
    project.add_clip()
    held = lease("Ada")
    clock.advance(1000)
    release_lease(server, project.person("Ada"), held.lease_id)
    with server.database.read() as session:
        assert session.get_one(Lease, held.lease_id).expires_at == held.expires_at


def test_somebody_elses_lease_cannot_be_released(server, project, lease) -> None:
    project.add_clip()
    held = lease("Ada")
    person_id = project.person("Bo")
    with pytest.raises(NotFoundError):
        release_lease(server, person_id, held.lease_id)


# Hints ----------------------------------------------------------------------------------------


def add_prelabels(server, frames: list[int], file: str = "a", x: float = 0.25) -> None:
    def add(session) -> None:
        for frame_id in frames:
            session.add(
                Prelabel(
                    frame_id=frame_id,
                    file_sha256=file,
                    model="m",
                    checkpoint_digest="d",
                    x=x,
                    y=0.75,
                    score=0.5,
                    imported_at=server.now(),
                )
            )

    server.database.write(add)


def arms(server, frame_id: int) -> list[str | None]:
    with server.database.read() as session:
        return list(
            session.scalars(select(Slot.arm).where(Slot.frame_id == frame_id).order_by(Slot.k))
        )


def test_each_frame_shows_its_hint_to_exactly_its_quota_of_people(server, project, lease) -> None:
    frames = project.add_clip(6, hint_quota=2, is_benchmark=False)
    add_prelabels(server, frames)
    shown = [frame.frame_id for name in "ABCDE" for frame in lease(name).frames if frame.hint]
    assert sorted(shown) == sorted(frames * 2)


def test_without_a_prelabel_no_arm_is_drawn_and_later_ones_still_meet_the_quota(
    server, project, lease
) -> None:
    [frame] = project.add_clip(1, hint_quota=2, is_benchmark=False)
    for name in "ABC":
        assert lease(name).frames[0].hint is None
    assert arms(server, frame) == [None] * 5
    add_prelabels(server, [frame])
    assert all(lease(name).frames[0].hint for name in "DE")


def test_a_benchmark_frame_with_a_prelabel_shows_it_to_nobody(server, project, lease) -> None:
    [frame] = project.add_clip(1, hint_quota=0)
    add_prelabels(server, [frame])
    assert [lease(name).frames[0].hint for name in "ABCDE"] == [None] * 5
    assert arms(server, frame) == [BLIND] * 5


def test_a_newer_model_replaces_what_is_shown_on_places_not_yet_drawn(
    server, project, lease
) -> None:
    [frame] = project.add_clip(1, hint_quota=3, redundancy=3, is_benchmark=False)
    add_prelabels(server, [frame], "old", x=0.1)
    assert lease("A").frames[0].hint.point.x == 0.1
    add_prelabels(server, [frame], "new", x=0.9)
    assert lease("B").frames[0].hint.point.x == 0.9
    assert lease("A").frames[0].hint.point.x == 0.1, "what was drawn stays"


def test_who_saw_a_hint_and_lost_the_place_is_not_asked_blind(
    server, project, lease, clock
) -> None:
    [frame] = project.add_clip(1, hint_quota=1, redundancy=2, is_benchmark=False)
    add_prelabels(server, [frame])
    names = ["Ada", "Bo"]
    shown = next(name for name in names if lease(name).frames[0].hint)
    other = next(name for name in names if name != shown)
    clock.advance(301)
    assert lease(other) is not None
    clock.advance(200)
    assert lease("Cy").frames[0].hint is not None, "Cy took over the assisted place"
    clock.advance(150)
    assert lease(shown) is None, "only the blind place is open"
    assert lease("Di") is not None
    with server.database.read() as session:
        held = session.scalar(select(func.count()).select_from(Slot).where(Slot.arm == ASSISTED))
    assert held == 1
