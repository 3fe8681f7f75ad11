from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder import tables
from dataset_builder.errors import InputError, OutputError

SCHEMA = pa.schema([("name", pa.string()), ("n", pa.int32())])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_rows_read_back_and_make_the_same_bytes_again(tmp_path: Path) -> None:
    rows = [{"name": "a", "n": 1}, {"name": "b", "n": 2}]
    for name in ("one/t.parquet", "two/t.parquet"):
        tables.write_rows(tmp_path / name, SCHEMA, iter(rows))
    assert tables.read_rows(tmp_path / "one/t.parquet", SCHEMA) == rows
    one, two = (tmp_path / f"{name}/t.parquet" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_only_optional_columns_may_have_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write_rows(path, SCHEMA, [{"name": "a", "n": None}])
    assert tables.read_rows(path, SCHEMA, ("n",)) == [{"name": "a", "n": None}]
    with pytest.raises(InputError, match=r"t\.parquet: column 'n' has 1 empty cells"):
        tables.read_rows(path, SCHEMA)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (pa.schema([("name", pa.string())]), "column 'n' should be int32, found no such column"),
        (pa.schema([("name", pa.string()), ("n", pa.string())]), "should be int32, found string"),
    ],
)
def test_another_table_is_refused_by_column(
    schema: pa.Schema, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    tables.write_rows(path, schema, [])
    with pytest.raises(InputError, match=rf"t\.parquet: .*{message}"):
        tables.read_rows(path, SCHEMA)


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(InputError, match=r"t\.parquet: cannot be read as Parquet"):
        tables.read_rows(path, SCHEMA)
    path.write_text("name,n\n")
    with pytest.raises(InputError, match=r"t\.parquet: cannot be read as Parquet"):
        tables.read_rows(path, SCHEMA)


def test_a_cell_that_is_not_utf_8_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    raw = pa.StringArray.from_buffers(
        1, pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00"), pa.py_buffer(b"\xff")
    )
    pq.write_table(pa.table({"name": raw, "n": pa.array([1], pa.int32())}), path)
    with pytest.raises(InputError, match=r"t\.parquet: a cell is not UTF-8 text \(.*0xff") as error:
        tables.read_rows(path, SCHEMA)
    assert "\n" not in str(error.value)


def test_a_column_whose_name_is_not_utf_8_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    column = pa.array([1], pa.int32())
    named = pa.table({"name": pa.array(["a"]), "n": column, "zzzz": column})
    pq.write_table(named, path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"zzzz", b"z\xffzz"))
    with pytest.raises(InputError, match=r"t\.parquet: cannot be read as Parquet \(.*0xff"):
        tables.read_rows(path, SCHEMA)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"a": {"b": ["x", "\\ud800"]}}', "a.b"),
        ('{"a": [{"\\uDFFF": 1}]}', "name in a"),
        ('{"x\\udc00y": 1}', "name"),
    ],
)
def test_half_a_surrogate_pair_is_refused_by_field(text: str, name: str, tmp_path: Path) -> None:
    """JSON has an escape for it, UTF-8 has not: it could never be written again."""
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"t\.json: field '{name}' holds half a surrogate pair"):
        tables.read_json(path, check_text=True)
    assert tables.read_json(path) == json.loads(text)
    path.write_text("{}\n" + text)
    with pytest.raises(InputError, match=rf"t\.json:2: field '{name}' holds half a surrogate"):
        list(tables.read_json_lines(path))


def test_a_whole_surrogate_pair_is_one_character(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"a": "\\ud83c\\udf73 \\\\ud800"}')
    assert tables.read_json(path, check_text=True) == {"a": "\U0001f373 \\ud800"}


@given(json_values)
def test_json_text_reads_back_whole_and_is_plain_ascii(value: object) -> None:
    for text in (tables.canonical_json(value), tables.compact_json(value)):
        assert json.loads(text) == value
        assert text.isascii()
    assert "\n" not in tables.compact_json(value)


def test_json_does_not_depend_on_the_order_of_keys() -> None:
    assert tables.canonical_json({"a": 1, "b": 2}) == tables.canonical_json({"b": 2, "a": 1})


def test_json_with_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        tables.compact_json({"score": float("nan")})


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=3), max_size=5))
def test_json_lines_read_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "r.jsonl"
    tables.write_json_lines(path, records)
    assert list(tables.read_json_lines(path)) == list(enumerate(records, start=1))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "expected a JSON object, got '\\[1\\]"),
        (b"9" * 5000, "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": }', "is not JSON"),
    ],
)
def test_a_bad_line_is_named_with_its_number(line: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"a": 1}\n\n' + line + b"\n")
    with pytest.raises(InputError, match=rf"r\.jsonl:3: {message}"):
        list(tables.read_json_lines(path))


def test_lines_that_are_no_text_or_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with pytest.raises(InputError, match=r"r\.jsonl: cannot be opened \(No such file"):
        list(tables.read_json_lines(path))
    path.write_bytes(b'{"a": "\xff"}\n')
    with pytest.raises(InputError, match=r"r\.jsonl: is not UTF-8 text"):
        list(tables.read_json_lines(path))


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_json_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m\.json: cannot be read as JSON"):
        tables.read_json(path)


