from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sqlalchemy import func, select, update

from annot_server.imports import ClipSettings, import_clips
from annot_server.models import AuditEntry, Clip, Frame, GoldFrame, Lease, Slot, Video
from annot_server.prelabels import import_prelabels
from annot_server.quality.gold_clips import draw_segment, segment_showing
from annot_server.quality.gold_import import GoldReport, withdraw_gold
from annot_server.snapshots import export_snapshot
from dataset_builder.domain import clip_id_for, frame_seconds
from dataset_builder.frames import image_path
from dataset_builder.geometry import Point
from dataset_builder.prelabels import Prelabel, write_prelabels
from dataset_builder.snapshot import read_snapshot


@pytest.fixture
def bring(server, videos, tmp_path):
    """Return a function that imports ordinary clips."""

    def bring(*rows: str):
        csv_path = tmp_path / "clips.csv"
        lines = "\n".join(("video_id,start_s,end_s,action", *rows))
        csv_path.write_text(lines + "\n", encoding="utf-8")
        return import_clips(
            server.database,
            server.home,
            server.config,
            csv_path=csv_path,
            videos=videos,
            settings=ClipSettings(),
            now=server.now(),
        )

    return bring


def query(server, statement):
    with server.database.read() as session:
        return session.execute(statement).all()


def test_known_answers_come_with_frames_and_images_and_without_slots(server, bring_gold) -> None:
    report = bring_gold("v1,0,Crack egg,0.25,0.5,In the middle.", "v1,1,crack egg,,,")
    assert report == GoldReport(clips_added=1, frames_added=2)
    frames = query(
        server,
        select(Frame.second, Frame.image_sha256, GoldFrame.x, GoldFrame.y, GoldFrame.note)
        .add_columns(GoldFrame.purpose, GoldFrame.tolerance)
        .join(GoldFrame, GoldFrame.frame_id == Frame.id)
        .order_by(Frame.second),
    )
    assert [(f.second, f.x, f.y, f.note) for f in frames] == [
        (0, 0.25, 0.5, "In the middle."),
        (1, None, None, None),
    ]
    assert {(f.purpose, f.tolerance) for f in frames} == {("hidden", 0.08)}
    assert all(image_path(server.home.frame_store, f.image_sha256).is_file() for f in frames)
    assert query(server, select(func.count(Slot.id))) == [(0,)]
    assert query(server, select(Clip.is_gold, Clip.action_id)) == [(True, "crack-egg")]
    assert query(server, select(AuditEntry.what, AuditEntry.subject)) == [
        ("import_gold", "gold.csv: 2 frames for hidden")
    ]


def test_a_gold_lease_can_play_its_video_as_any_other(server, bring_gold, videos) -> None:
    bring_gold("v1,0,crack egg,0.5,0.5,")
    assert query(server, select(Video.source_path)) == [(str((videos / "v1.mp4").resolve()),)]


def test_consecutive_seconds_of_one_action_form_short_clips(server, bring_gold) -> None:
    rows = [f"v1,{second},crack egg,0.5,0.5," for second in (3, 0, 1, 2)]
    assert bring_gold(*rows, "v1,1,stir soup,0.5,0.5,", "v2,3,stir soup,,,").clips_added == 4
    shown = query(
        server,
        select(Clip.video_id, Clip.action_id, func.min(Frame.second), func.count())
        .join(Frame, Frame.clip_id == Clip.clip_id)
        .group_by(Clip.clip_id),
    )
    assert sorted(map(tuple, shown)) == [
        ("v1", "crack-egg", 0, 3),
        ("v1", "crack-egg", 3, 1),
        ("v1", "stir-soup", 1, 1),
        ("v2", "stir-soup", 3, 1),
    ]


def test_importing_again_adds_nothing(server, bring_gold) -> None:
    rows = ("v1,0,crack egg,0.1,0.2,", "v1,1,crack egg,,,")
    bring_gold(*rows)
    assert bring_gold(*rows, seed=2) == GoldReport(frames_present=2)
    assert bring_gold(*rows, "v1,2,crack egg,0.3,0.3,", seed=3).frames_added == 1
    assert query(server, select(func.count(GoldFrame.frame_id))) == [(3,)]


def test_another_answer_for_a_known_frame_is_refused_until_it_is_withdrawn(
    server, bring_gold
) -> None:
    bring_gold("v1,0,crack egg,0.1,0.2,")
    report = bring_gold("v1,0,crack egg,0.9,0.9,", seed=2)
    assert "withdraw it first with `annot-server withdraw-gold v1 --second 0`" in report.problems[0]
    assert bring_gold("v1,0,crack egg,0.1,0.2,", purpose="qualification").problems
    withdraw = partial(withdraw_gold, video_id="v1", action="Crack egg", second=0, now=server.now())
    assert server.database.write(withdraw) == 1
    assert server.database.write(withdraw) == 0
    assert bring_gold("v1,0,crack egg,0.9,0.9,", seed=2).frames_added == 1
    in_use = select(GoldFrame.x).where(GoldFrame.withdrawn_at.is_(None))
    assert query(server, in_use) == [(0.9,)]


