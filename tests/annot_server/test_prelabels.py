from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, update

from annot_server import prelabels
from annot_server.models import AuditEntry, Frame, Prelabel
from annot_server.prelabels import PrelabelReport, import_prelabels
from dataset_builder.geometry import Point
from dataset_builder.prelabels import Prelabel as Item
from dataset_builder.prelabels import write_prelabels

CLIP = "v1_0-3000_crack-egg"


@pytest.fixture
def bring(server, tmp_path):
    """Return a function that imports `(clip_id, second, x)` as a model's prelabels."""

    def bring(*items: tuple[str, int, float], model: str = "tiny") -> PrelabelReport:
        path = tmp_path / "prelabels.jsonl"
        rows = [Item(clip_id, second, Point(x, 0.5), 0.75) for clip_id, second, x in items]
        write_prelabels(path, model, "digest", rows)
        return import_prelabels(server.database, path, now=server.now())

    return bring


def stored(server) -> list[tuple[int, str, float]]:
    with server.database.read() as session:
        query = select(Prelabel.frame_id, Prelabel.model, Prelabel.x).order_by(Prelabel.id)
        return [tuple(row) for row in session.execute(query)]


def test_prelabels_are_stored_for_known_frames_and_the_others_counted(
    server, project, bring
) -> None:
    frames = project.add_clip(3)
    report = bring((CLIP, 0, 0.1), (CLIP, 2, 0.3), (CLIP, 7, 0.5), ("other", 0, 0.5))
    assert report == PrelabelReport(2, 0, ("other/0", f"{CLIP}/7"))
    assert set(stored(server)) == {(frames[0], "tiny", 0.1), (frames[2], "tiny", 0.3)}
    with server.database.read() as session:
        assert "2 frames" in session.scalars(select(AuditEntry.subject)).one()


def test_the_same_file_again_changes_nothing(server, project, bring) -> None:
    project.add_clip(3)
    bring((CLIP, 0, 0.1))
    assert bring((CLIP, 0, 0.1)) == PrelabelReport(0, 1, ())
    assert len(stored(server)) == 1


def test_the_same_file_again_fills_in_frames_that_came_since(server, project, bring) -> None:
    project.add_clip(3)
    items = [(CLIP, 0, 0.1), ("v2_0-1000_crack-egg", 0, 0.2)]
    bring(*items)
    project.add_clip(1, video_id="v2")
    assert bring(*items) == PrelabelReport(1, 1, ())


def test_a_new_models_file_is_kept_beside_the_old_one(server, project, bring) -> None:
    [frame, *_] = project.add_clip(3)
    bring((CLIP, 0, 0.1))
    bring((CLIP, 0, 0.9), model="tiny 2")
    assert stored(server) == [(frame, "tiny", 0.1), (frame, "tiny 2", 0.9)]


def test_others_write_while_a_file_is_read(server, project, bring, monkeypatch) -> None:
    project.add_clip(1)
    written = threading.Event()

    def read_while_others_write(path):
        def write() -> None:
            server.database.write(lambda session: session.execute(update(Frame).values(second=0)))
            written.set()

        threading.Thread(target=write, daemon=True).start()
        assert written.wait(10)
        return read(path)

    read = prelabels.read_prelabels
    monkeypatch.setattr(prelabels, "read_prelabels", read_while_others_write)
    assert bring((CLIP.replace("3000", "1000"), 0, 0.1)).imported == 1


def test_a_large_file_comes_in_parts_between_which_others_write(
    server, project, bring, monkeypatch
) -> None:
    project.add_clip(3)
    monkeypatch.setattr(prelabels, "ROWS_A_WRITE", 2)
    seen, write = [], server.database.write

    def write_and_count(work):
        done = write(work)
        seen.append(len(stored(server)))
        return done

    monkeypatch.setattr(server.database, "write", write_and_count)
    bring((CLIP, 0, 0.1), (CLIP, 1, 0.2), (CLIP, 2, 0.3))
    assert seen == [2, 3, 3]


def test_an_import_that_was_cut_off_is_completed_by_the_same_file(
    server, project, bring, monkeypatch
) -> None:
    project.add_clip(3)
    monkeypatch.setattr(prelabels, "ROWS_A_WRITE", 2)
    items = [(CLIP, second, 0.1) for second in range(3)]
    with monkeypatch.context() as cut:
        store = prelabels._store

        def store_first_part(session, *, digest, rows):
            if len(rows) < 2:
                raise KeyboardInterrupt
            return store(session, digest=digest, rows=rows)

        cut.setattr(prelabels, "_store", store_first_part)
        with pytest.raises(KeyboardInterrupt):
            bring(*items)
    assert bring(*items) == PrelabelReport(1, 2, ())
