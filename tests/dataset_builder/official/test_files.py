from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from dataset_builder.official.dialects import DIALECTS, dialect_of
from dataset_builder.official.files import (
    read_file,
    read_folder,
    read_raw_tables,
    write_files,
    write_raw_tables,
)
from dataset_builder.official.layouts import FILES, rows_of, value_of

PLAIN = json.dumps({"v": {"7": [1, 2, 3, 4]}})

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.integers(-999, 999) | st.floats(allow_nan=False) | texts
values = st.dictionaries(
    texts, st.lists(scalars | st.dictionaries(texts, scalars, max_size=3), max_size=4), max_size=4
)


@given(values, st.sampled_from(sorted(DIALECTS)))
def test_every_dialect_keeps_the_value_and_gives_its_bytes_again(value, name):
    text = DIALECTS[name](value)
    assert json.loads(text) == value
    assert DIALECTS[dialect_of(value, text.encode())](value) == text


def entry(**fields):
    """Return a strategy of objects with these fields in this order."""
    return st.tuples(*fields.values()).map(lambda found: dict(zip(fields, found, strict=True)))


whole, real = st.integers(-9, 9_999), st.floats(-9, 9_999)
maybe = st.none() | real
seconds = st.integers(0, 999).map(str)
corners = st.lists(whole, min_size=4, max_size=4)
of_video = {
    "boxes_by_second": st.dictionaries(seconds, corners, max_size=3),
    "boxes_and_steps": st.dictionaries(seconds, entry(box=corners, step=texts), max_size=3),
    "boxes_listed": st.lists(entry(second=whole, box=corners, step_name=texts), max_size=3),
    "segments": st.lists(
        entry(segment=st.lists(whole, min_size=2, max_size=2), id=whole, sentence=texts),
        max_size=3,
    ),
    "steps": st.lists(texts, max_size=3),
    "sizes": st.lists(whole, min_size=2, max_size=2),
    "ratios": st.lists(real, min_size=2, max_size=2),
}
whole_file = {
    layout: st.lists(
        entry(image_url=texts, **{x: maybe, y: maybe}, mean_dist=maybe),
        max_size=3,
    )
    for layout, x, y in (("means", "x", "y"), ("native_means", "mean_x", "mean_y"))
} | {layout: st.dictionaries(texts, mine, max_size=3) for layout, mine in of_video.items()}
files = st.sampled_from(sorted(FILES)).flatmap(
    lambda name: st.tuples(st.just(name), whole_file[FILES[name]])
)


@given(files, st.sampled_from(sorted(DIALECTS)))
def test_any_file_of_its_layout_is_kept_byte_for_byte(found, dialect):
    name, value = found
    data = DIALECTS[dialect](value).encode()
    videos, rows = rows_of(name, value)
    again = value_of(name, videos, rows)
    assert DIALECTS[dialect_of(again, data)](again).encode() == data


@given(st.sampled_from(sorted(FILES)), values | st.lists(scalars, max_size=3))
def test_any_other_value_is_kept_whole_or_refused(name, value):
    try:
        videos, rows = rows_of(name, value)
    except InputError:
        return
    assert value_of(name, videos, rows) == value


def test_all_published_files_come_back_byte_for_byte_from_their_tables(publish, tmp_path):
    compare(publish(), tmp_path)


def test_the_official_files_come_back_byte_for_byte(official_folder, official_files, tmp_path):
    compare(official_folder, tmp_path, official_files)


def compare(folder, tmp_path, files=None):
    files = files or read_folder(folder)
    assert set(files) == set(FILES)
    write_raw_tables(tmp_path / "tables", files.values())
    read = read_raw_tables(tmp_path / "tables")
    assert read == files
    (tmp_path / "again").mkdir()
    names = write_files(tmp_path / "again", read.values())
    assert len(names) == 14
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_each_dialect_is_found(publish):
    dialects = {name: file.dialect for name, file in read_folder(publish()).items()}
    assert dialects["seg"] == "one_line"
    assert dialects["box_anno"] == "one_line_and_newline"
    assert dialects["id2wh"] == "indented"
    assert dialects["ground_seg_3to20"] == "indented_brackets_below"
    assert dialects["pumpkin_youtube_annotation_full_agg_subset"] == "compact_escaped_slashes"
    assert dialects["pumpkin_youtube_FPS_21k_annotation_full_agg_p"] == "compact"