def test_a_withdrawal_means_no_more_than_it_says(server, bring_gold) -> None:
    bring_gold("v1,0,crack egg,,,", "v1,1,crack egg,,,", "v1,0,stir soup,,,", "v2,0,stir soup,,,")

    def withdraw(**which):
        values = {"action": None, "second": None, "now": server.now(), **which}
        return server.database.write(lambda session: withdraw_gold(session, **values))

    assert withdraw(video_id="v1", action="stir soup", second=1) == 0
    assert withdraw(video_id="v1", action="crack egg") == 2
    assert withdraw(video_id="v1") == 1
    assert withdraw(video_id="v2", second=0) == 1


def test_a_bad_row_is_reported_with_its_line_and_the_rest_goes_in(bring_gold, tmp_path) -> None:
    report = bring_gold(
        "v1,0,crack egg,0.5,0.5,",
        "v1,one,crack egg,0.5,0.5,",
        "v1,1,crack egg,0.5,,",
        "v1,1,crack egg,1.5,0.5,",
        "v1,1,crack egg,here,0.5,",
        "v1,0,Crack Egg,0.1,0.1,",
        f"v1,2,crack egg,0.5,0.5,{'x' * 401}",
        "v1,9,crack egg,0.5,0.5,",
        "v3,0,crack egg,0.5,0.5,",
        ",0,crack egg,0.5,0.5,",
        f"v1,3,{'long ' * 81},0.5,0.5,",
    )
    assert report.frames_added == 1
    path = tmp_path / "gold.csv"
    beginnings = [
        (3, "second must be a whole number of seconds, got 'one'"),
        (4, 'one of x and y is empty; give both, or neither for "not visible"'),
        (5, "point must satisfy 0 <= x <= 1"),
        (6, "x and y must be numbers, got 'here' and '0.5'"),
        (7, "the same frame as line 2; delete one"),
        (8, "note has 401 characters, 400 fit"),
        (9, "there is no second 9: v1.mp4 ends at 4.00 s"),
        (10, "video 'v3' is not in"),
        (11, "video_id is empty; fill it in"),
        (12, "the action has 404 characters, 400 fit"),
    ]
    for line, beginning in beginnings:
        assert any(p.startswith(f"{path}:{line}: {beginning}") for p in report.problems), line
    assert len(report.problems) == len(beginnings)


def test_an_id_says_nothing_about_being_gold(server, bring, bring_gold) -> None:
    bring("v1,0,4,crack egg")
    bring_gold("v1,2,crack egg,0.5,0.5,")
    bring("v2,0,4,crack egg")
    of_kind = {
        is_gold: [frame_id for (frame_id,) in query(server, wanted)]
        for is_gold in (False, True)
        for wanted in [select(Frame.id).join(Clip).where(Clip.is_gold.is_(is_gold))]
    }
    assert all(2**20 <= frame_id < 2**31 for ids in of_kind.values() for frame_id in ids)
    # Ids that were counted up, or sorted as they were drawn, would come in order of import.
    assert of_kind[False] != sorted(of_kind[False]) or of_kind[True][0] < max(of_kind[False])
    in_time_order = query(server, select(Frame.id).order_by(Frame.clip_id, Frame.second))
    assert in_time_order != sorted(in_time_order)


def test_gold_clips_begin_and_end_within_a_second_where_others_do(
    server, bring, bring_gold
) -> None:
    bring("v1,0.5,2.25,crack egg", "v2,1.5,3.25,crack egg")
    bring_gold("v1,2,stir soup,0.5,0.5,", "v2,1,stir soup,0.5,0.5,")
    golden = select(Clip.start_s, Clip.end_s).where(Clip.is_gold).order_by(Clip.video_id)
    assert query(server, golden) == [(1.5, 2.25), (0.5, 1.25)]


@pytest.mark.parametrize("parts", [(0, 0), (1, 999), (999, 1), (500, 0), (0, 500)])
@pytest.mark.parametrize("first", [0, 1, 7])
def test_a_gold_segment_shows_exactly_its_seconds(first, parts) -> None:
    assert frame_seconds(segment_showing(first, first + 2, parts)) == (
        [first, first + 1, first + 2],
        False,
    )


def test_a_gold_clip_over_an_ordinary_one_gets_another_id(server, bring, bring_gold) -> None:
    bring("v1,0,2,crack egg")
    bring_gold("v1,0,crack egg,0.5,0.5,", "v1,1,crack egg,0.5,0.5,")
    ids = query(server, select(Clip.clip_id, Clip.start_s, Clip.end_s).order_by(Clip.is_gold))
    assert ids[0].clip_id == "v1_0-2000_crack-egg"
    assert ids[1].clip_id != ids[0].clip_id
    start_ms, end_ms = round(ids[1].start_s * 1000), round(ids[1].end_s * 1000)
    assert ids[1].clip_id == f"v1_{start_ms}-{end_ms}_crack-egg"


