"""The repaired release of published files, as `datasets` and `mlcroissant` read it."""

from __future__ import annotations

import json

import mlcroissant
import pyarrow.parquet as pq
import pytest
from datasets import get_dataset_config_names, load_dataset

from dataset_builder.official.imported import import_official
from tests.dataset_builder.official.conftest import SOURCE, files_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    for name, text in files_of(SOURCE).items():
        (folder / f"{name}.json").write_bytes(text.encode())
    import_official(folder, folder / "imported", repaired=True, licence="CC-BY-4.0")
    return folder / "imported"


@pytest.mark.parametrize("name", ["faithful", "repaired"])
def test_datasets_loads_every_table_and_the_boxes_first(imported, name, tmp_path):
    folder, cache = str(imported / name), str(tmp_path / "cache")
    tables = get_dataset_config_names(folder)
    assert sorted(tables) == ["actions", "boxes", "clips", "frames", "tubes", "videos"]
    for table in tables:
        found = load_dataset(folder, table, cache_dir=cache)["full"]
        assert found.to_list() == pq.read_table(f"{folder}/data/{table}.parquet").to_pylist()
    boxes = load_dataset(folder, cache_dir=cache)["full"]
    assert boxes.to_list() == pq.read_table(f"{folder}/data/boxes.parquet").to_pylist() != []


@pytest.mark.parametrize("name", ["faithful", "repaired"])
def test_croissant_is_valid_and_names_every_file(imported, name):
    folder = imported / name
    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert list(dataset.metadata.ctx.issues.errors) == []
    assert list(dataset.records("answers")) == []
    records = list(dataset.records("boxes"))
    assert len(records) == pq.read_table(folder / "data/boxes.parquet").num_rows
    assert {record["boxes/rule"].decode() for record in records} >= {"as_published"}
    described = json.loads((folder / "croissant.json").read_text())["distribution"]
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {file["name"] for file in described} == there - {"croissant.json", "SHA256SUMS"}
    assert "LICENSE" in there
