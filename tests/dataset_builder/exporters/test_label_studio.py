from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Segment
from dataset_builder.exporters.label_studio import (
    FRAMES_PER_S,
    frame_tasks,
    video_tasks,
    write_label_studio,
)
from dataset_builder.geometry import Box
from dataset_builder.release import Tube

milliseconds = st.integers(0, 100_000).map(lambda ms: ms / 1000)


def regions(tasks, kind):
    return [
        (task["data"], region)
        for task in tasks
        for answer in (*task["annotations"], *task.get("predictions", ()))
        for region in answer["result"]
        if region["type"] == kind
    ]


def test_every_clip_is_a_range_on_its_video_s_timeline(full_release):
    clips = {clip.clip_id: clip for clip in full_release.clips}
    phrases = {action.action_id: action.description for action in full_release.actions}
    found = regions(video_tasks(full_release), "timelinelabels")
    assert {region["id"] for _, region in found} == clips.keys()
    for data, region in found:
        clip = clips[region["id"]]
        assert data == {"video": f"{clip.video_id}.mp4", "video_id": clip.video_id}
        assert region["value"]["timelinelabels"] == [phrases[clip.action_id]]


@given(start=milliseconds, length=st.integers(1, 20_000).map(lambda ms: ms / 1000))
def test_a_range_holds_its_clip_and_less_than_a_frame_more(full_release, start, length):
    segment = Segment(start, start + length)
    clip = replace(full_release.clips[0], segment=segment)
    tasks = video_tasks(replace(full_release, clips=(clip,), tubes=()))
    ((_, region),) = regions(tasks, "timelinelabels")
    (span,) = region["value"]["ranges"]
    first_s, end_s = (span["start"] - 1) / FRAMES_PER_S, span["end"] / FRAMES_PER_S
    assert first_s <= segment.start_s + 1e-6 < first_s + 1 / FRAMES_PER_S + 2e-6
    assert end_s - 1 / FRAMES_PER_S - 2e-6 < segment.end_s - 1e-6 <= end_s


def test_a_clip_that_ends_with_a_frame_takes_no_other_one_in(full_release):
    # 0.28 * 25 is 7.000000000000001 in floating point.
    clip = replace(full_release.clips[0], segment=Segment(0, 0.28))
    tasks = video_tasks(replace(full_release, clips=(clip,), tubes=()))
    ((_, region),) = regions(tasks, "timelinelabels")
    assert region["value"]["ranges"] == [{"start": 1, "end": 7}]


def shown(sequence, frame):
    """Whether Label Studio shows a rectangle at a frame: the last keyframe up to there says."""
    before = [keyframe for keyframe in sequence if keyframe["frame"] < frame]
    exact = any(keyframe["frame"] == frame for keyframe in sequence)
    return exact or bool(before and before[-1]["enabled"])


@given(st.sets(st.integers(0, 29), min_size=1))
def test_a_rectangle_is_shown_during_the_seconds_of_its_tube(full_release, seconds):
    clip = full_release.clips[0]
    tube = Tube("tube", clip.clip_id, dict.fromkeys(sorted(seconds), Box(0, 0, 0.5, 0.5)))
    tasks = video_tasks(replace(full_release, tubes=(tube,)))
    ((_, region),) = regions(tasks, "videorectangle")
    sequence = region["value"]["sequence"]
    frames = [keyframe["frame"] for keyframe in sequence]
    assert frames == sorted(set(frames))
    for second in range(30):
        for offset in (1, FRAMES_PER_S):
            frame = second * FRAMES_PER_S + offset
            assert shown(sequence, frame) == (second in seconds), frame


def test_every_answer_is_an_annotation_and_every_click_a_keypoint(full_release):
    tasks = frame_tasks(full_release)
    assert [(task["data"]["clip_id"], task["data"]["second"]) for task in tasks] == [
        (frame.clip_id, frame.second) for frame in full_release.frames
    ]
    assert sum(len(task["annotations"]) for task in tasks) == len(full_release.answers)
    found = sorted(
        (data["clip_id"], data["second"], region["value"]["x"] / 100, region["value"]["y"] / 100)
        for data, region in regions(tasks, "keypointlabels")
    )
    expected = sorted(
        (answer.clip_id, answer.second, answer.point.x, answer.point.y)
        for answer in full_release.answers
        if answer.point
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert ours[:2] == theirs[:2]
        assert ours[2:] == pytest.approx(theirs[2:], abs=1e-6)


def test_boxes_are_predictions_in_percent(full_release):
    found = regions(frame_tasks(full_release), "rectanglelabels")
    assert len(found) == len(full_release.boxes)
    for data, region in found:
        box, value = full_release.boxes[data["clip_id"], data["second"]], region["value"]
        corners = (
            value["x"],
            value["y"],
            value["x"] + value["width"],
            value["y"] + value["height"],
        )
        assert corners == pytest.approx([100 * s for s in (box.x1, box.y1, box.x2, box.y2)])


def test_no_annotator_stands_in_it(full_release, tmp_path):
    write_label_studio(full_release, tmp_path)
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not any(answer.annotator_id in text for answer in full_release.answers)


def test_every_region_names_a_control_an_object_and_a_label_of_the_configuration(
    full_release, tmp_path
):
    write_label_studio(full_release, tmp_path)
    for name in ("videos", "frames"):
        config = ET.parse(tmp_path / f"{name}.xml").getroot()
        objects = {control.get("name"): control.get("toName") for control in config}
        labels = {label.get("value") for label in config.iter("Label")}
        assert labels == {action.description for action in full_release.actions}
        tasks = json.loads((tmp_path / f"{name}.json").read_text())
        for task in tasks:
            assert task["data"][{"videos": "video", "frames": "image"}[name]]
            for answer in (*task["annotations"], *task.get("predictions", ())):
                for region in answer["result"]:
                    assert objects[region["from_name"]] == region["to_name"]
                    assert objects[region["to_name"]] is None


def test_with_a_frame_store_every_task_s_picture_is_there(pictured, tmp_path):
    release, store = pictured
    write_label_studio(release, tmp_path, store)
    tasks = json.loads((tmp_path / "frames.json").read_text())
    assert all((tmp_path / task["data"]["image"]).is_file() for task in tasks)
