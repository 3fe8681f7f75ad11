"""`export --format huggingface`: each split loaded by itself, and all of it by Croissant."""

from __future__ import annotations

import mlcroissant
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from datasets import get_dataset_config_names, load_dataset

from dataset_builder.build import build_release, write_built_release
from dataset_builder.cli import main
from dataset_builder.settings import BuildSettings
from tests.consumers.test_mlcroissant import plain

pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]

DEALT = ("videos", "clips", "frames", "answers", "boxes", "tubes")
UNDEALT = ("actions", "annotators")
KEYS = {
    "videos": ("video_id",),
    "clips": ("clip_id",),
    "frames": ("clip_id", "second"),
    "answers": ("clip_id", "second", "annotator_id"),
    "boxes": ("clip_id", "second", "rule"),
    "tubes": ("tube_id",),
}


@pytest.fixture(scope="module")
def whole(make_snapshot, tmp_path_factory):
    """Return the folder of a release whose videos are dealt to two splits."""
    folder = tmp_path_factory.mktemp("dealt") / "release"
    settings = BuildSettings(splits="train=1,test=1", split_salt="a")
    snapshot = make_snapshot(n_clips=12)
    release = build_release(snapshot, name="demo", version="1.0.0", settings=settings)
    write_built_release(folder, release)
    return folder


@pytest.fixture(scope="module")
def hub(whole):
    out = whole.parent / "hub"
    arguments = ["export", str(whole), str(out), "--format", "huggingface"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    return out


def rows_of(whole, table, split):
    """Return the rows of the release whose video is of a split."""
    clips = pq.read_table(whole / "data/clips.parquet").to_pylist()
    mine = {row[key] for row in clips if row["split"] == split for key in ("clip_id", "video_id")}
    rows = pq.read_table(whole / f"data/{table}.parquet").to_pylist()
    return [row for row in rows if row["video_id" if table == "videos" else "clip_id"] in mine]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("table", DEALT)
def test_one_split_of_a_table_is_loaded_by_name(hub, whole, tmp_path, table, split):
    found = load_dataset(str(hub), table, split=split, cache_dir=str(tmp_path))
    assert found.to_list() == rows_of(whole, table, split) != []


@pytest.mark.parametrize("table", UNDEALT)
def test_a_table_without_videos_is_one_split(hub, whole, tmp_path, table):
    found = load_dataset(str(hub), table, cache_dir=str(tmp_path))
    assert list(found) == ["full"]
    assert found["full"].to_list() == pq.read_table(whole / f"data/{table}.parquet").to_pylist()


def test_the_card_names_every_table_and_the_boxes_first(hub, tmp_path):
    assert sorted(get_dataset_config_names(str(hub))) == sorted((*DEALT, *UNDEALT))
    boxes = load_dataset(str(hub), cache_dir=str(tmp_path))
    assert sorted(boxes) == ["test", "train"]
    assert "x1" in boxes["test"].column_names


@pytest.mark.parametrize("table", DEALT)
def test_croissant_gives_every_row_with_its_split(hub, whole, table):
    dataset = mlcroissant.Dataset(jsonld=str(hub / "croissant.json"))
    assert list(dataset.metadata.ctx.issues.errors) == []
    found = [
        {name.removeprefix(f"{table}/"): plain(value) for name, value in record.items()}
        for record in dataset.records(table)
    ]
    expected = [
        {name: plain(value) for name, value in row.items()} | {"split": split}
        for split in ("test", "train")
        for row in rows_of(whole, table, split)
    ]

    def key(row):
        return [row[column] for column in KEYS[table]]

    assert sorted(found, key=key) == sorted(expected, key=key)
