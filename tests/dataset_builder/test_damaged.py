"""Files cut off or with a flipped bit: one clear line, and nothing half-written is left behind."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dataset_builder import snapshot as snapshots
from dataset_builder import tables
from dataset_builder.build import build_release, write_built_release
from dataset_builder.changes import read_content
from dataset_builder.cli import main
from dataset_builder.errors import DatasetError
from dataset_builder.release import read_release
from dataset_builder.snapshot import read_snapshot

SNAPSHOT_TABLES = ("videos", "actions", "clips", "frames", "answers")
RELEASE_TABLES = (*SNAPSHOT_TABLES, "annotators", "boxes", "tubes")
PARQUET_END = 8
"""Bytes of a Parquet file after its footer: the footer's length, and a word that marks the end."""


@pytest.fixture(scope="module")
def whole(make_snapshot, write_snapshot_folder, tmp_path_factory) -> Path:
    """Return a folder with a snapshot, the release of it, and one that names that as its parent."""
    folder = tmp_path_factory.mktemp("whole")
    snapshot = write_snapshot_folder(make_snapshot(), folder / "snapshot")
    release = build_release(read_snapshot(snapshot), name="demo", version="1.0.0", licence="MIT")
    write_built_release(folder / "release", release)
    later = build_release(read_snapshot(snapshot), name="demo", version="1.0.1", licence="CC0-1.0")
    write_built_release(folder / "later", later, parent=read_content(folder / "release"))
    return folder


@pytest.fixture
def work(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "work"))


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def is_one_line(result) -> bool:
    return (result.exit_code, result.stderr.count("\n")) == (1, 1) and "Error: " in result.stderr


