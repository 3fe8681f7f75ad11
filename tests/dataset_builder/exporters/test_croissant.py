from __future__ import annotations

import json
import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from dataset_builder import tables
from dataset_builder.build import write_built_release
from dataset_builder.exporters.croissant import croissant
from dataset_builder.release import write_release_tables


@pytest.fixture(scope="module")
def folder(full_release, tmp_path_factory):
    path = tmp_path_factory.mktemp("croissant") / "release"
    write_built_release(path, full_release)
    return path


@pytest.fixture(scope="module")
def described(folder):
    return json.loads((folder / "croissant.json").read_text())


def test_every_file_of_a_release_is_named_with_its_digest(folder, described):
    stated = {file["contentUrl"]: file["sha256"] for file in described["distribution"]}
    apart = {"croissant.json", "SHA256SUMS"}
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in apart]
    assert stated == {p.relative_to(folder).as_posix(): tables.sha256_file(p) for p in files}
    assert len(stated) > 10


def test_the_sums_of_a_release_hold_the_description(folder):
    assert "  croissant.json\n" in (folder / "SHA256SUMS").read_text()
    assert tables.check_sums(folder) == []


def test_every_column_of_every_table_is_a_field(folder, described):
    found = {
        record_set["name"]: [field["name"] for field in record_set["field"]]
        for record_set in described["recordSet"]
    }
    assert found == {p.stem: pq.read_schema(p).names for p in folder.glob("data/*.parquet")}


def test_keys_are_fields_and_tell_rows_apart(folder, described):
    for record_set in described["recordSet"]:
        fields = {field["@id"]: field["name"] for field in record_set["field"]}
        columns = [fields[key["@id"]] for key in record_set["key"]]
        rows = pq.read_table(folder / f"data/{record_set['name']}.parquet").to_pylist()
        assert len({tuple(row[name] for name in columns) for row in rows}) == len(rows) > 0


@pytest.mark.parametrize(
    ("field", "kind", "shape"),
    [
        ("answers/prelabel_shown", "sc:Boolean", None),
        ("clips/start_s", "sc:Float", None),
        ("clips/clip_id", "sc:Text", None),
        ("tubes/seconds", "sc:Integer", "-1"),
        ("tubes/boxes", "sc:Float", "-1,4"),
    ],
)
def test_a_field_says_its_kind_and_shape(described, field, kind, shape):
    fields = {f["@id"]: f for record_set in described["recordSet"] for f in record_set["field"]}
    assert fields[field]["dataType"] == kind
    assert fields[field].get("arrayShape") == shape
    assert fields[field].get("isArray", False) == (shape is not None)


def test_no_day_stands_in_it(described):
    """The same snapshot and settings give the same bytes on any day."""
    assert not re.search(r"datePublished|20\d\d-\d\d", json.dumps(described))


def test_a_release_without_a_licence_states_none(full_release, tmp_path):
    write_release_tables(tmp_path, full_release)
    assert croissant(full_release, tmp_path)["license"] == "CC0-1.0"
    assert "license" not in croissant(replace(full_release, licence=""), tmp_path)
