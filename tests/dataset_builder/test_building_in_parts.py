"""A release is built clip by clip, in the bytes of one that is whole in memory."""

from __future__ import annotations

import gc
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_builder import parquet, tables
from dataset_builder import snapshot as snapshots
from dataset_builder.build import build_folder, build_release, write_built_release
from dataset_builder.changes import read_content
from dataset_builder.errors import InputError
from dataset_builder.fusion import answer_table as answer_tables
from dataset_builder.fusion import consensus
from dataset_builder.geometry import Box
from dataset_builder.packed_boxes import PackedBoxes, SameForAll
from dataset_builder.release import counts_of, funnel, read_release
from dataset_builder.release_tables import Consensus
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import open_snapshot, read_snapshot
from dataset_builder.splits import counts_by_split, parse_shares

SETTINGS = [
    BuildSettings(),
    BuildSettings(mode="robust", tube_gap="filled_linearly"),
    BuildSettings(mode="robust", min_p_visible=1.0, tube_gap="ends_the_tube"),
    BuildSettings(splits="train=1,test=1", benchmark_answers="all"),
]


@pytest.fixture(scope="module")
def folder(make_snapshot, write_snapshot_folder, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("parts") / "snapshot"
    return write_snapshot_folder(make_snapshot(n_clips=24), place)


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_release_in_parts_has_the_bytes_of_a_whole_one(folder, tmp_path, settings, monkeypatch):
    named = {"name": "demo", "version": "1.0.0", "settings": settings}
    whole = build_release(read_snapshot(folder), **named)
    digest = write_built_release(tmp_path / "whole", whole)
    monkeypatch.setattr(answer_tables, "FRAMES_AT_ONCE", 7)
    monkeypatch.setattr(consensus, "BLOCK_FRAMES", 7)
    built = build_folder(tmp_path / "parts", open_snapshot(folder), **named)
    assert built.digest == digest
    assert built.counts == counts_of(read_release(tmp_path / "parts"))
    assert list(built.funnel) == funnel(whole)
    shares = parse_shares(settings.splits)
    assert built.splits == counts_by_split(whole.clips, (f.clip_id for f in whole.frames), shares)


def test_a_release_in_parts_names_its_parent(folder, tmp_path):
    first = {"name": "demo", "version": "1.0.0"}
    build_folder(tmp_path / "first", open_snapshot(folder), **first)
    later = {"version": "2.0.0", "settings": BuildSettings(sigma=0.04), "name": "demo"}
    parent = read_content(tmp_path / "first")
    built = build_folder(tmp_path / "parts", open_snapshot(folder), parent=parent, **later)
    whole = build_release(read_snapshot(folder), **later)
    assert write_built_release(tmp_path / "whole", whole, parent=parent) == built.digest
    with pytest.raises(InputError, match=r"2\.0\.0"):
        build_folder(tmp_path / "x", open_snapshot(folder), parent=read_content(tmp_path / "parts"),
                     **first)  # fmt: skip
    assert not (tmp_path / "x").exists()


def test_no_more_than_a_few_blocks_of_frames_are_in_memory(
    make_snapshot, write_snapshot_folder, tmp_path, monkeypatch
):
    folder = write_snapshot_folder(make_snapshot(n_clips=80), tmp_path / "snapshot")
    alive = []
    real = consensus.map_items

    def n_alive():
        return sum(isinstance(thing, Consensus) for thing in gc.get_objects())

    def counted(*args, **named):
        for pair in real(*args, **named):
            alive.append(n_alive())
            yield pair

    monkeypatch.setattr(consensus, "BLOCK_FRAMES", 16)
    monkeypatch.setattr(consensus, "map_items", counted)
    gc.collect()
    before = n_alive()
    gc.disable()  # as in the command; records that held one another would stay
    try:
        build_folder(tmp_path / "out", open_snapshot(folder), name="demo", version="1.0.0")
    finally:
        gc.enable()
    assert pq.read_metadata(tmp_path / "out/data/frames.parquet").num_rows > 350
    assert len(alive) > 10
    assert max(alive) - before < 100


def rewritten(folder: Path, place: Path, frames, answers) -> Path:
    """Return a copy of a snapshot's folder with these frames and answers, in this order."""
    shutil.copytree(folder, place)
    rows = map(snapshots.frame_row, frames), map(snapshots.answer_row, answers)
    tables.write_rows(place / "data/frames.parquet", snapshots.FRAMES, rows[0])
    tables.write_rows(place / "data/answers.parquet", snapshots.ANSWERS, rows[1])
    tables.write_sums(place)
    return place


def test_a_row_that_stands_twice_in_order_is_refused(folder, tmp_path):
    whole = read_snapshot(folder)
    frames, answers = list(whole.frames), list(whole.answers)
    frame, answer = frames[-1], answers[0]
    with pytest.raises(InputError, match=f"frame {frame.clip_id}/{frame.second} stands twice"):
        open_snapshot(rewritten(folder, tmp_path / "a", [*frames, frame], answers))
    with pytest.raises(InputError, match=f"answer .*/{answer.annotator_id} stands twice"):
        open_snapshot(rewritten(folder, tmp_path / "b", frames, [answer, *answers]))


def test_a_snapshot_in_another_order_gives_the_same_release(folder, tmp_path):
    other, rng = read_snapshot(folder), random.Random(0)
    moved = [rng.sample(rows, len(rows)) for rows in (other.frames, other.answers)]
    shuffled = rewritten(folder, tmp_path / "shuffled", *moved)
    opened = replace(open_snapshot(shuffled), digest=other.digest)
    assert (opened.frames, opened.answers) == (other.frames, other.answers)
    named = {"name": "demo", "version": "1.0.0"}
    found = build_folder(tmp_path / "a", opened, **named)
    assert found.digest == build_folder(tmp_path / "b", open_snapshot(folder), **named).digest


def test_stored_rows_are_read_anew_each_time(folder):
    stored, whole = open_snapshot(folder).frames, read_snapshot(folder).frames
    assert isinstance(stored, tables.StoredRows)
    assert tuple(stored) == tuple(stored) == whole
    assert len(stored) == len(whole)
    assert whole[-1] in stored
    assert replace(whole[-1], second=-1) not in stored
    texts = [list(tables.texts_of(frames, "clip_id")) for frames in (stored, whole)]
    assert texts[0] == texts[1] == [frame.clip_id for frame in whole]


def test_rows_in_several_groups_have_the_bytes_of_whole_groups(folder, tmp_path, monkeypatch):
    table = pq.read_table(folder / "data/answers.parquet")
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 9)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 36)
    for n, n_groups in ((0, 1), (1, 1), (36, 1), (37, 2), (72, 2), (100, 3)):
        part = table[:n]
        tables.write_rows(tmp_path / "parts.parquet", snapshots.ANSWERS, part.to_pylist())
        with pq.ParquetWriter(
            tmp_path / "whole.parquet", snapshots.ANSWERS, compression="zstd"
        ) as whole:
            whole.write_table(part, row_group_size=36)
        found = (tmp_path / "parts.parquet").read_bytes()
        assert found == (tmp_path / "whole.parquet").read_bytes()
        assert pq.read_metadata(tmp_path / "parts.parquet").num_row_groups == n_groups