class BreakError(Exception):
    """Something goes wrong in the middle."""


def write_half(path: Path) -> None:
    path.write_text("half")
    raise BreakError


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "new" / "f.txt"
    with tables.replaced_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["new", "new/f.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text("old")
    with pytest.raises(BreakError), tables.replaced_file(path) as temporary:
        write_half(temporary)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["f.txt"]


def test_a_fresh_folder_appears_whole(tmp_path: Path) -> None:
    with tables.fresh_folder(tmp_path / "deep" / "out") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path) == ["deep", "deep/out", "deep/out/a.txt"]


def test_a_fresh_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BreakError), tables.fresh_folder(tmp_path / "out") as folder:
        write_half(folder / "a.txt")
    assert names(tmp_path) == []


def test_an_existing_folder_is_replaced_only_when_forced_and_only_at_the_end(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("old")
    with (
        pytest.raises(OutputError, match=r"out: exists already; .* pass --force"),
        tables.fresh_folder(out),
    ):
        pytest.fail("the block must not run")
    with pytest.raises(BreakError), tables.fresh_folder(out, force=True):
        raise BreakError
    assert (out / "a.txt").read_text() == "old"
    with tables.fresh_folder(out, force=True) as folder:
        (folder / "a.txt").write_text("new")
        (folder / "b.txt").write_text("new")
    assert names(tmp_path) == ["out", "out/a.txt", "out/b.txt"]
    assert (out / "a.txt").read_text() == "new"


def write_manifest(folder: Path, kind: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(f'{{"format": "{kind}"}}')


def test_a_folder_of_another_kind_is_never_replaced(tmp_path: Path) -> None:
    home, snapshot = tmp_path / "home", tmp_path / "snapshot"
    home.mkdir()
    (home / "annot.sqlite").write_text("answers")
    write_manifest(snapshot, "snapshot")
    for place in (home, snapshot):
        before = names(tmp_path)
        with (
            pytest.raises(OutputError, match="not replaced even with --force"),
            tables.fresh_folder(place, force=True) as folder,
        ):
            write_manifest(folder, "release")
        assert names(tmp_path) == before
    with tables.fresh_folder(snapshot, force=True) as folder:
        write_manifest(folder, "snapshot")


@pytest.mark.parametrize(
    ("kind", "more"), [("release", "notes"), ("snapshot", "reports"), (None, "reports")]
)
def test_optional_names_go_with_a_folder_of_the_same_format_only(
    tmp_path: Path, kind: str | None, more: str
) -> None:
    old = tmp_path / "old"
    write_manifest(old, "release")
    (old / "reports").mkdir()
    (old / "reports/a.json").write_text("older")
    with tables.fresh_folder(old, force=True, optional=("reports",)) as folder:
        write_manifest(folder, "release")
    assert names(tmp_path) == ["old", "old/manifest.json"]
    (old / more).mkdir()
    if kind:
        write_manifest(old, kind)
    else:
        (old / "manifest.json").unlink()
    with (
        pytest.raises(OutputError, match="not replaced even with --force"),
        tables.fresh_folder(old, force=True, optional=("reports",)) as folder,
    ):
        write_manifest(folder, "release")
    assert (old / more).is_dir()


def test_the_folder_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with tables.fresh_folder(tmp_path / "link", force=True) as folder:
        (folder / "a.txt").write_text("a")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["link", "real", "real/a.txt"]


def test_the_old_folder_survives_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("old")
    rename = Path.rename

    def die_at_the_new_one(self: Path, target: Path) -> Path:
        if target == out:
            raise BreakError
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", die_at_the_new_one)
    with pytest.raises(BreakError), tables.fresh_folder(out, force=True) as folder:
        (folder / "a.txt").write_text("new")
    (survivor,) = tmp_path.rglob("a.txt")
    assert survivor.read_text() == "old"


@pytest.fixture
def summed(tmp_path: Path) -> Path:
    """Return a folder of two files with their sums."""
    folder = tmp_path / "summed"
    (folder / "data").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "data" / "b.txt").write_text("b")
    tables.write_sums(folder)
    return folder


def test_sums_hold_for_an_untouched_folder_and_name_it(summed: Path) -> None:
    assert tables.check_sums(summed) == []
    digest = tables.read_sums_digest(summed)
    assert digest == tables.sha256_file(summed / "SHA256SUMS") == tables.write_sums(summed)
    listed = [line.split("  ")[1] for line in (summed / "SHA256SUMS").read_text().splitlines()]
    assert listed == ["a.txt", "data/b.txt"]


def test_sums_find_each_kind_of_change(summed: Path) -> None:
    (summed / "a.txt").write_text("changed")
    (summed / "data" / "b.txt").unlink()
    (summed / "data" / "c.txt").write_text("c")
    assert tables.check_sums(summed) == [
        "a.txt: content differs from SHA256SUMS",
        "data/b.txt: listed in SHA256SUMS but missing",
        "data/c.txt: not listed in SHA256SUMS",
    ]


def test_a_folder_without_sums_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no SHA256SUMS; is it a snapshot or release folder"):
        tables.check_sums(tmp_path)
