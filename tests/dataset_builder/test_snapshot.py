from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder import tables
from dataset_builder.domain import Action, Clip, Segment, Video, frame_seconds
from dataset_builder.errors import InputError, OutputError
from dataset_builder.geometry import Point
from dataset_builder.snapshot import (
    ANSWERS,
    CLIPS,
    FRAMES,
    VIDEOS,
    AnswerRow,
    FrameRow,
    Snapshot,
    read_snapshot,
    write_snapshot,
)

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff")
)
VIDEO_IDS = st.from_regex(r"[a-zA-Z0-9_-][a-zA-Z0-9_.+-]{0,9}", fullmatch=True)
SCHEMAS = {"videos": VIDEOS, "clips": CLIPS, "frames": FRAMES, "answers": ANSWERS}


def change_rows(folder, table, change):
    path = folder / f"data/{table}.parquet"
    rows = pq.read_table(path).to_pylist()
    change(rows)
    tables.write_rows(path, SCHEMAS[table], rows)
    tables.write_sums(folder)


def test_a_snapshot_reads_back_as_it_was_written(make_snapshot, write_snapshot_folder, tmp_path):
    snapshot = make_snapshot()
    found = read_snapshot(write_snapshot_folder(snapshot, tmp_path / "snapshot"))
    rounded = tuple(replace(a, point=a.point and a.point.rounded()) for a in snapshot.answers)
    assert (found.videos, found.frames, found.answers) == (
        snapshot.videos,
        snapshot.frames,
        rounded,
    )
    assert set(found.clips) == set(snapshot.clips)
    assert set(found.actions) == set(snapshot.actions)


@st.composite
def any_snapshot(draw):
    """Draw one clip whose ids are any text, some of its frames, and any answers to them."""
    video = Video(draw(VIDEO_IDS), 640, 480, draw(st.floats(1, 1e6)), "00" * 32)
    action = Action(draw(TEXT), draw(TEXT))
    start_s = draw(st.floats(0, 1e5))
    segment = Segment(start_s, start_s + draw(st.floats(0.1, 50)))
    clip = Clip(draw(TEXT), video.video_id, action.action_id, segment)
    seconds = sorted(draw(st.sets(st.sampled_from(frame_seconds(segment)[0]), max_size=4)))
    frames = tuple(
        FrameRow(clip.clip_id, second, draw(st.floats(0, 1e6)), "ff" * 32, 640, 480, 5)
        for second in seconds
    )
    unit = st.integers(0, 10**6).map(lambda n: n / 1e6)
    answers = tuple(
        AnswerRow(
            clip.clip_id,
            second,
            annotator_id,
            draw(st.none() | st.builds(Point, unit, unit)),
            draw(st.none() | st.integers(0, 10**6)),
            draw(st.booleans()),
        )
        for second in seconds
        for annotator_id in sorted(draw(st.sets(st.text(), max_size=3)))
    )
    return Snapshot(draw(st.text()), "", (video,), (action,), (clip,), frames, answers)


@given(any_snapshot())
@settings(max_examples=40)
def test_any_snapshot_reads_back_whole(write_snapshot_folder, tmp_path_factory, snapshot):
    folder = write_snapshot_folder(snapshot, tmp_path_factory.mktemp("any") / "snapshot")
    digest = tables.read_sums_digest(folder)
    assert read_snapshot(folder) == replace(snapshot, digest=digest)


def test_clicks_are_rounded_to_a_millionth_when_written(
    make_snapshot, write_snapshot_folder, tmp_path
):
    snapshot = make_snapshot()
    answer = replace(snapshot.answers[0], point=Point(0.12345678, 1 / 3))
    folder = write_snapshot_folder(replace(snapshot, answers=(answer,)), tmp_path / "snapshot")
    assert read_snapshot(folder).answers[0].point == Point(0.123457, 0.333333)