def test_a_table_that_fails_while_it_is_written_has_no_further_rows(tmp_path):
    path = tmp_path / "t.parquet"
    rows = ({"action_id": str(1 // n), "description": ""} for n in (1, 0))
    with pytest.raises(ZeroDivisionError):
        tables.write_rows(path, snapshots.ACTIONS, rows)
    assert pq.read_metadata(path).num_rows == 0


def test_empty_cells_are_counted_in_the_whole_table(tmp_path, monkeypatch):
    ids = ["a", "b", None, "d", None, None]
    pq.write_table(pa.table({"action_id": ids, "description": ["x"] * 6}), tmp_path / "t.parquet")
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 2)
    with pytest.raises(InputError, match="column 'action_id' has 3 empty cells; it needs all"):
        tables.read_rows(tmp_path / "t.parquet", snapshots.ACTIONS)


def test_packed_boxes_are_those_that_were_added():
    keys = [("b", 1), ("b", 4), ("a", 0)]
    boxes = {key: Box(0.0, 0.0, 0.5, (n + 1) / 8) for n, key in enumerate(keys)}
    packed, beside = PackedBoxes(), PackedBoxes("rule")
    for key, box in boxes.items():
        packed.update({key: box})
        beside.update({(*key, "rule"): box})
    assert (dict(packed), len(packed)) == (boxes, 3)
    assert list(packed) == keys
    assert dict(beside) == {(*key, "rule"): box for key, box in boxes.items()}
    for missing in (("b", 0), ("b", 2), ("b", 5), ("c", 1), ("b", 1, "rule")):
        assert missing not in packed
    assert dict(SameForAll(packed, "x")) == dict.fromkeys(keys, "x")
    with pytest.raises(KeyError):
        SameForAll(packed, "x")["c", 1]
