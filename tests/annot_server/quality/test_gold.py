from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, update

from annot_server.answers import Details, count_given, give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.audit import audit
from annot_server.errors import (
    AlreadyAnsweredError,
    IdempotencyConflictError,
    LeaseLostError,
    NotFoundError,
    UndoExpiredError,
)
from annot_server.leases import HeldLease, release, renew
from annot_server.models import Answer, AuditEntry, Clip, GoldAnswer, GoldFrame, Lease, Skip, Video
from annot_server.quality.gold import RECENT_LEASES
from annot_server.undo import undo_response
from dataset_builder.geometry import Point
from dataset_builder.tables import sha256_file

CENTRE = Point(0.5, 0.5)


class Annotator:
    """One person at work where one frame in `every` is gold."""

    def __init__(self, server, person_id: int, every: int = 15, seed: int = 3) -> None:
        self.server, self.person_id, self.every = server, person_id, every
        self.rng = np.random.default_rng(seed)
        self.n_keys = 0

    def do(self, function: Any, **arguments: Any) -> Any:
        return self.server.database.write(
            lambda session: function(
                session, person_id=self.person_id, now=self.server.now(), **arguments
            )
        )

    def lease(self, after: int | None = None) -> HeldLease | None:
        return self.do(
            next_lease,
            lease_s=300,
            lease_frames=20,
            rng=self.rng,
            after_lease_id=after,
            gold_every=self.every,
        )

    def gold_lease(self, after: int | None = None) -> HeldLease:
        """Ask until a gold lease comes, giving others back."""
        for _ in range(50):
            lease = self.lease(after)
            assert lease is not None
            if self.is_gold(lease):
                return lease
            self.do(release, lease_id=lease.lease_id)
        raise AssertionError("no gold in 50 leases")

    def is_gold(self, lease: HeldLease) -> bool:
        with self.server.database.read() as session:
            return bool(session.get_one(Clip, lease.clip_id).is_gold)

    def answer(self, frame_id: int, point: Point | None = CENTRE, key: str = "") -> Any:
        self.n_keys += 1
        details = Details(ms_since_paint=900, ms_taken=1000, pointer="touch")
        return self.do(
            give_answer,
            frame_id=frame_id,
            point=point,
            key=key or f"key {self.n_keys}",
            details=details,
        )

    def skip(self, frame_id: int) -> Any:
        return self.do(skip_frame, frame_id=frame_id, reason="cannot_tell", comment=None)

    def take_back(self, frame_id: int) -> HeldLease:
        return self.do(undo_response, frame_id=frame_id, undo_window_s=60, lease_s=300)

    def n_given(self) -> int:
        with self.server.database.read() as session:
            return count_given(session, self.person_id)


@pytest.fixture
def people(server, project):
    def person(name: str = "Ada", **more: Any) -> Annotator:
        return Annotator(server, project.person(name), **more)

    return person


@pytest.fixture
def gold(project, bring_gold, gold_frames) -> list[int]:
    """Ordinary clips, and a gold clip of three frames: in the middle, there, not visible."""
    for start in range(0, 60, 4):
        project.add_clip(4, video_id="v0", start_s=start)
    bring_gold("v1,0,stir soup,0.5,0.5,", "v1,1,stir soup,0.9,0.5,", "v1,2,stir soup,,,")
    return gold_frames()


def stored(server, *columns: Any) -> list[tuple[Any, ...]]:
    with server.database.read() as session:
        return [tuple(row) for row in session.execute(select(*columns))]


def test_a_gold_lease_is_like_any_other(people, gold, clock) -> None:
    ada = people()
    lease = ada.gold_lease()
    assert [frame.frame_id for frame in lease.frames] == gold
    assert [frame.second for frame in lease.frames] == [0, 1, 2]
    assert all(frame.hint is None for frame in lease.frames)
    assert (lease.video_id, lease.description) == ("v1", "stir soup")
    assert (lease.width, lease.height) == (64, 48)
    clock.advance(200)
    assert ada.do(renew, lease_id=lease.lease_id, lease_s=300) > lease.expires_at
    again = ada.lease()
    assert again is not None
    assert again.lease_id == lease.lease_id
    assert again.frames == lease.frames


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


