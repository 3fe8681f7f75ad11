"""Clips as the JSON of ActivityNet's temporal localisation.

    activitynet.json   {"version", "taxonomy": [nodes], "database": {video_id: {...}}}

A video has `subset` (our split), `duration` in seconds, `resolution` "WxH" as displayed and its
`annotations`: `label` (the action's phrase) and `segment` [start, end] in seconds, the end not part
of it. Each also has `clip_id` and `action_id`, which ActivityNet's readers pass over. Every video
stands in it, and the taxonomy is one root with the actions below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.domain import Clip, Video
from dataset_builder.errors import InputError
from dataset_builder.exporters.seconds import action_numbers
from dataset_builder.release import Release

FILE = "activitynet.json"
_ROOT = {"nodeId": 0, "nodeName": "Root", "parentId": None, "parentName": None}


def write_activitynet(release: Release, folder: Path) -> None:
    """Write the file into an existing folder; errors as for `activitynet_dataset`."""
    text = tables.compact_json(activitynet_dataset(release)) + "\n"
    (folder / FILE).write_text(text, encoding="ascii", newline="")


def activitynet_dataset(release: Release) -> dict[str, Any]:
    """Return the content of the file.

    Raises:
        InputError: the clips of one video are of several splits, or two actions have one phrase.
    """
    phrases = {action.action_id: action.description for action in release.actions}
    _refuse_twins(phrases)
    clips: dict[str, list[Clip]] = {video.video_id: [] for video in release.videos}
    for clip in release.clips:
        clips[clip.video_id].append(clip)
    nodes = [
        {"nodeId": number, "nodeName": phrases[action_id], "parentId": 0, "parentName": "Root"}
        for action_id, number in action_numbers(release).items()
    ]
    return {
        "version": f"{release.name} {release.version}",
        "taxonomy": [_ROOT, *nodes],
        "database": {
            video.video_id: _entry(video, clips[video.video_id], phrases)
            for video in release.videos
        },
    }


def _entry(video: Video, clips: list[Clip], phrases: dict[str, str]) -> dict[str, Any]:
    splits = sorted({clip.split for clip in clips})
    if len(splits) > 1:
        raise InputError(
            f"video {video.video_id!r} has clips of the splits {', '.join(splits)}; "
            "ActivityNet knows one a video"
        )
    ordered = sorted(clips, key=lambda c: (c.segment.start_s, c.segment.end_s, c.clip_id))
    return {
        "subset": splits[0] if splits else "",
        "duration": video.duration_s,
        "resolution": f"{video.width}x{video.height}",
        "annotations": [
            {
                "label": phrases[clip.action_id],
                "segment": [clip.segment.start_s, clip.segment.end_s],
                "clip_id": clip.clip_id,
                "action_id": clip.action_id,
            }
            for clip in ordered
        ],
    }


def _refuse_twins(phrases: dict[str, str]) -> None:
    first: dict[str, str] = {}
    for action_id, phrase in sorted(phrases.items()):
        if phrase in first:
            raise InputError(
                f"actions {first[phrase]!r} and {action_id!r} are both called {phrase!r}; "
                "ActivityNet knows actions by their phrase"
            )
        first[phrase] = action_id
