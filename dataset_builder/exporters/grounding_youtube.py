"""The JSON files of GroundingYouTube, as its public loaders read them.

    seg.json                {video_id: [{"segment": [first, last], "id": 0, "sentence": ...}]}
    id2xy_box.json          {video_id: {"second": [x1, y1, x2, y2]}}
    GoundingYouTubeBox.json {video_id: {"second": {"box": [x1, y1, x2, y2], "step": ...}}}
    id2wh.json              {video_id: [width, height]} of the video
    id2wh_new.json          {video_id: [width, height]} of the frame that the boxes are measured in

Seconds are whole and the last one belongs to the segment. Boxes are whole pixels of a stretched
640x480 frame (480x640 for portrait videos, as in the public files), each side the nearest pixel.
The public loaders skip segments of one second (first = last); the files hold them all the same.
The spelling of `GoundingYouTubeBox.json` is the public file's own.

These files know a second of a video, not a clip. Where two clips share a second, the box of the
earlier clip stands (by start, end, id); `shared_seconds` counts what that leaves out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataset_builder.domain import Clip, Video, frame_seconds
from dataset_builder.geometry import Box
from dataset_builder.release import Release

logger = logging.getLogger(__name__)

FOLDER = "compat/grounding-youtube"
"""Where a release keeps these files."""

_LONG_SIDE, _SHORT_SIDE = 640, 480


def grounding_youtube_files(release: Release) -> dict[str, str]:
    """Return the text of each file by its name; every video of the release stands in each file."""
    sentences = {action.action_id: action.description for action in release.actions}
    sizes = {video.video_id: _frame_size(video) for video in release.videos}
    segments: dict[str, list[Any]] = {video_id: [] for video_id in sorted(sizes)}
    boxes: dict[str, dict[str, list[int]]] = {video_id: {} for video_id in sorted(sizes)}
    steps: dict[str, dict[str, Any]] = {video_id: {} for video_id in sorted(sizes)}
    for clip in _clips_in_time(release):
        seconds, _ = frame_seconds(clip.segment)
        mine = segments[clip.video_id]
        sentence = sentences[clip.action_id]
        mine.append({"segment": [seconds[0], seconds[-1]], "id": len(mine), "sentence": sentence})
    for video_id, second, clip, box in _boxes_of_seconds(release):
        pixels = _pixels(box, sizes[video_id])
        boxes[video_id][str(second)] = pixels
        steps[video_id][str(second)] = {"box": pixels, "step": sentences[clip.action_id]}
    native = {v.video_id: [v.width, v.height] for v in _by_id(release.videos)}
    stretched = {video_id: list(sizes[video_id]) for video_id in sorted(sizes)}
    # Spacing as in the public files: the first three on one line, the sizes indented by four.
    return {
        "seg.json": json.dumps(segments),
        "id2xy_box.json": json.dumps(boxes),
        "GoundingYouTubeBox.json": json.dumps(steps),
        "id2wh.json": json.dumps(native, indent=4),
        "id2wh_new.json": json.dumps(stretched, indent=4),
    }


def write_grounding_youtube(release: Release, folder: Path) -> None:
    """Write the files into a folder, which is made where it is missing; warn of boxes left out."""
    n_shared = shared_seconds(release)
    if n_shared:
        logger.warning(
            "GroundingYouTube's JSON has room for one box a second of a video: "
            "%d boxes of later clips are not in it",
            n_shared,
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in grounding_youtube_files(release).items():
        (folder / name).write_text(text, encoding="ascii", newline="")


def shared_seconds(release: Release) -> int:
    """Return how many boxes these files leave out because an earlier clip has that second."""
    return len(release.boxes) - sum(1 for _ in _boxes_of_seconds(release))


def _boxes_of_seconds(release: Release) -> Iterator[tuple[str, int, Clip, Box]]:
    """Yield one box for each second of each video that has any, videos and seconds rising."""
    chosen: dict[tuple[str, int], tuple[Clip, Box]] = {}
    of_clip: dict[str, dict[int, Box]] = {}
    for (clip_id, second), box in release.boxes.items():
        of_clip.setdefault(clip_id, {})[second] = box
    for clip in _clips_in_time(release):
        for second, box in of_clip.get(clip.clip_id, {}).items():
            chosen.setdefault((clip.video_id, second), (clip, box))
    for (video_id, second), (clip, box) in sorted(chosen.items(), key=lambda item: item[0]):
        yield video_id, second, clip, box


def _clips_in_time(release: Release) -> list[Clip]:
    return sorted(
        release.clips, key=lambda c: (c.video_id, c.segment.start_s, c.segment.end_s, c.clip_id)
    )


def _by_id(videos: tuple[Video, ...]) -> list[Video]:
    return sorted(videos, key=lambda video: video.video_id)


def _frame_size(video: Video) -> tuple[int, int]:
    is_portrait = video.height > video.width
    return (_SHORT_SIDE, _LONG_SIDE) if is_portrait else (_LONG_SIDE, _SHORT_SIDE)


def _pixels(box: Box, size: tuple[int, int]) -> list[int]:
    width, height = size
    return [
        round(box.x1 * width),
        round(box.y1 * height),
        round(box.x2 * width),
        round(box.y2 * height),
    ]
