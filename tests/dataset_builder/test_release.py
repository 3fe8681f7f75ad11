from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from dataset_builder import tables
from dataset_builder.build import ASSISTED, build_release
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from dataset_builder.release import (
    BOXES,
    FRAMES,
    TUBES,
    counts_of,
    funnel,
    read_release,
    tubes_of,
    write_release,
)
from dataset_builder.snapshot import ANSWERS, VIDEOS, read_snapshot

SCHEMAS = {"videos": VIDEOS, "frames": FRAMES, "answers": ANSWERS, "boxes": BOXES, "tubes": TUBES}
LEFT, RIGHT = Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)


@pytest.fixture
def folder(snapshot_folder, tmp_path):
    release = build_release(read_snapshot(snapshot_folder), name="demo", version="1.0.0")
    write_release(tmp_path / "release", release)
    return tmp_path / "release"


def change_first(folder, table, **values):
    path = folder / f"data/{table}.parquet"
    rows = pq.read_table(path).to_pylist()
    rows[0].update(values)
    tables.write_rows(path, SCHEMAS[table], rows)
    tables.write_sums(folder)


def test_tubes_are_one_a_clip_in_time_order_with_gaps_left_open():
    boxes = {("b", 3): LEFT, ("a", 9): RIGHT, ("a", 2): LEFT, ("a", 3): LEFT}
    tubes = tubes_of(boxes)
    assert [(tube.tube_id, list(tube.boxes)) for tube in tubes] == [("a", [2, 3, 9]), ("b", [3])]
    assert tubes[0].boxes[9] == RIGHT


def test_counts_count_rows_clicks_and_stages(folder):
    release = read_release(folder)
    counts = counts_of(release)
    assert counts["clicks"] == sum(frame.n_clicks for frame in release.frames)
    assert counts["answers"] == sum(frame.n_answers for frame in release.frames)
    assert counts["frames"] > counts["frames_answered"] > counts["frames_clicked"] > 0
    assert counts["frames_clicked"] >= counts["boxes"] > 0


def test_the_funnel_begins_with_the_snapshot_and_falls_stage_by_stage(make_snapshot):
    snapshot = make_snapshot()
    release = build_release(snapshot, name="demo", version="1.0.0")
    stages = dict(funnel(release))
    assert stages["answers in the snapshot"] == len(snapshot.answers)
    assert stages["answers"] == len(snapshot.answers) - stages[f"left out: {ASSISTED}"]
    frames = [count for stage, count in funnel(release) if stage.startswith("frames")]
    assert frames == sorted(frames, reverse=True)
    assert frames[-1] == len(release.boxes) > 0


@pytest.mark.parametrize(
    ("table", "values", "message"),
    [
        ("boxes", {"x1": 0.9, "x2": 0.1}, "box of frame .* x1 < x2"),
        ("boxes", {"x1": 0.0, "x2": 1e-200}, r"boxes\.parquet: box of frame .*: sides of a box"),
        ("boxes", {"x1": None}, "column 'x1' has 1 empty cells"),
        ("frames", {"mean_x": 7.0, "mean_y": 0.5}, "mean of frame .* fractions"),
        ("frames", {"peak_x": 0.5, "peak_y": None}, "peak of frame"),
        ("tubes", {"seconds": [1, 2, 3, 4, 5, 6, 7]}, "tube .*"),
        ("tubes", {"seconds": [2, 1]}, "tube .*: seconds must rise, got"),
        ("tubes", {"seconds": [1], "boxes": [[0.5, 0.5, 0.1, 0.1]]}, "tube .* x1 < x2"),
        ("tubes", {"seconds": [1], "boxes": [[0, 0, 1, 1e-200]]}, "tube .*: sides of a box"),
    ],
)
def test_a_row_that_cannot_be_is_refused_by_name(folder, table, values, message):
    change_first(folder, table, **values)
    with pytest.raises(InputError, match=message):
        read_release(folder)