def test_the_order_of_rows_changes_no_byte(make_snapshot, write_snapshot_folder, tmp_path):
    snapshot = make_snapshot()
    names = ("videos", "actions", "clips", "frames", "answers")
    backwards = replace(snapshot, **{name: getattr(snapshot, name)[::-1] for name in names})
    one = write_snapshot_folder(snapshot, tmp_path / "one")
    two = write_snapshot_folder(backwards, tmp_path / "two")
    assert tables.read_sums_digest(one) == tables.read_sums_digest(two)


def test_an_existing_snapshot_is_never_overwritten_unasked(make_snapshot, snapshot_folder):
    with pytest.raises(OutputError, match="exists already"):
        write_snapshot(
            snapshot_folder,
            snapshot_id="x",
            videos=(),
            actions=(),
            clips=(),
            frames=(),
            answers=(),
        )
    assert read_snapshot(snapshot_folder).snapshot_id == make_snapshot().snapshot_id


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("answers", lambda rows: rows.append(dict(rows[0])), "answer .* stands twice"),
        ("frames", lambda rows: rows.append(dict(rows[0])), "frame .* stands twice"),
        ("clips", lambda rows: rows.append(dict(rows[0])), "clip .* stands twice"),
        ("videos", lambda rows: rows.append(dict(rows[0])), "video .* stands twice"),
        ("frames", lambda rows: rows.pop(0), "answer on unknown frame|belongs to no clip"),
        ("clips", lambda rows: rows.pop(0), "belongs to no clip"),
        ("videos", lambda rows: rows.pop(0), "at least one is not in the tables"),
        ("answers", lambda rows: rows[0].update(kind="maybe"), "expected point or not_visible"),
        ("answers", lambda rows: rows[0].update(kind="point", x=300.0, y=1.0), "were they pixels"),
        ("answers", lambda rows: rows[0].update(kind="point", x=None, y=None), "answer of"),
        ("answers", lambda rows: rows[0].update(annotator_id=None), "1 empty cells"),
        ("clips", lambda rows: rows[0].update(end_s=0.0), "0 <= start_s < end_s"),
    ],
)
def test_a_table_that_cannot_be_is_refused_by_name(snapshot_folder, table, change, message):
    change_rows(snapshot_folder, table, change)
    with pytest.raises(InputError, match=message):
        read_snapshot(snapshot_folder)


@pytest.mark.parametrize("duration_s", [float("nan"), float("inf"), -5.0, 1.1e7])
def test_a_duration_that_no_video_has_is_neither_read_nor_written(
    make_snapshot, write_snapshot_folder, snapshot_folder, tmp_path, duration_s
):
    def change(rows):
        rows[0]["duration_s"] = duration_s

    message = r"duration of video '.*' must lie within 0..10000000 s, got"
    change_rows(snapshot_folder, "videos", change)
    with pytest.raises(InputError, match=message):
        read_snapshot(snapshot_folder)
    snapshot = make_snapshot()
    videos = (replace(snapshot.videos[0], duration_s=duration_s), *snapshot.videos[1:])
    with pytest.raises(InputError, match=message):
        write_snapshot_folder(replace(snapshot, videos=videos), tmp_path / "written")
    assert not (tmp_path / "written").exists()


def test_a_clip_that_ends_beyond_any_video_is_refused(snapshot_folder):
    change_rows(snapshot_folder, "clips", lambda rows: rows[0].update(end_s=1e9))
    with pytest.raises(InputError, match=r"end of clip '.*' must lie within 0..10000000 s, got"):
        read_snapshot(snapshot_folder)


def test_a_column_of_another_type_is_refused(snapshot_folder):
    path = snapshot_folder / "data/frames.parquet"
    table = pq.read_table(path)
    index = table.schema.get_field_index("second")
    pq.write_table(table.set_column(index, "second", table["second"].cast("double")), path)
    tables.write_sums(snapshot_folder)
    with pytest.raises(InputError, match="column 'second' should be int32, found double"):
        read_snapshot(snapshot_folder)


@pytest.mark.parametrize("text", ["[]", '{"format": "other", "format_version": 1}', "no JSON"])
def test_another_manifest_is_refused(snapshot_folder, text):
    (snapshot_folder / "manifest.json").write_text(text)
    tables.write_sums(snapshot_folder)
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_snapshot(snapshot_folder)
