from __future__ import annotations

import pytest
from sqlalchemy import select

from annot_server.models import AuditEntry, Prelabel
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
        return server.database.write(
            lambda session: import_prelabels(session, path, now=server.now())
        )

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
    assert stored(server) == [(frames[0], "tiny", 0.1), (frames[2], "tiny", 0.3)]
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