def cuts(data: bytes) -> Iterator[bytes]:
    """Yield a file cut at several places: in its head, middle, footer, before its last byte."""
    end = len(data) - 1 - data.endswith(b"}\n")  # JSON is whole without its newline
    for n in sorted({0, 1, 4, len(data) // 2, end - PARQUET_END, end}):
        yield data[:n]


def ways(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the files to cut, each with the sums as they were and with sums that hide it."""
    hidden = [("written anew", name) for name in ("manifest.json", *names)]
    return [*hidden, ("as they were", "SHA256SUMS"), *(("as they were", n) for _, n in hidden)]


def flips(data: bytes) -> Iterator[bytes]:
    """Yield a Parquet file with one bit flipped, at places all over its footer and end."""
    footer = int.from_bytes(data[-PARQUET_END:-4], "little")
    start = len(data) - PARQUET_END - footer
    for place in (*range(start, len(data), max(1, footer // 24)), len(data) - 1):
        yield data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def commands_on_a_release(work: Path) -> Iterator[tuple[object, ...]]:
    release, snapshot, out = work / "release", work / "snapshot", work / "out"
    yield "export", release, out, "--format", "coco"
    yield "diff", release, work / "later"
    yield "build", snapshot, out, "--name", "demo", "--version", "9.0.0", "--parent", release


@pytest.mark.parametrize(("sums", "name"), ways(SNAPSHOT_TABLES))
def test_a_cut_snapshot_builds_nothing(work, name, sums):
    folder = work / "snapshot"
    path = folder / (f"data/{name}.parquet" if name in SNAPSHOT_TABLES else name)
    whole_file, before = path.read_bytes(), files_below(work)
    for cut in cuts(whole_file):
        path.write_bytes(cut)
        if sums == "written anew":
            tables.write_sums(folder)
        result = run("build", folder, work / "out", "--name", "demo", "--version", "1.0.0")
        assert is_one_line(result), (len(cut), result.stderr, result.exception)
        assert files_below(work).keys() == before.keys()


@pytest.mark.parametrize(("sums", "name"), ways(RELEASE_TABLES))
def test_a_cut_release_is_named_by_verify_and_used_by_nobody(work, name, sums):
    folder = work / "release"
    path = folder / (f"data/{name}.parquet" if name in RELEASE_TABLES else name)
    whole_file, before = path.read_bytes(), files_below(work)
    for cut in cuts(whole_file):
        path.write_bytes(cut)
        if sums == "written anew":
            tables.write_sums(folder)
        verified = run("verify", folder)
        assert verified.exit_code == 1
        assert path.name in verified.stdout
        with pytest.raises(DatasetError):
            read_release(folder)
        for command in commands_on_a_release(work):
            result = run(*command)
            assert is_one_line(result), (command, len(cut), result.stderr, result.exception)
        assert files_below(work).keys() == before.keys()


READERS: dict[str, Callable[[Path], Any]] = {"snapshot": read_snapshot, "release": read_release}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", SNAPSHOT_TABLES)
def test_a_flipped_bit_of_a_footer_is_refused_or_changes_nothing(work, kind, name):
    folder = work / kind
    path = folder / f"data/{name}.parquet"
    whole_file, messages = path.read_bytes(), []
    content = tables.content_of(path)
    for flipped in flips(whole_file):
        path.write_bytes(flipped)
        tables.write_sums(folder)
        try:
            READERS[kind](folder)
        except DatasetError as error:
            messages.append(str(error))
        else:
            assert tables.content_of(path) == content
    assert messages
    assert [message for message in messages if "\n" in message or path.name not in message] == []


def test_a_list_of_digests_in_another_order_is_refused(work):
    path = work / "snapshot/SHA256SUMS"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    result = run("build", work / "snapshot", work / "out", "--name", "a", "--version", "1.0.0")
    assert is_one_line(result)
    assert "SHA256SUMS: is not as it was written; was it cut or edited?" in result.stderr


@pytest.mark.parametrize(
    "name", ["README.md", "croissant.json", "compat/grounding-youtube/seg.json"]
)
def test_a_flipped_bit_is_named_though_the_sums_are_written_anew(work, name):
    path = work / "release" / name
    data = path.read_bytes()
    path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    assert f"file_differs {name}" in run("verify", work / "release").stdout
    tables.write_sums(work / "release")
    verified = run("verify", work / "release")
    assert verified.exit_code == 1
    assert f"_differs {name}: " in verified.stdout


def test_a_snapshot_without_the_rows_that_it_counts_is_refused(work):
    path = work / "snapshot/data/answers.parquet"
    rows = tables.read_rows(path, snapshots.ANSWERS, snapshots.ANSWERS_OPTIONAL)
    told = f"counts {len(rows)} answers, the tables hold {len(rows) - 1}"
    tables.write_rows(path, snapshots.ANSWERS, rows[1:])
    tables.write_sums(work / "snapshot")
    result = run("build", work / "snapshot", work / "out", "--name", "a", "--version", "1.0.0")
    assert is_one_line(result)
    assert told in result.stderr


SHA256 = "ab" * 32
NAN = float("nan")


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    ("table", "changes", "told"),
    [
        ("videos", {"video_id": "../../evil"}, "video_id '../../evil' must be 1-128 letters"),
        ("videos", {"video_id": "a\x01b"}, "video_id 'a\\x01b' must be 1-128 letters"),
        ("videos", {"sha256": "../x"}, "must be 64 digits 0-9 a-f"),
        ("videos", {"sha256": SHA256.upper()}, "must be 64 digits 0-9 a-f"),
        ("videos", {"width": 0}, "width and height must be 1 or more pixels, got 0 and"),
        ("videos", {"height": -1}, "must be 1 or more pixels"),
        ("videos", {"duration_s": NAN}, "must lie within 0..10000000 s, got nan"),
        ("actions", {"description": "crack\x01egg"}, "holds the control character '\\x01'"),
        ("actions", {"description": "crack\negg"}, "holds the control character '\\n'"),
        ("actions", {"description": "crack\uffffegg"}, "holds the control character '\\uffff'"),
        ("actions", {"action_id": "\x1f"}, "action_id '\\x1f' holds the control character"),
        ("clips", {"clip_id": "a\x00"}, "clip_id 'a\\x00' holds the control character"),
        ("clips", {"split": "te\nst"}, "holds the control character '\\n'"),
        ("clips", {"start_s": -1.0}, "segment must satisfy 0 <= start_s < end_s"),
        ("frames", {"image_sha256": "../../../../etc/x"}, "must be 64 digits 0-9 a-f"),
        ("frames", {"width": 0}, "width and height must be 1 or more pixels"),
        ("frames", {"width": 0, "height": 0}, "width and height must be 1 or more pixels"),
        ("frames", {"height": -5}, "width and height must be 1 or more pixels"),
        ("frames", {"timestamp_s": NAN}, "must lie within 0..10000000 s, got nan"),
        ("frames", {"timestamp_s": -0.5}, "must lie within 0..10000000 s, got -0.5"),
        ("frames", {"redundancy": -1}, "redundancy of frame"),
        ("frames", {"redundancy": 4}, "5 answers where redundancy asks for 4"),
        ("frames", {"second": 9999}, "the clip shows the seconds"),
        ("frames", {"second": -3}, "the clip shows the seconds"),
    ],
)
def test_a_row_that_cannot_be_is_refused_by_table_and_key(work, kind, table, changes, told):
    message = refused_where_read(work, kind, table, changes)
    assert told in message
    assert f"{table}.parquet: " in message


@pytest.mark.parametrize("kind", READERS)
def test_not_visible_at_a_place_is_refused(work, kind):
    changes = {"kind": "not_visible", "x": 0.5, "y": None}
    message = refused_where_read(work, kind, "answers", changes)
    assert "is not_visible, yet has x=0.5 y=None; leave both empty, or say point" in message


def test_a_snapshot_asks_for_an_answer_to_each_frame(work):
    message = refused_where_read(work, "snapshot", "frames", {"redundancy": 0})
    assert "redundancy of frame" in message
    assert "must be 1 or more, got 0" in message


def test_a_manifest_names_its_release_in_one_line(work):
    path = work / "release/manifest.json"
    path.write_text(path.read_text().replace('"name": "demo"', '"name": "de\\u0001mo"'))
    tables.write_sums(work / "release")
    with pytest.raises(
        DatasetError, match=r"manifest\.json: 'name' .* holds the control character"
    ):
        read_release(work / "release")


@pytest.mark.parametrize("kind", READERS)
def test_ids_that_begin_with_a_dash_and_unknown_digests_are_read(work, kind):
    for table in ("videos", "clips"):
        path = work / kind / f"data/{table}.parquet"
        with path.open("rb") as handle:
            found = pq.read_table(handle)
        renamed = [row | {"video_id": f"-{row['video_id']}.0+"} for row in found.to_pylist()]
        tables.write_rows(path, found.schema, renamed)
    change_rows(work / kind, "videos", {"sha256": ""})
    change_rows(work / kind, "frames", {"image_sha256": ""})
    assert next(v.video_id for v in READERS[kind](work / kind).videos) == "-video0.0+"


def refused_where_read(work: Path, kind: str, table: str, changes: dict[str, object]) -> str:
    """Change a row, see that a command refuses the folder in a line, and return that."""
    change_rows(work / kind, table, changes)
    before, out = files_below(work), work / "out"
    if kind == "snapshot":
        result = run("build", work / kind, out, "--name", "demo", "--version", "9.0.0")
    else:
        result = run("export", work / kind, out, "--format", "cvat")
    assert is_one_line(result), (result.stderr, result.exception)
    assert files_below(work) == before
    return str(result.stderr)


def change_rows(folder: Path, table: str, changes: dict[str, object]) -> None:
    """Change the first row (of frames, the first with five answers)."""
    path = folder / f"data/{table}.parquet"
    with path.open("rb") as handle:
        found = pq.read_table(handle)
    rows = found.to_pylist()
    chosen = rows[0]
    if table == "frames":
        answers = pq.read_table(folder / "data/answers.parquet").to_pylist()
        given = Counter((row["clip_id"], row["second"]) for row in answers)
        chosen = next(row for row in rows if given[row["clip_id"], row["second"]] == 5)
    chosen.update(changes)
    tables.write_rows(path, found.schema, rows)
    tables.write_sums(folder)
