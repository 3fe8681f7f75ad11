from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.errors import InputError
from dataset_builder.exporters.coco import coco_dataset, write_coco
from dataset_builder.exporters.seconds import video_seconds
from dataset_builder.frames import image_path
from dataset_builder.geometry import Box
from dataset_builder.release import Consensus, Release
from tests.dataset_builder.exporters.pictured import SCALE

fractions = st.floats(0, 1).map(lambda value: round(value, 6))


def exported(release, folder, store=None):
    write_coco(release, folder, store)
    return json.loads((folder / "annotations.json").read_text())


def a_release(box: Box, size: tuple[int, int]) -> Release:
    """Return a release of one frame with this box, in a video of this size."""
    clip = Clip("clip", "video", "crack-egg", Segment(0, 1))
    frame = Consensus("clip", 0, 0.0, "", *size, 0, 0, 0, None, None, None, True, "")
    return Release(
        name="one",
        version="1.0.0",
        derivation="none",
        videos=(Video("video", *size, 1.0, ""),),
        actions=(Action("crack-egg", "crack egg"),),
        clips=(clip,),
        frames=(frame,),
        answers=(),
        boxes={("clip", 0): box},
        rules={("clip", 0): "given"},
        tubes=(),
    )


def test_every_box_stands_in_it_once_with_its_clip_second_and_clicks(full_release, tmp_path):
    content = exported(full_release, tmp_path)
    images = {image["id"]: image for image in content["images"]}
    actions = {c["id"]: c["action_id"] for c in content["categories"]}
    clips = {clip.clip_id: clip for clip in full_release.clips}
    found = {(a["clip_id"], a["second"]): a for a in content["annotations"]}
    assert found.keys() == full_release.boxes.keys()
    assert len(content["annotations"]) == len(found)
    n_clicks = {(f.clip_id, f.second): f.n_clicks for f in full_release.frames}
    for key, annotation in found.items():
        image = images[annotation["image_id"]]
        assert (image["video_id"], image["second"]) == (clips[key[0]].video_id, key[1])
        assert actions[annotation["category_id"]] == clips[key[0]].action_id
        assert len(annotation["clicks"]) == n_clicks[key]
        assert annotation["rule"] == "union_margin"


def test_two_clips_that_share_a_second_are_two_boxes_on_one_image(full_release, tmp_path):
    content = exported(full_release, tmp_path)
    places = [(image["video_id"], image["second"]) for image in content["images"]]
    assert len(set(places)) == len(places)
    of_image = [annotation["image_id"] for annotation in content["annotations"]]
    assert len(set(of_image)) < len(of_image)


def test_an_image_without_a_box_is_one_where_nobody_saw_the_action(full_release, tmp_path):
    content = exported(full_release, tmp_path)
    with_box = {annotation["image_id"] for annotation in content["annotations"]}
    without = [image for image in content["images"] if image["id"] not in with_box]
    known = {
        (second.video_id, second.second)
        for second in video_seconds(full_release)
        if {frame.consensus.reason for frame in second.frames} == {"not_visible"}
    }
    assert {(image["video_id"], image["second"]) for image in without} == known != set()
    assert all(image["neg_category_ids"] for image in without)


def test_an_action_with_a_box_is_no_negative_though_another_clip_of_it_says_not_visible(tmp_path):
    release = a_release(Box(0, 0, 0.5, 0.5), (640, 480))
    (clip,), (frame,) = release.clips, release.frames
    other = replace(frame, clip_id="other", kept=False, reason="not_visible")
    both = replace(release, clips=(clip, replace(clip, clip_id="other")), frames=(frame, other))
    (image,) = exported(both, tmp_path)["images"]
    assert image["neg_category_ids"] == []


@given(
    xs=st.tuples(fractions, fractions).filter(lambda s: abs(s[0] - s[1]) > 1e-3),
    ys=st.tuples(fractions, fractions).filter(lambda s: abs(s[0] - s[1]) > 1e-3),
    size=st.tuples(st.integers(16, 4000), st.integers(16, 4000)),
)
def test_a_box_comes_back_from_its_pixels(xs, ys, size):
    box = Box(min(xs), min(ys), max(xs), max(ys))
    release = a_release(box, size)
    content = coco_dataset(release, [(second, size) for second in video_seconds(release)])
    (annotation,) = content["annotations"]
    x, y, width, height = annotation["bbox"]
    assert x / size[0] == pytest.approx(box.x1, abs=1e-3 / size[0])
    assert (y + height) / size[1] == pytest.approx(box.y2, abs=1e-3 / size[1])
    assert 0 < x + width <= size[0] + 1e-9
    assert annotation["area"] == pytest.approx(width * height, abs=1e-3)


def test_with_a_frame_store_pixels_are_those_of_the_pictures(pictured, tmp_path):
    release, store = pictured
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    small = exported(release, tmp_path / "with", store)
    large = exported(release, tmp_path / "without")
    for image in small["images"]:
        with Image.open(tmp_path / "with/images" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
    for ours, theirs in zip(small["annotations"], large["annotations"], strict=True):
        assert [SCALE * side for side in ours["bbox"]] == pytest.approx(theirs["bbox"], abs=0.01)
        assert [SCALE * x for x, _ in ours["clicks"]] == pytest.approx(
            [x for x, _ in theirs["clicks"]], abs=0.01
        )


def test_a_store_without_a_picture_is_refused_by_video_and_second(full_release, tmp_path):
    with pytest.raises(InputError, match=r"no picture of video0 at \d+ s; is it the right"):
        write_coco(full_release, tmp_path, tmp_path / "empty")


def test_a_picture_that_is_none_is_refused_by_file(full_release, tmp_path):
    for frame in full_release.frames:
        path = image_path(tmp_path, frame.image_sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"[0-9a-f]{64}.jpg: cannot be read as a picture"):
        write_coco(full_release, tmp_path / "out", tmp_path)


def test_without_a_licence_none_is_named(full_release, tmp_path):
    assert exported(full_release, tmp_path)["licenses"][0]["name"] == "CC0-1.0"
    assert exported(replace(full_release, licence=""), tmp_path)["licenses"] == []
