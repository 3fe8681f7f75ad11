"""`mlcroissant`: the release's croissant.json, validated and read record by record."""

from __future__ import annotations

import math
import shutil

import mlcroissant
import pyarrow.parquet as pq
import pytest

# What the library and its own libraries have deprecated among each other.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]

TABLES = ("videos", "actions", "clips", "frames", "answers", "annotators", "boxes", "tubes")


@pytest.fixture(scope="module")
def dataset(release_folder):
    return mlcroissant.Dataset(jsonld=str(release_folder / "croissant.json"))


def test_it_is_valid_and_warned_of_nothing_but_what_we_leave_out(dataset):
    issues = dataset.metadata.ctx.issues
    assert list(issues.errors) == []
    warned = sorted(warning.split('"')[1] for warning in issues.warnings)
    # A day would change the bytes, and who cites what is for the publisher to say.
    assert warned == ["http://mlcommons.org/croissant/citeAs", "https://schema.org/datePublished"]


@pytest.mark.parametrize("table", TABLES)
def test_every_record_of_a_table_comes_back(dataset, release_folder, table):
    found = [
        {name.removeprefix(f"{table}/"): plain(value) for name, value in record.items()}
        for record in dataset.records(table)
    ]
    expected = pq.read_table(release_folder / f"data/{table}.parquet").to_pylist()
    assert found == [{name: plain(value) for name, value in row.items()} for row in expected]
    assert found


def test_a_file_that_is_not_the_one_described_is_refused(release_folder, tmp_path):
    folder = tmp_path / "release"
    shutil.copytree(release_folder, folder)
    table = pq.read_table(folder / "data/boxes.parquet")
    pq.write_table(table.slice(1), folder / "data/boxes.parquet")
    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    with pytest.raises(mlcroissant.GenerationError, match=r"boxes\.parquet") as refused:
        list(dataset.records("boxes"))
    assert "Hash of downloaded file" in str(refused.value.__cause__)


def plain(value):
    """Return a value with text for bytes, lists for arrays, and None for what is not there."""
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(member) for member in value]
    return None if isinstance(value, float) and math.isnan(value) else value
