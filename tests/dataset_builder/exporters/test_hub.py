"""A release dealt to files by split: nothing lost, nothing twice, and the lists agree."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder import tables
from dataset_builder.build import build_release, write_built_release
from dataset_builder.changes import read_content
from dataset_builder.cli import main
from dataset_builder.errors import InputError
from dataset_builder.exporters.hub import hub_splits, write_hub
from dataset_builder.release import TABLES, write_release_tables

WHOLE = {"actions", "annotators"}


def in_splits(release, names):
    """Return the release with the clips of its videos in these splits, in turn."""
    videos = [video.video_id for video in release.videos]
    split_of = {video: names[n % len(names)] for n, video in enumerate(videos)}
    return replace(
        release, clips=tuple(replace(clip, split=split_of[clip.video_id]) for clip in release.clips)
    )


def export(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments), "--format", "huggingface"])


@pytest.fixture(scope="module")
def release(make_snapshot):
    built = build_release(make_snapshot(n_clips=6), name="demo", version="1.0.0")
    assert len(built.videos) > 1
    return built


@given(
    names=st.lists(st.sampled_from(["train", "val", "test", "my-split"]), min_size=1, max_size=4)
)
@settings(max_examples=8, deadline=None)
def test_every_row_stands_in_the_file_of_its_split_and_in_no_other(release, names):
    dealt = in_splits(release, names)
    split_of = {clip.clip_id: clip.split.replace("-", "_") for clip in dealt.clips}
    split_of |= {clip.video_id: split_of[clip.clip_id] for clip in dealt.clips}
    with tempfile.TemporaryDirectory() as place:
        hub, whole = Path(place) / "hub", Path(place) / "whole"
        for folder, write in ((hub, write_hub), (whole, lambda r, f: write_release_tables(f, r))):
            folder.mkdir()
            write(dealt, folder)
        for table in TABLES:
            expected = pq.read_table(whole / f"data/{table}.parquet")
            key = "video_id" if table == "videos" else "clip_id"
            left = expected.to_pylist()
            for path in sorted((hub / "data" / table).iterdir()):
                found = pq.read_table(path)
                assert found.schema == expected.schema
                mine = [row for row in left if table in WHOLE or split_of[row[key]] == path.stem]
                assert found.to_pylist() == mine != []
                left = [row for row in left if row not in mine]
            assert left == []


def test_files_card_and_croissant_name_the_same_splits(release, tmp_path):
    write_hub(in_splits(release, ["train", "test"]), tmp_path)
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    dealt = [t for t in TABLES if t not in WHOLE]
    parquet = {f"data/{table}/{split}.parquet" for table in dealt for split in ("train", "test")}
    parquet |= {f"data/{table}/full.parquet" for table in WHOLE}
    assert {name for name in files if name.endswith(".parquet")} == parquet
    lines = (tmp_path / "README.md").read_text().split("---\n")[1].splitlines()
    stated = [line.split(": ")[1] for line in lines if line.startswith(("  - split", "    path"))]
    assert set(stated[1::2]) == parquet
    assert [Path(path).stem for path in stated[1::2]] == stated[::2]
    described = json.loads((tmp_path / "croissant.json").read_text())
    sums = {f["name"]: f["sha256"] for f in described["distribution"] if "sha256" in f}
    assert sums == {n: tables.sha256_file(tmp_path / n) for n in files - {"croissant.json"}}
    sets = described["distribution"][len(sums) :]
    assert sorted(p["@id"] for files in sets for p in files["containedIn"]) == sorted(parquet)
    assert {s["name"] for s in described["recordSet"]} == set(TABLES)


def test_what_is_of_no_split_has_a_file_of_its_own(release, tmp_path):
    alone = replace(release.videos[0], video_id="zz")
    write_hub(replace(release, videos=(*release.videos, alone), tubes=()), tmp_path)
    found = pq.read_table(tmp_path / "data/videos/without_clips.parquet").to_pylist()
    assert [row["video_id"] for row in found] == ["zz"]
    assert [p.name for p in (tmp_path / "data/tubes").iterdir()] == ["full.parquet"]
    assert "data/tubes" not in (tmp_path / "README.md").read_text().split("---\n")[1]


@pytest.mark.parametrize(("split", "name"), [("my-split", "my_split"), ("all", "all_"), ("", "_")])
def test_a_split_s_name_is_one_that_the_hub_takes(release, split, name):
    assert hub_splits(in_splits(release, [split])) == {split: name}


def test_splits_that_the_hub_cannot_tell_apart_are_refused(release):
    with pytest.raises(InputError, match="splits 'a b' and 'a-b' would both be 'a_b' on the Hub"):
        hub_splits(in_splits(release, ["a-b", "a b"]))


def test_a_video_of_two_splits_is_refused(release, tmp_path):
    first, *others = release.clips
    torn = replace(release, clips=(replace(first, split="train"), *others))
    with pytest.raises(InputError, match="has clips of the splits test and train"):
        write_hub(torn, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_report_of_changes_comes_with_a_release_that_names_its_parent(
    release, make_snapshot, tmp_path
):
    first, second, out = (tmp_path / name for name in ("first", "second", "out"))
    write_built_release(first, release)
    later = build_release(make_snapshot(n_clips=7), name="demo", version="1.1.0", licence="CC0-1.0")
    write_built_release(second, later, parent=read_content(first))
    assert export(second, out).exit_code == 0
    report = "reports/diff-from-1.0.0.json"
    assert (out / report).read_bytes() == (second / report).read_bytes()
    assert report in (out / "CHANGELOG.md").read_text()
    described = json.loads((out / "croissant.json").read_text())["distribution"]
    assert tables.sha256_file(out / report) in {file.get("sha256") for file in described}
    assert tables.read_sums_digest(second) in (out / "README.md").read_text()
    assert export(first, out, "--force").exit_code == 0
    assert not (out / "reports").exists()
    assert not (out / "LICENSE").exists()
