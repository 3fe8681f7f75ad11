from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Segment
from dataset_builder.errors import InputError
from dataset_builder.importers.activitynet import read_activitynet
from dataset_builder.importers.clip_csv import clip_of, read_clip_csv, write_clip_csv
from dataset_builder.importers.found_clips import FoundClip, FoundClips

EGG = {"label": "Cracking  eggs", "segment": [1, 3.25]}


@pytest.fixture
def write(tmp_path):
    def write_json(value: object) -> Path:
        path = tmp_path / "activity_net.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write_json


def database(**videos: object) -> dict[str, object]:
    return {"version": "1.3", "taxonomy": [], "database": videos}


def test_an_annotation_is_a_clip(write):
    path = write(database(v1={"subset": "validation", "duration": 9.5, "annotations": [EGG]}))
    assert read_activitynet(path) == FoundClips(
        (
            FoundClip(
                f"{path}: database['v1'].annotations[0]", "v1", Segment(1, 3.25), "Cracking eggs"
            ),
        )
    )


def test_one_subset_is_taken_and_an_unknown_one_refused(write):
    path = write(
        database(
            v1={"subset": "validation", "annotations": [EGG]},
            v2={"subset": "training", "annotations": [EGG]},
            v3={"subset": "testing", "annotations": []},
        )
    )
    assert [clip.video_id for clip in read_activitynet(path).clips] == ["v1", "v2"]
    assert [clip.video_id for clip in read_activitynet(path, "training").clips] == ["v2"]
    assert read_activitynet(path, "testing").clips == ()
    with pytest.raises(InputError, match="no subset 'val', only testing, training, validation"):
        read_activitynet(path, "val")


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        ([1, 2], "should be an object, got [1, 2]"),
        ({"label": "a"}, "field 'segment' must be a list of 2 numbers, got None"),
        ({"label": "a", "segment": [1, True]}, "segment must be a finite number, got True"),
        ({"label": "a", "segment": [2, 2]}, "must satisfy 0 <= start_s < end_s, got 2.0..2.0"),
        ({"label": 7, "segment": [1, 2]}, "field 'label' must be str, got 7"),
        ({"label": "?", "segment": [1, 2]}, "action '?' has no letter or digit"),
        ({"label": "a\ud800", "segment": [1, 2]}, "holds half a character"),
        (EGG | {"label": "cracking_EGGS"}, "annotations[0]; delete one"),
    ],
)
def test_a_bad_annotation_is_named_by_its_path_and_the_rest_goes_in(write, annotation, problem):
    good = EGG | {"label": "whisk"}
    path = write(database(v1={"annotations": [EGG, annotation, good]}, v2={"annotations": [EGG]}))
    found = read_activitynet(path)
    assert [clip.description for clip in found.clips] == ["Cracking eggs", "whisk", "Cracking eggs"]
    (refused,) = found.problems
    assert refused.startswith(f"{path}: database['v1'].annotations[1]: ")
    assert problem in refused


@pytest.mark.parametrize(
    ("video_id", "entry", "problem"),
    [
        ("v1", 7, "database['v1']: should be an object, got 7"),
        ("v1", {}, "database['v1']: field 'annotations' must be list, got None"),
        ("v1", {"subset": 1, "annotations": []}, "field 'subset' must be str, got 1"),
        ("a/b", {"annotations": [EGG, EGG]}, "video_id 'a/b' must be"),
    ],
)
def test_a_bad_video_is_named_and_the_rest_goes_in(write, video_id, entry, problem):
    found = read_activitynet(write(database(**{video_id: entry, "v2": {"annotations": [EGG]}})))
    assert [clip.video_id for clip in found.clips] == ["v2"]
    (refused,) = found.problems
    assert problem in refused


@pytest.mark.parametrize("value", [[], {}, {"database": []}, {"results": {}}])
def test_a_file_without_a_database_is_refused(write, value):
    with pytest.raises(InputError, match=r"activity_net\.json: should be an object whose"):
        read_activitynet(write(value))


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["label", "segment", "annotations", "subset"]), inner)
    ),
    max_leaves=6,
)
times = st.lists(st.floats(-1, 9), min_size=2, max_size=2)
annotations = values | st.fixed_dictionaries({"label": st.text() | values, "segment": times})
entries = values | st.fixed_dictionaries({"annotations": st.lists(annotations, max_size=4)})


@given(st.dictionaries(st.sampled_from(["v1", "v2", "a/b", "é"]), entries))
def test_anything_becomes_clips_or_problems_and_the_clips_read_back(tmp_path_factory, found_videos):
    folder = tmp_path_factory.mktemp("any")
    path = folder / "activity_net.json"
    path.write_text(json.dumps({"database": found_videos}), encoding="utf-8")
    found = read_activitynet(path)
    write_clip_csv(folder / "clips.csv", found.clips)
    table = read_clip_csv(folder / "clips.csv")
    assert table.problems == ()
    assert [clip_of(row, "test", False).clip_id for row in table.rows] == [
        clip.clip_id for clip in found.clips
    ]