@pytest.mark.parametrize("duration_s", [float("nan"), float("inf"), -5.0, 1e15])
def test_a_duration_that_no_video_has_is_neither_read_nor_written(folder, tmp_path, duration_s):
    message = r"duration of video '.*' must lie within 0..10000000 s, got"
    release = read_release(folder)
    videos = (replace(release.videos[0], duration_s=duration_s), *release.videos[1:])
    with pytest.raises(InputError, match=message):
        write_release(tmp_path / "written", replace(release, videos=videos))
    change_first(folder, "videos", duration_s=duration_s)
    with pytest.raises(InputError, match=message):
        read_release(folder)


def test_a_box_that_stands_twice_is_refused(folder):
    path = folder / "data/boxes.parquet"
    rows = pq.read_table(path).to_pylist()
    tables.write_rows(path, BOXES, [*rows, rows[-1]])
    tables.write_sums(folder)
    with pytest.raises(InputError, match=r"box .* stands twice"):
        read_release(folder)


def test_a_table_that_is_not_the_one_its_digest_names_is_refused(folder):
    path = folder / "data/boxes.parquet"
    rows = pq.read_table(path).to_pylist()
    tables.write_rows(path, BOXES, [row | {"x1": row["x1"] / 2} for row in rows])
    with pytest.raises(InputError, match=r"data/boxes.parquet: content differs from SHA256SUMS;"):
        read_release(folder)
    (folder / "extra.txt").write_text("more")
    with pytest.raises(InputError, match=r"boxes.parquet: content differs.* \(and 1 more\)"):
        read_release(folder)


@pytest.mark.parametrize(
    ("table", "what"),
    [("frames", "frame"), ("answers", "answer on"), ("boxes", "box of"), ("tubes", "tube")],
)
def test_a_record_of_a_clip_that_is_not_there_is_refused_by_name(folder, table, what):
    change_first(folder, table, clip_id="unknown")
    with pytest.raises(InputError, match=f"{what} .*names clip 'unknown', which is not in"):
        read_release(folder)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (1, r"a release of format version 1; this program reads version 2: build it anew"),
        (3, "expected grounding-release version 2, found grounding-release version 3"),
    ],
)
def test_a_release_of_another_version_is_refused_and_an_older_one_says_what_to_do(
    folder, version, message
):
    path = folder / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"format_version": 2', f'"format_version": {version}'))
    tables.write_sums(folder)
    with pytest.raises(InputError, match=message):
        read_release(folder)


def test_a_frame_has_one_main_box_and_one_box_of_each_rule(folder):
    path = folder / "data/boxes.parquet"
    rows = pq.read_table(path).to_pylist()
    beside = dict(rows[0], rule="another", is_main=False)
    tables.write_rows(path, BOXES, [rows[0], beside, *rows[1:]])
    tables.write_sums(folder)
    release = read_release(folder)
    key = (rows[0]["clip_id"], rows[0]["second"])
    assert release.beside == {(*key, "another"): release.boxes[key]}
    assert release.rules[key] == "union_margin"
    for double in (dict(rows[0], rule="third"), beside):
        tables.write_rows(path, BOXES, [*rows, beside, double])
        tables.write_sums(folder)
        with pytest.raises(InputError, match=r"box .* stands twice"):
            read_release(folder)


def test_a_box_beside_a_clip_that_is_not_there_is_refused_by_name(folder):
    path = folder / "data/boxes.parquet"
    rows = pq.read_table(path).to_pylist()
    stray = dict(rows[0], clip_id="unknown", rule="another", is_main=False)
    tables.write_rows(path, BOXES, [*rows, stray])
    tables.write_sums(folder)
    with pytest.raises(InputError, match="another box of frame unknown/"):
        read_release(folder)


def test_a_manifest_with_half_a_surrogate_pair_is_refused_by_field(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"name": "demo"', '"name": "demo\\ud800"'))
    tables.write_sums(folder)
    with pytest.raises(InputError, match=r"manifest.json: field 'name' holds half a surrogate"):
        read_release(folder)


def test_a_manifest_without_a_field_is_refused_by_name(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"left_out"', '"left_behind"'))
    tables.write_sums(folder)
    with pytest.raises(InputError, match="'left_out' should be dict, got None"):
        read_release(folder)
