from __future__ import annotations

import json
import tarfile
from dataclasses import replace

import pytest

from dataset_builder.errors import InputError
from dataset_builder.exporters.webdataset import write_webdataset
from dataset_builder.frames import image_path


def members(folder):
    """Return `{shard: [(name, content)]}` of every member in its place."""
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as shard:
            found[path.name] = [(m.name, shard.extractfile(m).read()) for m in shard]
    return found


def test_every_frame_is_a_picture_and_a_record_under_one_key(pictured, tmp_path):
    release, store = pictured
    write_webdataset(release, tmp_path, store)
    (content,) = members(tmp_path).values()
    assert len(content) == 2 * len(release.frames)
    for frame, picture, record in zip(release.frames, content[::2], content[1::2], strict=True):
        assert picture[0].split(".") == [record[0].split(".")[0], "jpg"]
        assert record[0].endswith(".json")
        assert picture[1] == image_path(store, frame.image_sha256).read_bytes()
        described = json.loads(record[1])
        assert (described["clip_id"], described["second"]) == (frame.clip_id, frame.second)
        box = release.boxes.get((frame.clip_id, frame.second))
        assert described["box"] == ([box.x1, box.y1, box.x2, box.y2] if box else None)
        assert len(described["clicks"]) == frame.n_clicks
        assert (described["box"] is None) == bool(described["reason"])


def test_shards_are_of_one_split_and_of_the_size_asked_for(pictured, tmp_path):
    release, store = pictured
    first, *others = release.clips
    split = replace(release, clips=(replace(first, split="train"), *others))
    write_webdataset(split, tmp_path, store, shard_frames=10)
    keys, n_frames = [], {"test": 0, "train": 0}
    for name, content in members(tmp_path).items():
        assert 0 < len(content) <= 20
        keys += [(name.split("-")[0], member.split(".")[0]) for member, _ in content[::2]]
        for _, record in content[1::2]:
            described = json.loads(record)
            assert name.startswith(f"{described['split']}-")
            n_frames[described["split"]] += 1
    assert len(set(keys)) == len(keys) == len(release.frames)
    mine = [frame for frame in release.frames if frame.clip_id == first.clip_id]
    assert n_frames == {"train": len(mine), "test": len(release.frames) - len(mine)}


def test_no_time_owner_or_machine_is_in_the_archive(pictured, tmp_path):
    release, store = pictured
    write_webdataset(release, tmp_path, store)
    with tarfile.open(tmp_path / "test-000000.tar") as shard:
        for member in shard:
            assert (member.mtime, member.uid, member.gid) == (0, 0, 0)
            assert (member.uname, member.gname, member.mode) == ("", "", 0o644)


def test_a_missing_picture_is_refused_by_frame(full_release, tmp_path):
    with pytest.raises(InputError, match=r"no picture of frame video0_0-5000_crack-egg/0;"):
        write_webdataset(full_release, tmp_path, tmp_path / "store")


def test_a_split_that_cannot_be_a_file_s_name_is_refused(pictured, tmp_path):
    release, store = pictured
    odd = replace(release, clips=tuple(replace(c, split="../up") for c in release.clips))
    with pytest.raises(InputError, match=r"split '\.\./up' names files here"):
        write_webdataset(odd, tmp_path, store)
