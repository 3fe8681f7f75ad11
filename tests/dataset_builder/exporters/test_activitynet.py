from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.errors import InputError
from dataset_builder.exporters.activitynet import activitynet_dataset


def test_every_clip_is_a_segment_of_its_video_in_time_order(full_release):
    database = activitynet_dataset(full_release)["database"]
    assert set(database) == {video.video_id for video in full_release.videos}
    found = {
        annotation["clip_id"]: (video_id, *annotation["segment"], annotation["action_id"])
        for video_id, entry in database.items()
        for annotation in entry["annotations"]
    }
    assert found == {
        clip.clip_id: (clip.video_id, clip.segment.start_s, clip.segment.end_s, clip.action_id)
        for clip in full_release.clips
    }
    for entry in database.values():
        starts = [annotation["segment"][0] for annotation in entry["annotations"]]
        assert starts == sorted(starts)


def test_labels_are_leaves_of_the_taxonomy(full_release):
    content = activitynet_dataset(full_release)
    root, *leaves = content["taxonomy"]
    assert root["parentId"] is None
    assert {leaf["parentId"] for leaf in leaves} == {root["nodeId"]}
    assert {leaf["nodeName"] for leaf in leaves} == {a.description for a in full_release.actions}
    labels = {a["label"] for entry in content["database"].values() for a in entry["annotations"]}
    assert labels <= {leaf["nodeName"] for leaf in leaves}


def test_a_video_has_its_split_duration_and_size(full_release):
    clips = tuple(
        replace(clip, split="train") if clip.video_id == "video1" else clip
        for clip in full_release.clips
    )
    database = activitynet_dataset(replace(full_release, clips=clips))["database"]
    assert [database[f"video{i}"]["subset"] for i in range(3)] == ["test", "train", "test"]
    assert database["video0"]["duration"] == 30.0
    assert database["video2"]["resolution"] == "720x1280"


def test_a_video_of_two_splits_is_refused_by_name(full_release):
    first, *others = full_release.clips
    mixed = replace(full_release, clips=(replace(first, split="train"), *others))
    with pytest.raises(InputError, match=f"video '{first.video_id}' has clips of .* test, train"):
        activitynet_dataset(mixed)


def test_two_actions_of_one_phrase_are_refused_by_name(full_release):
    first, second, *others = full_release.actions
    twins = (first, replace(second, description=first.description), *others)
    with pytest.raises(InputError, match=f"'{first.action_id}' and '{second.action_id}' are both"):
        activitynet_dataset(replace(full_release, actions=twins))


def test_a_video_without_clips_stands_in_it(full_release):
    empty = replace(full_release, clips=())
    assert activitynet_dataset(empty)["database"]["video0"]["annotations"] == []