def test_what_was_answered_leaves_the_lease_and_never_comes_again(people, gold, clock) -> None:
    ada = people()
    lease = ada.gold_lease()
    ada.answer(gold[0])
    ada.skip(gold[1])
    rest = ada.lease()
    assert rest is not None
    assert (rest.lease_id, [f.frame_id for f in rest.frames]) == (lease.lease_id, gold[2:])
    ada.answer(gold[2], None)
    clock.advance(301)  # the lease on the skipped frame is over, too
    assert not any(ada.is_gold(lease) for lease in worked_through(ada))


def worked_through(annotator: Annotator) -> list[HeldLease]:
    """Answer everything there is; return the leases."""
    leases = []
    while lease := annotator.lease():
        leases.append(lease)
        for frame in lease.frames:
            annotator.answer(frame.frame_id)
    return leases


def test_gold_is_shown_to_many_people(server, people, gold) -> None:
    for name in ("Ada", "Bo", "Cy", "Di", "Ed", "Fay", "Guy"):
        person = people(name)
        person.gold_lease()
        for frame_id in gold:
            person.answer(frame_id)
    assert stored(server, func.count(GoldAnswer.id)) == [(21,)]


def test_gold_that_runs_out_simply_stops(people, gold) -> None:
    ada = people(every=2)
    leases = worked_through(ada)
    assert [ada.is_gold(lease) for lease in leases].count(True) == 1
    assert ada.n_given() == 63
    assert ada.lease() is None


def test_without_gold_in_use_no_gold_is_handed_out(server, people, gold) -> None:
    ada, bo = people(every=0), people("Bo", every=2)
    assert not any(ada.is_gold(lease) for lease in worked_through(ada))
    server.database.write(
        lambda session: session.execute(update(GoldFrame).values(withdrawn_at=server.now()))
    )
    assert not any(bo.is_gold(lease) for lease in worked_through(bo))


def test_qualification_frames_are_never_handed_out(server, project, people, bring_gold) -> None:
    project.add_clip(40, video_id="v0")
    bring_gold("v1,0,stir soup,0.5,0.5,", purpose="qualification")
    ada = people(every=2)
    assert not any(ada.is_gold(lease) for lease in worked_through(ada))


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


def test_a_plain_request_gives_the_oldest_live_lease_gold_or_not(people, gold) -> None:
    ada = people()
    first = ada.gold_lease()
    second = ada.lease(first.lease_id)
    assert second is not None
    assert not ada.is_gold(second)
    assert ada.lease().lease_id == first.lease_id
    for frame_id in gold:
        ada.answer(frame_id)
    assert ada.lease().lease_id == second.lease_id
    ada.take_back(gold[1])
    assert ada.lease().lease_id == second.lease_id
    third = ada.lease(second.lease_id)
    assert [frame.frame_id for frame in third.frames] == [gold[1]]
    for frame in second.frames:
        ada.answer(frame.frame_id)
    assert ada.lease().lease_id == third.lease_id


def test_a_live_lease_stays_when_its_gold_is_withdrawn(server, people, gold) -> None:
    ada = people()
    held = ada.gold_lease()
    server.database.write(
        lambda session: session.execute(update(GoldFrame).values(withdrawn_at=server.now()))
    )
    assert ada.lease().lease_id == held.lease_id


def test_gold_that_was_given_back_or_lapsed_comes_again(people, gold, clock) -> None:
    ada = people()
    lease = ada.gold_lease()
    ada.do(release, lease_id=lease.lease_id)
    again = ada.gold_lease()
    assert again.frames == lease.frames
    clock.advance(301)
    assert ada.gold_lease().frames == lease.frames


def test_two_tabs_never_hold_the_same_gold(people, gold) -> None:
    ada = people(every=2)
    first = ada.gold_lease()
    for _ in range(20):
        other = ada.lease(first.lease_id)
        assert other is not None
        assert not ada.is_gold(other)
        ada.do(release, lease_id=other.lease_id)


