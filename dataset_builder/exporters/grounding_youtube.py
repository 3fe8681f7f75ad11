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
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
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
    return {name: "".join(parts) for name, parts in _texts(release).items()}


def _texts(release: Release) -> dict[str, Iterator[str]]:
    """Return each file in parts, video by video, so that none is held whole."""
    sentences = {action.action_id: action.description for action in release.actions}
    videos = sorted(release.videos, key=lambda video: video.video_id)
    clips = _clips_of_videos(release)
    seconds = _seconds_of_clips(release)

    def segments(video: Video) -> list[dict[str, Any]]:
        shown = [(frame_seconds(clip.segment)[0], clip) for clip in clips[video.video_id]]
        return [
            {"segment": [whole[0], whole[-1]], "id": n, "sentence": sentences[clip.action_id]}
            for n, (whole, clip) in enumerate(shown)
        ]

    def boxes(video: Video) -> Iterator[tuple[int, Clip, list[int]]]:
        size = _frame_size(video)
        for second, clip in _chosen(clips[video.video_id], seconds):
            yield second, clip, _pixels(release.boxes[clip.clip_id, second], size)

    def box_of_second(video: Video) -> dict[str, list[int]]:
        return {str(second): pixels for second, _, pixels in boxes(video)}

    def step_of_second(video: Video) -> dict[str, dict[str, Any]]:
        return {
            str(second): {"box": pixels, "step": sentences[clip.action_id]}
            for second, clip, pixels in boxes(video)
        }

    native = {video.video_id: [video.width, video.height] for video in videos}
    stretched = {video.video_id: list(_frame_size(video)) for video in videos}
    # Spacing as in the public files: the first three on one line, the sizes indented by four.
    return {
        "seg.json": _object((video.video_id, segments(video)) for video in videos),
        "id2xy_box.json": _object((video.video_id, box_of_second(video)) for video in videos),
        "GoundingYouTubeBox.json": _object((v.video_id, step_of_second(v)) for v in videos),
        "id2wh.json": iter([json.dumps(native, indent=4)]),
        "id2wh_new.json": iter([json.dumps(stretched, indent=4)]),
    }


def _object(members: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Yield what `json.dumps` returns of a dictionary, member by member."""
    before = "{"
    for name, value in members:
        yield f"{before}{json.dumps(name)}: {json.dumps(value)}"
        before = ", "
    yield "{}" if before == "{" else "}"


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
    for name, parts in _texts(release).items():
        with (folder / name).open("w", encoding="ascii", newline="") as file:
            file.writelines(parts)


def shared_seconds(release: Release) -> int:
    """Return how many boxes these files leave out because an earlier clip has that second."""
    seconds = _seconds_of_clips(release)
    n_chosen = sum(len(_chosen(mine, seconds)) for mine in _clips_of_videos(release).values())
    return len(release.boxes) - n_chosen


def _chosen(clips: Iterable[Clip], seconds: Mapping[str, list[int]]) -> list[tuple[int, Clip]]:
    """Return the seconds of a video that have a box, rising, each with the clip whose it is."""
    chosen: dict[int, Clip] = {}
    for clip in clips:
        for second in seconds.get(clip.clip_id, ()):
            chosen.setdefault(second, clip)
    return sorted(chosen.items(), key=lambda item: item[0])


def _seconds_of_clips(release: Release) -> dict[str, list[int]]:
    """Return the seconds of each clip that have a box."""
    seconds: dict[str, list[int]] = {}
    for clip_id, second in release.boxes:
        seconds.setdefault(clip_id, []).append(second)
    return seconds


def _clips_of_videos(release: Release) -> dict[str, list[Clip]]:
    """Return the clips of each video in the order of time."""
    found: dict[str, list[Clip]] = {video.video_id: [] for video in release.videos}
    key = attrgetter("segment.start_s", "segment.end_s", "clip_id")
    for clip in sorted(release.clips, key=key):
        found[clip.video_id].append(clip)
    return found


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
