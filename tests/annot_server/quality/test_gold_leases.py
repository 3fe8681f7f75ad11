"""When gold is handed out, to whom, and how often."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest
from sqlalchemy import func, select, update

from annot_server.leases import release, renew
from annot_server.models import GoldAnswer, GoldFrame, Lease, Video
from annot_server.quality.gold import RECENT_LEASES
from dataset_builder.tables import sha256_file
from tests.annot_server.quality.at_work import Annotator, stored, worked_through


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


def test_gold_is_shown_to_many_people(server, people, gold) -> None:
    for name in ("Ada", "Bo", "Cy", "Di", "Ed", "Fay", "Guy"):
        person = people(name)
        person.gold_lease()
        for frame_id in gold:
            person.answer(frame_id)
    assert stored(server, func.count(GoldAnswer.id)) == [(21,)]


def test_what_somebody_else_is_given_later_takes_nothing_from_a_gold_lease(people, gold) -> None:
    ada, bo = people(), people("Bo")
    lease = ada.gold_lease()
    assert [frame.frame_id for frame in bo.gold_lease().frames] == gold
    again = ada.lease()
    assert again is not None
    assert (again.lease_id, again.frames) == (lease.lease_id, lease.frames)


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