def test_gold_of_a_second_that_the_person_met_elsewhere_is_passed_over(
    server, project, people, bring_gold, *, gold_frames, videos
) -> None:
    met = project.add_clip(2, video_id="v1", action="crack egg", start_s=1)
    real = update(Video).values(sha256=sha256_file(videos / "v1.mp4"))
    server.database.write(lambda session: session.execute(real))
    ada = people(every=2)
    for frame_id in met:
        assert ada.lease() is not None
        ada.answer(frame_id)
    for start in range(0, 40, 4):
        project.add_clip(4, video_id="v0", start_s=start)
    bring_gold("v1,0,crack egg,,,", "v1,1,crack egg,0.5,0.5,", "v1,2,stir soup,,,")
    egg_0, egg_1, soup_2 = gold_frames()
    answered = [frame.frame_id for lease in worked_through(ada) for frame in lease.frames]
    assert egg_1 not in answered
    assert {egg_0, soup_2} <= set(answered)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("clip_frames", "every"), [(3, 15), (20, 15), (7, 5)])
def test_about_one_frame_in_so_many_is_gold(
    project, people, bring_gold, *, clip_frames, every
) -> None:
    n_clips = 900 // clip_frames
    for n in range(n_clips):
        project.add_clip(clip_frames, video_id="v0", start_s=n * clip_frames)
    for n in range(40):
        bring_gold(f"v1,{n % 4},gold {n},0.5,0.5,", f"v2,{n % 4},gold {n},,,", seed=n)
    ada = people(every=every)
    n_frames = n_gold = 0
    turns = []
    while n_frames < 900 and n_gold < 75:
        lease = ada.lease()
        assert lease is not None
        turns.append(ada.is_gold(lease))
        n_gold += turns[-1] * len(lease.frames)
        n_frames += len(lease.frames)
        for frame in lease.frames:
            ada.answer(frame.frame_id)
    assert 0.7 / every < n_gold / n_frames < 1.35 / every
    gaps = np.diff(np.flatnonzero(turns))
    assert len(set(gaps.tolist())) > 2  # no turn that could be counted down


def test_somebody_who_worked_before_there_was_gold_is_not_flooded_with_it(
    project, people, bring_gold, clock
) -> None:
    for n in range(2 * RECENT_LEASES):
        project.add_clip(4, video_id="v0", start_s=4 * n)
    ada = people()
    for _ in range(RECENT_LEASES):
        for frame in ada.lease().frames:
            ada.answer(frame.frame_id)
    clock.advance(10)
    for n in range(8):
        bring_gold(f"v1,{n % 4},gold {n},0.5,0.5,", seed=n)
    clock.advance(10)
    turns = []
    for _ in range(5):
        lease = ada.lease()
        turns.append(ada.is_gold(lease))
        for frame in lease.frames:
            ada.answer(frame.frame_id)
    assert sum(turns) <= 2


def test_gold_comes_in_the_order_in_which_clips_come(project, people, bring_gold) -> None:
    for video_id in ("a", "m", "z"):
        for start in range(0, 12, 4):
            project.add_clip(4, video_id=video_id, start_s=start)
    bring_gold("v1,0,crack egg,0.5,0.5,")
    ada = people(every=2, seed=5)
    visited = [lease.clip_id for lease in worked_through(ada)]
    wraps = sum(later < earlier for earlier, later in pairwise(visited))
    assert wraps <= 1  # one order for gold and for the rest: an odd jump would give it away


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


def test_tabs_that_ask_at_once_share_one_gold_lease(server, people, gold) -> None:
    ada = people()
    given = ada.gold_lease()
    ada.do(release, lease_id=given.lease_id)
    found: list[int] = []
    barrier = threading.Barrier(4)

    def ask(n: int) -> None:
        tab = Annotator(server, ada.person_id, every=2, seed=n)
        barrier.wait()
        lease = tab.lease()
        found.append(lease.lease_id if lease else 0)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    waiting = select(func.count(Lease.id)).where(Lease.expires_at > server.now())
    with server.database.read() as session:
        assert session.scalar(waiting) == 1


def test_the_known_answer_of_a_withdrawn_frame_still_takes_answers(server, people, gold) -> None:
    ada = people()
    ada.gold_lease()
    server.database.write(
        lambda session: session.execute(update(GoldFrame).values(withdrawn_at=server.now()))
    )
    assert ada.answer(gold[0]).answers_given == 1
