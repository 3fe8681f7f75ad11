from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_builder.build import build_release
from dataset_builder.exporters.grounding_youtube import (
    grounding_youtube_files,
    shared_seconds,
    write_grounding_youtube,
)
from dataset_builder.release import write_release_tables

GOLDEN = Path(__file__).parents[2] / "golden/small_release"


@pytest.fixture(scope="module")
def release(make_snapshot):
    snapshot = make_snapshot(assisted=0.1, not_visible=0.1)
    return build_release(snapshot, name="golden", version="1.0.0")


def loaded(release):
    return {name: json.loads(text) for name, text in grounding_youtube_files(release).items()}


def test_the_files_and_the_manifest_are_the_golden_ones(release, tmp_path):
    """Set REGENERATE_GOLDEN=1 to write them anew, and read the diff."""
    write_grounding_youtube(release, tmp_path)
    write_release_tables(
        tmp_path / "tables", replace(release, made_with="grounding-circle VERSION")
    )
    (tmp_path / "tables/manifest.json").rename(tmp_path / "manifest.json")
    found = {p.name: p.read_text() for p in tmp_path.glob("*.json")}
    if os.environ.get("REGENERATE_GOLDEN"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            (GOLDEN / name).write_text(text)
    assert found == {p.name: p.read_text() for p in GOLDEN.glob("*.json")}


def test_segments_end_with_their_last_second(release):
    clip = next(c for c in release.clips if c.segment.start_s == 3.5)
    assert clip.segment.end_s == 8.5
    segments = [s["segment"] for s in loaded(release)["seg.json"][clip.video_id]]
    assert [4, 8] in segments


def test_a_clip_without_a_whole_second_is_a_segment_of_one_second(release):
    clip = next(c for c in release.clips if c.segment.start_s == 1.2)
    assert [1, 1] in [s["segment"] for s in loaded(release)["seg.json"][clip.video_id]]


def test_segment_ids_count_each_video_s_segments_in_time_order(release):
    for segments in loaded(release)["seg.json"].values():
        assert [s["id"] for s in segments] == list(range(len(segments)))
        starts = [s["segment"] for s in segments]
        assert starts == sorted(starts)


def test_boxes_are_whole_pixels_of_the_stated_frame(release):
    files = loaded(release)
    clips = {clip.clip_id: clip for clip in release.clips}
    sizes = files["id2wh_new.json"]
    assert set(map(tuple, sizes.values())) == {(640, 480), (480, 640)}
    checked = 0
    for (clip_id, second), box in release.boxes.items():
        video_id = clips[clip_id].video_id
        width, height = sizes[video_id]
        pixels = files["id2xy_box.json"][video_id][str(second)]
        exact = [box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height]
        if pixels == pytest.approx(exact, abs=0.5):
            checked += 1
    assert checked == len(release.boxes) - shared_seconds(release)


def test_the_two_box_files_agree_and_the_second_names_the_action(release):
    files = loaded(release)
    phrases = {action.description for action in release.actions}
    for video_id, seconds in files["GoundingYouTubeBox.json"].items():
        boxes = {second: entry["box"] for second, entry in seconds.items()}
        assert boxes == files["id2xy_box.json"][video_id]
        assert {entry["step"] for entry in seconds.values()} <= phrases


def test_where_two_clips_share_a_second_the_earlier_clip_s_box_stands(make_snapshot):
    snapshot = make_snapshot(assisted=0.0, not_visible=0.0, unanswered=0.0)
    release = build_release(snapshot, name="demo", version="1.0.0")
    clips = {clip.clip_id: clip for clip in release.clips}
    keys = {key: (clips[key[0]].video_id, key[1]) for key in release.boxes}
    (shared,) = [place for place, n in Counter(keys.values()).items() if n > 1]
    first, later = sorted(
        (key for key, place in keys.items() if place == shared),
        key=lambda key: clips[key[0]].segment.start_s,
    )
    assert shared_seconds(release) == 1
    video_id, second = shared
    phrases = {action.action_id: action.description for action in release.actions}
    entry = loaded(release)["GoundingYouTubeBox.json"][video_id][str(second)]
    assert entry["step"] == phrases[clips[first[0]].action_id]
    assert entry["step"] != phrases[clips[later[0]].action_id]
    width = loaded(release)["id2wh_new.json"][video_id][0]
    assert entry["box"][0] == round(release.boxes[first].x1 * width)
    assert entry["box"][0] != round(release.boxes[later].x1 * width)


def test_every_video_stands_in_every_file_even_without_boxes(release):
    empty = replace(release, boxes={}, rules={}, tubes=())
    for content in loaded(empty).values():
        assert set(content) == {"video0", "video1", "video2"}


def shape_of(value):
    """Return the nested types of a JSON value; of lists and objects the first member's."""
    if isinstance(value, dict):
        fixed = {"segment", "id", "sentence", "box", "step"}
        names = sorted(value) if set(value) <= fixed else ["*"]
        return {n: shape_of(value[n] if n != "*" else next(iter(value.values()))) for n in names}
    if isinstance(value, list):
        return [shape_of(value[0])]
    return type(value).__name__


@pytest.mark.parametrize(
    "name",
    ["seg.json", "id2xy_box.json", "GoundingYouTubeBox.json", "id2wh.json", "id2wh_new.json"],
)
def test_our_files_have_the_public_files_shape_and_spacing(release, shared_data, name):
    public = (shared_data / "groundingyoutube" / name).read_text()
    ours = grounding_youtube_files(release)[name]
    assert shape_of(json.loads(ours)) == shape_of(json.loads(public))
    indents = [json.dumps(json.loads(public), indent=n) == public for n in (None, 4)]
    assert indents == [json.dumps(json.loads(ours), indent=n) == ours for n in (None, 4)]
