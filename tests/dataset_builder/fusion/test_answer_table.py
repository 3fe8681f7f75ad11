from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from dataset_builder.fusion import consensus
from dataset_builder.fusion.answer_table import answer_table, clicks_of, diagonals
from dataset_builder.geometry import Point
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow, answers_by_frame


@pytest.fixture(scope="module")
def snapshot(make_snapshot):
    return make_snapshot(n_clips=12, assisted=0.0)


def in_order(frames):
    return sorted(frames, key=lambda frame: (frame.clip_id, frame.second))


def table_of(frames, answers):
    given = answers_by_frame(answers)
    return answer_table((f, given.get((f.clip_id, f.second), ())) for f in frames)


def test_other_names_and_another_order_of_answers_give_the_same_arrays(snapshot):
    frames = in_order(snapshot.frames)
    expected = table_of(frames, snapshot.answers)
    turned = [replace(a, annotator_id=a.annotator_id[::-1]) for a in snapshot.answers]
    for seed in range(5):
        rng = random.Random(seed)
        ids = sorted({a.annotator_id for a in turned})
        new_id = dict(zip(ids, map(str, rng.sample(range(100), len(ids))), strict=True))
        renamed = [replace(a, annotator_id=new_id[a.annotator_id]) for a in turned]
        found = table_of(frames, rng.sample(renamed, len(renamed)))
        for name in ("frames_a", "annotators_a", "is_click_a", "places_a2"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)), name
        assert [new_id[name[::-1]] for name in expected.annotators] == list(found.annotators)


def test_frames_are_put_in_the_order_of_their_keys_before_anything_is_summed(snapshot, monkeypatch):
    seen = []

    def spy(asked):
        seen.append([frame for frame, _ in asked])
        return answer_table(asked)

    monkeypatch.setattr(consensus, "answer_table", spy)
    shuffled = random.Random(0).sample(snapshot.frames, len(snapshot.frames))
    consensus.fuse(shuffled, answers_by_frame(snapshot.answers), BuildSettings())
    assert seen == [in_order(snapshot.frames)]
    assert seen[0] != shuffled


def test_places_are_in_diagonals_of_the_frame_s_own_shape():
    frames = [FrameRow("clip", 0, 0.0, "", 300, 400, 5), FrameRow("clip", 1, 1.0, "", 800, 600, 5)]
    rows = [AnswerRow("clip", s, "a", Point(0.5, 1.0)) for s in (0, 1)]
    table = table_of(frames, [*rows, AnswerRow("clip", 1, "b", None)])
    assert table.places_a2.tolist() == [[0.3, 0.8], [0.4, 0.6], [0.0, 0.0]]
    assert table.is_click_a.tolist() == [True, True, False]
    assert clicks_of(table).places_c2.tolist() == [[0.3, 0.8], [0.4, 0.6]]
    assert diagonals([(300, 400)]).tolist() == [[0.6, 0.8]]


def test_frames_come_by_their_number_of_clicks_with_the_rows_of_each(make_clicks):
    clicks = make_clicks([[(0.1, 0.1)], [], [(0.2, 0.2), (0.3, 0.3)], [(0.4, 0.4)]])
    found = [(frames.tolist(), rows.tolist()) for frames, rows in clicks.by_count()]
    assert found == [([0, 3], [[0], [3]]), ([2], [[1, 2]])]
