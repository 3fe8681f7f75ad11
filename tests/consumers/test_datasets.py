"""Hugging Face `datasets`: the release's folder, as it stands, offline."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from datasets import get_dataset_config_names, load_dataset

TABLES = ("videos", "actions", "clips", "frames", "answers", "annotators", "boxes", "tubes")


@pytest.fixture
def load(release_folder, tmp_path):
    def load_table(*names):
        return load_dataset(str(release_folder), *names, cache_dir=str(tmp_path / "cache"))

    return load_table


def test_the_card_s_configurations_are_found(release_folder):
    assert sorted(get_dataset_config_names(str(release_folder))) == sorted(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_a_table_comes_back(release_folder, load, table):
    found = load(table)
    assert list(found) == ["full"]
    expected = pq.read_table(release_folder / f"data/{table}.parquet")
    assert found["full"].column_names == expected.schema.names
    assert found["full"].to_list() == expected.to_pylist()


def test_without_a_name_the_boxes_are_loaded(load, release):
    boxes = load()["full"]
    assert len(boxes) == len(release.boxes)
    assert {"x1", "y1", "x2", "y2"} <= set(boxes.column_names)
