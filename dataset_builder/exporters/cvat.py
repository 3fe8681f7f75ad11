"""Tubes as "CVAT for video 1.1" XML, one file a video.

    <video_id>.xml    a track for each tube, a box for each of its seconds

Frame n is second n: make the CVAT task of the video's pictures at one a second, from second 0 on.
CVAT draws boxes between the ones that it is given, so that each second has one of its own, and one
with `outside="1"` stands where the tube has a gap and after its end. The label is the action's
phrase, and a file lists those of its video's clips; coordinates are pixels of `original_size`, the
video as displayed, with two decimals. Videos without a tube have a file without tracks.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

from dataset_builder.domain import Video
from dataset_builder.exporters.paths import below
from dataset_builder.geometry import Box
from dataset_builder.release import Release, Tube


def write_cvat(release: Release, folder: Path) -> None:
    """Write the files into an existing folder."""
    for name, text in cvat_files(release).items():
        below(folder, name).write_text(text, encoding="utf-8", newline="")


def cvat_files(release: Release) -> dict[str, str]:
    """Return the text of each file by its name."""
    clips = {clip.clip_id: clip for clip in release.clips}
    phrases = {action.action_id: action.description for action in release.actions}
    labels: dict[str, set[str]] = {video.video_id: set() for video in release.videos}
    for clip in release.clips:
        labels[clip.video_id].add(phrases[clip.action_id])
    tubes: dict[str, list[tuple[str, Tube]]] = {video.video_id: [] for video in release.videos}
    with_boxes = (tube for tube in release.tubes if tube.boxes)
    for tube in sorted(with_boxes, key=lambda tube: tube.tube_id):
        clip = clips[tube.clip_id]
        tubes[clip.video_id].append((phrases[clip.action_id], tube))
    return {
        f"{video.video_id}.xml": _document(
            release, video, tubes[video.video_id], sorted(labels[video.video_id])
        )
        for video in release.videos
    }


def _document(
    release: Release, video: Video, tubes: Sequence[tuple[str, Tube]], labels: Sequence[str]
) -> str:
    n_frames = max([math.ceil(video.duration_s), *(max(tube.boxes) + 1 for _, tube in tubes)])
    root = ET.Element("annotations")
    _leaf(root, "version", "1.1")
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    _leaf(task, "name", video.video_id)
    _leaf(task, "size", str(n_frames))
    _leaf(task, "mode", "interpolation")
    _leaf(task, "overlap", "0")
    _leaf(task, "bugtracker", f"{release.name} {release.version}")
    _leaf(task, "start_frame", "0")
    _leaf(task, "stop_frame", str(n_frames - 1))
    listed = ET.SubElement(task, "labels")
    for name in labels:
        label = ET.SubElement(listed, "label")
        _leaf(label, "name", name)
        _leaf(label, "type", "rectangle")
        ET.SubElement(label, "attributes")
    size = ET.SubElement(task, "original_size")
    _leaf(size, "width", str(video.width))
    _leaf(size, "height", str(video.height))
    for number, (phrase, tube) in enumerate(tubes):
        track = ET.SubElement(root, "track", id=str(number), label=phrase, source="manual")
        for second, box, is_outside in _shapes(tube, n_frames):
            ET.SubElement(track, "box", _attributes(second, box, video, is_outside=is_outside))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _shapes(tube: Tube, n_frames: int) -> Iterator[tuple[int, Box, bool]]:
    """Yield a box for each second from the tube's first to one after its last; True is a gap."""
    first, last = min(tube.boxes), max(tube.boxes)
    box = tube.boxes[first]
    for second in range(first, min(last + 2, n_frames)):
        is_outside = second not in tube.boxes
        box = tube.boxes.get(second, box)
        yield second, box, is_outside


def _attributes(second: int, box: Box, video: Video, *, is_outside: bool) -> dict[str, str]:
    return {
        "frame": str(second),
        "outside": str(int(is_outside)),
        "occluded": "0",
        "keyframe": "1",
        "xtl": f"{box.x1 * video.width:.2f}",
        "ytl": f"{box.y1 * video.height:.2f}",
        "xbr": f"{box.x2 * video.width:.2f}",
        "ybr": f"{box.y2 * video.height:.2f}",
        "z_order": "0",
    }


def _leaf(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
