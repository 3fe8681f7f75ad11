from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select, update

from annot_server.answers import Details, give_answer
from annot_server.assignment import next_lease
from annot_server.models import Answer, Snapshot
from annot_server.snapshots import SnapshotReport, export_snapshot, pseudonym
from annot_server.undo import undo_response
from dataset_builder.domain import Segment
from dataset_builder.errors import OutputError
from dataset_builder.geometry import Point
from dataset_builder.snapshot import read_snapshot

CENTRE = Point(0.5, 0.5)


@pytest.fixture
def answer(server, project):
    """Return a function that leases and answers: `answer("Ada", frame_id, point)`."""

    def answer(name: str, frame_id: int, point: Point | None = CENTRE) -> int:
        person_id = project.person(name)

        def work(session) -> int:
            now = server.now()
            rng = np.random.default_rng(0)
            next_lease(session, person_id=person_id, now=now, lease_s=300, lease_frames=20, rng=rng)
            return give_answer(
                session,
                person_id=person_id,
                frame_id=frame_id,
                point=point,
                key=f"{frame_id} at {now}",
                now=now,
                details=Details(ms_taken=900),
            ).answer_id

        return server.database.write(work)

    return answer


@pytest.fixture
def export(server, tmp_path):
    def export(snapshot_id: str = "s1", *, force: bool = False) -> SnapshotReport:
        return export_snapshot(
            server.database,
            tmp_path / snapshot_id,
            snapshot_id=snapshot_id,
            key=b"k" * 32,
            now=server.now(),
            undo_window_s=60,
            force=force,
        )

    return export


def test_a_snapshot_holds_subjects_frames_and_answers(
    project, answer, export, clock, tmp_path
) -> None:
    frames = project.add_clip(2, start_s=3, size=(640, 480), redundancy=2)
    answer("Ada", frames[0], Point(0.1234567891, 1))
    answer("Ada", frames[1], None)
    answer("Bo", frames[0])
    clock.advance(61)
    report = export()
    snapshot = read_snapshot(tmp_path / "s1")
    assert (report.frames, report.answers, report.too_young) == (2, 3, 0)
    assert report.digest == snapshot.digest
    assert [video.video_id for video in snapshot.videos] == ["v1"]
    assert snapshot.actions[0].description == "crack egg"
    assert snapshot.clips[0].segment == Segment(3, 5)
    first = snapshot.frames[0]
    assert (first.second, first.redundancy, first.width, first.height) == (3, 2, 640, 480)
    ada, bo = (pseudonym(b"k" * 32, "s1", project.person(name)) for name in ("Ada", "Bo"))
    found = {(a.second, a.annotator_id): a for a in snapshot.answers}
    assert set(found) == {(3, ada), (4, ada), (3, bo)}
    assert found[3, ada].point == Point(0.123457, 1)
    assert found[4, ada].point is None
    assert (found[3, bo].ms_taken, found[3, bo].prelabel_shown) == (900, False)


def test_a_snapshots_digest_is_remembered(server, project, export) -> None:
    project.add_clip(1)
    report = export("s1")
    with server.database.read() as session:
        row = session.scalars(select(Snapshot)).one()
        assert (row.snapshot_id, row.digest, row.answers) == ("s1", report.digest, 0)


def test_no_name_is_in_any_byte_of_it(project, answer, export, clock, tmp_path) -> None:
    [frame] = project.add_clip(1)
    answer("Ada Lovelace", frame)
    clock.advance(61)
    export()
    for path in (tmp_path / "s1").rglob("*"):
        assert path.is_dir() or b"Lovelace" not in path.read_bytes()


def test_answers_that_can_still_be_undone_are_left_out_and_counted(
    project, answer, export, clock
) -> None:
    [frame] = project.add_clip(1)
    answer("Ada", frame)
    clock.advance(59.9)
    answer("Bo", frame)
    assert (export("s1").answers, export("s2").too_young) == (0, 2)
    clock.advance(0.1)
    report = export("s3")
    assert (report.answers, report.too_young) == (1, 1)


def test_only_active_answers_count(project, answer, export, clock, tmp_path) -> None:
    [frame] = project.add_clip(1)
    database, person_id = project.server.database, project.person("Ada")
    answer("Ada", frame, Point(0.1, 0.1))
    database.write(
        lambda session: undo_response(
            session,
            person_id=person_id,
            frame_id=frame,
            now=clock.now,
            undo_window_s=60,
            lease_s=300,
        )
    )
    clock.advance(1)
    answer("Ada", frame, Point(0.9, 0.9))
    set_aside = answer("Bo", frame)
    database.write(
        lambda session: session.execute(
            update(Answer).where(Answer.id == set_aside).values(set_aside_at=clock.now)
        )
    )
    clock.advance(61)
    export()
    assert [a.point for a in read_snapshot(tmp_path / "s1").answers] == [Point(0.9, 0.9)]


def test_pseudonyms_differ_between_snapshots_people_and_servers() -> None:
    names = {
        pseudonym(key, snapshot_id, person_id)
        for key in (b"a", b"b")
        for snapshot_id in ("s1", "s2")
        for person_id in (1, 2)
    }
    assert len(names) == 8


def test_a_folder_that_is_there_is_kept(project, export, tmp_path) -> None:
    project.add_clip(1)
    export()
    before = sorted(tmp_path.joinpath("s1").rglob("*"))
    with pytest.raises(OutputError, match="exists already"):
        export()
    assert sorted(tmp_path.joinpath("s1").rglob("*")) == before


def test_two_snapshots_cannot_be_joined_by_their_pseudonyms(
    project, answer, export, clock, tmp_path
) -> None:
    [frame] = project.add_clip(1)
    answer("Ada", frame)
    clock.advance(61)
    export("s1")
    export("s2")
    [first], [second] = (read_snapshot(tmp_path / name).answers for name in ("s1", "s2"))
    assert first.annotator_id != second.annotator_id
