"""Clips, tubes, clicks and boxes as Label Studio tasks, each with its labelling configuration.

    videos.json  videos.xml    one task a video: clips on the timeline, tubes as moving rectangles
    frames.json  frames.xml    one task a frame: each answer an annotation, the box a prediction

Choose one pair for a project. `data` names a video as `<video_id>.mp4` and a picture as
`images/<video_id>/<second, six digits>.jpg` (the pictures are there where a frame store is given):
put in front of them where Label Studio serves them from. Coordinates are percent of the picture.

Label Studio counts a video's frames from 1 at the rate that the configuration states, here 25 a
second; the end of a range belongs to it. An answer "not visible" is an annotation without a region.
Annotators are in no field, since Label Studio would look for users of its own by their names.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.domain import Clip, Video
from dataset_builder.exporters.pictures import copy_picture
from dataset_builder.exporters.seconds import (
    LabelledFrame,
    labelled_frames,
    picture_name,
    video_seconds,
)
from dataset_builder.geometry import Box, Point
from dataset_builder.release import Release, Tube

FRAMES_PER_S = 25
IMAGES = "images"
_DECIMALS = 4  # of a percent
_POINT_SIZE = 0.5  # percent of the picture's width: how large a click is drawn


def write_label_studio(release: Release, folder: Path, store: Path | None = None) -> None:
    """Write the four files, and the pictures where a frame store is given.

    Raises:
        InputError: the store lacks a picture.
    """
    phrases = sorted({action.description for action in release.actions})
    for name, tasks in (("videos", video_tasks(release)), ("frames", frame_tasks(release))):
        text = tables.compact_json(tasks) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="ascii", newline="")
    (folder / "videos.xml").write_text(_video_config(phrases), encoding="utf-8", newline="")
    (folder / "frames.xml").write_text(_frame_config(phrases), encoding="utf-8", newline="")
    if store is not None:
        for second in video_seconds(release):
            copy_picture(second, store, folder / IMAGES)


def video_tasks(release: Release) -> list[dict[str, Any]]:
    """Return one task for each video that has clips."""
    phrases = {action.action_id: action.description for action in release.actions}
    clips: dict[str, list[Clip]] = {}
    for clip in release.clips:
        clips.setdefault(clip.video_id, []).append(clip)
    tubes: dict[str, list[Tube]] = {}
    for tube in sorted(release.tubes, key=lambda tube: tube.tube_id):
        tubes.setdefault(tube.clip_id, []).append(tube)
    tasks = []
    for video in sorted(release.videos, key=lambda video: video.video_id):
        regions: list[dict[str, Any]] = []
        mine = clips.get(video.video_id, [])
        for clip in sorted(mine, key=lambda c: (c.segment.start_s, c.segment.end_s, c.clip_id)):
            phrase = phrases[clip.action_id]
            regions.append(_clip_region(clip, phrase))
            regions += [_tube_region(tube, phrase, video) for tube in tubes.get(clip.clip_id, ())]
        if regions:
            data = {"video": f"{video.video_id}.mp4", "video_id": video.video_id}
            tasks.append({"data": data, "annotations": [{"result": regions}]})
    return tasks


def frame_tasks(release: Release) -> list[dict[str, Any]]:
    """Return one task for each frame, by clip and second."""
    phrases = {action.action_id: action.description for action in release.actions}
    made_by = f"{release.name} {release.version}"
    tasks = []
    for frame in labelled_frames(release):
        phrase = phrases[frame.clip.action_id]
        annotations = [
            {"result": [_click_region(frame, point, phrase)] if point else []}
            for point in frame.answers
        ]
        boxes = [_box_region(frame, frame.box, phrase)] if frame.box else []
        picture = picture_name(frame.clip.video_id, frame.consensus.second)
        data = {
            "image": f"{IMAGES}/{picture}",
            "video_id": frame.clip.video_id,
            "clip_id": frame.clip.clip_id,
            "second": frame.consensus.second,
            "action": phrase,
        }
        predictions = [{"model_version": made_by, "result": boxes}] if boxes else []
        tasks.append({"data": data, "annotations": annotations, "predictions": predictions})
    return tasks


def _clip_region(clip: Clip, phrase: str) -> dict[str, Any]:
    first = math.floor(_frames(clip.segment.start_s)) + 1
    last = max(first, math.ceil(_frames(clip.segment.end_s)))
    value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [phrase]}
    return _region(clip.clip_id, "timelinelabels", "clips", "video", value)


def _frames(time_s: float) -> float:
    # Rounded, or 0.28 s would be a hair more than seven frames.
    return round(time_s * FRAMES_PER_S, 6)


def _tube_region(tube: Tube, phrase: str, video: Video) -> dict[str, Any]:
    value = {
        "sequence": list(_sequence(tube)),
        "labels": [phrase],
        "framesCount": math.ceil(_frames(video.duration_s)),
        "duration": video.duration_s,
    }
    return _region(f"tube {tube.tube_id}", "videorectangle", "tubes", "video", value)


def _sequence(tube: Tube) -> Iterator[dict[str, Any]]:
    """Yield keyframes: one a second, and one that hides the rectangle where no box follows."""
    for second, box in sorted(tube.boxes.items()):
        yield _keyframe(second * FRAMES_PER_S + 1, box, is_shown=True)
        if second + 1 not in tube.boxes:
            yield _keyframe((second + 1) * FRAMES_PER_S, box, is_shown=False)


def _keyframe(frame: int, box: Box, *, is_shown: bool) -> dict[str, Any]:
    time_s = round((frame - 1) / FRAMES_PER_S, 6)
    return _percent(box) | {"frame": frame, "enabled": is_shown, "rotation": 0, "time": time_s}


def _click_region(frame: LabelledFrame, click: Point, phrase: str) -> dict[str, Any]:
    value = {
        "x": round(100 * click.x, _DECIMALS),
        "y": round(100 * click.y, _DECIMALS),
        "width": _POINT_SIZE,
        "keypointlabels": [phrase],
    }
    return _region("click", "keypointlabels", "clicks", "image", value) | _size(frame)


def _box_region(frame: LabelledFrame, box: Box, phrase: str) -> dict[str, Any]:
    value = _percent(box) | {"rotation": 0, "rectanglelabels": [phrase]}
    return _region("box", "rectanglelabels", "boxes", "image", value) | _size(frame)


def _region(
    region_id: str, kind: str, from_name: str, to_name: str, value: dict[str, Any]
) -> dict[str, Any]:
    names = {"from_name": from_name, "to_name": to_name}
    return {"id": region_id, "type": kind, "value": value} | names


def _percent(box: Box) -> dict[str, Any]:
    return {
        "x": round(100 * box.x1, _DECIMALS),
        "y": round(100 * box.y1, _DECIMALS),
        "width": round(100 * (box.x2 - box.x1), _DECIMALS),
        "height": round(100 * (box.y2 - box.y1), _DECIMALS),
    }


def _size(frame: LabelledFrame) -> dict[str, int]:
    width, height = frame.consensus.width, frame.consensus.height
    return {"original_width": width, "original_height": height, "image_rotation": 0}


def _video_config(phrases: Sequence[str]) -> str:
    view = ET.Element("View")
    ET.SubElement(view, "Video", name="video", value="$video", frameRate=str(FRAMES_PER_S))
    _labels(ET.SubElement(view, "TimelineLabels", name="clips", toName="video"), phrases)
    ET.SubElement(view, "VideoRectangle", name="tubes", toName="video")
    _labels(ET.SubElement(view, "Labels", name="tubeLabels", toName="video"), phrases)
    return _text(view)


def _frame_config(phrases: Sequence[str]) -> str:
    view = ET.Element("View")
    ET.SubElement(view, "Header", value="$action")
    ET.SubElement(view, "Image", name="image", value="$image")
    _labels(ET.SubElement(view, "KeyPointLabels", name="clicks", toName="image"), phrases)
    _labels(ET.SubElement(view, "RectangleLabels", name="boxes", toName="image"), phrases)
    return _text(view)


def _labels(control: ET.Element, phrases: Sequence[str]) -> None:
    for phrase in phrases:
        ET.SubElement(control, "Label", value=phrase)


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, "unicode") + "\n"