def test_videos_without_rows_and_impossible_boxes_are_kept(tmp_path):
    path = tmp_path / "id2xy_box.json"
    path.write_text('{"b": {}, "a": {"9": [9, -5, 3, 700], "2": [0, 0, 0, 0]}}')
    file = read_file(path)
    assert file.videos == ("b", "a")
    assert file.rows == (("a", 9, 9, -5, 3, 700, None), ("a", 2, 0, 0, 0, 0, None))
    assert file.to_bytes() == path.read_bytes()


def test_what_is_there_is_read_and_other_files_are_passed_over(tmp_path):
    (tmp_path / "id2xy_box.json").write_text(PLAIN)
    (tmp_path / "notes.json").write_text("no JSON")
    assert set(read_folder(tmp_path)) == {"id2xy_box"}


def test_a_folder_without_any_is_refused(tmp_path):
    with pytest.raises(InputError, match="has none of the published files, such as Gounding"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("other", "{}", "is none of the published files, which are GoundingYouTubeBox"),
        ("id2xy_box", "{", r"id2xy_box\.json: cannot be read as JSON"),
        ("id2xy_box", '{"v": {"7": [1,2, 3, 4]}}', "differs at byte 16, b'2, 3, 4"),
        ("id2xy_box", '{"v": {"7": [1, 2, 3, 4], "7": [1, 2, 3, 4]}}', "differs at byte 25"),
        ("id2xy_box", '{"v": {"07": [1, 2, 3, 4]}}', "'v': a second must be a whole number"),
        ("id2xy_box", '{"v": {"%s": [1, 2, 3, 4]}}' % ("9" * 5000), "must be a whole number"),
        ("id2xy_box", '{"v": {"7": [1, 2, 3]}}', "entry 7: must be a list of 4, got"),
        ("id2xy_box", '{"v": {"7": [1, 2, 3, 4.5]}}', "entry 7: must be a whole number, got 4.5"),
        ("id2xy_box", '{"v": {"7": [1, 2, 3, 4294967296]}}', "must be a whole number"),
        ("id2xy_box", '{"v": {"7": [1, 2, 3, true]}}', "must be a whole number, got True"),
        ("id2xy_box", '{"v": []}', r"video 'v': must be an object, got \[\]"),
        ("id2xy_box", "[]", r"id2xy_box\.json: must be an object, got \[\]"),
        ("seg", '{"v": [{"id": 0}]}', "entry 0: must have the fields"),
        ("seg", '{"v": [{"segment": [1], "id": 0, "sentence": "a"}]}', "must be a list of 2"),
        ("id2wh_reso", '{"v": [1, 0.5]}', "differs at byte 9"),
        ("id2wh_reso", '{"v": [NaN, 0.5]}', "must be a finite number, got nan"),
        ("pumpkin_youtube_FPS_21k_annotation_full_agg_p", "{}", "must be a list"),
    ],
)
def test_a_file_that_could_not_come_back_is_refused_with_the_place(tmp_path, name, text, message):
    path = tmp_path / f"{name}.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_file(path)


@pytest.mark.parametrize(
    ("name", "value"), [("vid2step", {"v": ["\ud800"]}), ("seg", {"\ud800": []})]
)
def test_half_a_surrogate_pair_is_no_text(name, value):
    with pytest.raises(InputError, match="must be text"):
        rows_of(name, value)


def test_tables_that_give_another_file_are_refused(publish, tmp_path):
    file = read_folder(publish())["id2wh"]
    changed = type(file)(file.name, file.dialect, file.sha256, file.videos[:1], file.rows[:1])
    with pytest.raises(InputError, match=r"id2wh\.json: the tables give another file"):
        write_files(tmp_path, [changed])


def test_tables_that_name_what_there_is_not_are_refused(publish, tmp_path):
    file = read_folder(publish())["id2wh"]
    orphan = type(file)(file.name, file.dialect, file.sha256, file.videos[:1], file.rows)
    write_raw_tables(tmp_path / "a", [orphan])
    with pytest.raises(InputError, match=r"video 'portrait_22' is not in videos\.parquet"):
        read_raw_tables(tmp_path / "a")
    unknown = type(file)(file.name, "curly", file.sha256, file.videos, file.rows)
    write_raw_tables(tmp_path / "b", [unknown])
    with pytest.raises(InputError, match="no file 'id2wh' in dialect 'curly' is known"):
        read_raw_tables(tmp_path / "b")