def test_an_ordinary_clip_takes_its_id_from_a_gold_clip_that_had_it(
    server, project, bring, bring_gold
) -> None:
    bring_gold("v1,0,crack egg,0.5,0.5,", "v1,1,crack egg,0.5,0.5,")
    assert query(server, select(Clip.clip_id)) == [("v1_0-2000_crack-egg",)]
    lease = Lease(
        person_id=project.person("Ada"),
        clip_id="v1_0-2000_crack-egg",
        created_at=server.now(),
        expires_at=server.now(),
    )
    server.database.write(lambda session: session.add(lease))
    report = bring("v1,0,2,crack egg")
    assert (report.clips_added, report.frames_added) == (1, 2)
    clips = query(server, select(Clip.clip_id, Clip.is_gold).order_by(Clip.is_gold))
    assert clips[0] == ("v1_0-2000_crack-egg", False)
    assert (clips[1].clip_id, clips[1].is_gold) != clips[0]
    assert query(server, select(Lease.clip_id)) == [(clips[1].clip_id,)]
    assert query(server, select(func.count(Frame.id)).group_by(Frame.clip_id)) == [(2,), (2,)]
    assert query(server, select(func.count(Slot.id))) == [(10,)]


def test_where_all_like_other_clips_are_taken_any_part_of_a_second_will_do(server, project) -> None:
    project.add_clip(2)

    def draw(session):
        return draw_segment(
            session,
            video_id="v1",
            action_id="crack-egg",
            first=0,
            last=1,
            rng=np.random.default_rng(0),
        )

    clip_id, segment = server.database.write(draw)
    assert clip_id == clip_id_for("v1", segment, "crack-egg") != "v1_0-2000_crack-egg"


def test_ids_are_drawn_again_where_they_are_taken(server, project) -> None:
    from annot_server.imports import add_frames

    class Stubborn:
        """Draws ids that are there first, then the same one twice, then others."""

        def __init__(self, taken: list[int]) -> None:
            self.draws = [[taken[0], 5], [5], [6]]

        def integers(self, low: int, high: int, size: int) -> list[int]:
            assert size == len(self.draws[0])
            return self.draws.pop(0)

        def permutation(self, values: list[int]) -> list[int]:
            return values

    taken = project.add_clip(1)
    clip_id = "v1_0-1000_crack-egg"
    frames = [
        Frame(
            clip_id=clip_id,
            second=second,
            timestamp_s=0,
            image_sha256="0" * 64,
            is_middle_frame=False,
            redundancy=1,
            hint_quota=0,
        )
        for second in (7, 8)
    ]
    server.database.write(lambda session: add_frames(session, frames, Stubborn(taken)))
    found = query(server, select(Frame.id).where(Frame.second > 6).order_by(Frame.id))
    assert found == [(5,), (6,)]


def test_a_snapshot_knows_nothing_of_gold(server, project, bring, bring_gold, tmp_path) -> None:
    bring("v1,0,2,crack egg")
    bring_gold("v1,0,stir soup,0.5,0.5,", "v2,1,crack egg,,,")
    report = export_snapshot(
        server.database,
        tmp_path / "snapshot",
        snapshot_id="s1",
        key=b"k" * 32,
        now=server.now(),
        undo_window_s=60,
    )
    snapshot = read_snapshot(tmp_path / "snapshot")
    assert report.frames == 2
    assert [video.video_id for video in snapshot.videos] == ["v1"]
    assert [action.action_id for action in snapshot.actions] == ["crack-egg"]
    assert [clip.clip_id for clip in snapshot.clips] == ["v1_0-2000_crack-egg"]


def test_prelabels_never_reach_gold_frames(server, bring, bring_gold, tmp_path) -> None:
    bring("v1,0,2,crack egg")
    bring_gold("v2,1,crack egg,,,")
    clips = [clip_id for (clip_id,) in query(server, select(Clip.clip_id))]
    path = tmp_path / "prelabels.jsonl"
    suggested = [Prelabel(clip_id, 1, Point(0.5, 0.5), 0.7) for clip_id in clips]
    write_prelabels(path, "model", "0" * 64, suggested)
    report = import_prelabels(server.database, path, now=server.now())
    gold_id = next(clip_id for clip_id in clips if clip_id.startswith("v2"))
    assert (report.imported, report.unknown) == (1, (f"{gold_id}/1",))


def test_a_video_from_another_file_is_refused(server, project, bring_gold) -> None:
    project.add_clip(1)  # a v1 that came from elsewhere
    server.database.write(lambda session: session.execute(update(Video).values(sha256="0" * 64)))
    report = bring_gold("v1,0,crack egg,0.5,0.5,", "v2,0,crack egg,0.5,0.5,")
    assert report.frames_added == 1
    assert "is here already from another file" in report.problems[0]
