"""Clips from the JSON of ActivityNet's temporal localisation.

    {"database": {video_id: {"subset": .., "annotations": [{"label": .., "segment": [s, e]}]}}}

Segments are seconds of the video, and the end is not part of the clip. `version`, `taxonomy`,
`duration` and further fields are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataset_builder import json_fields, tables
from dataset_builder.domain import Segment, check_video_id
from dataset_builder.errors import InputError
from dataset_builder.importers.found_clips import (
    FoundClip,
    FoundClips,
    each_once,
    found_clip,
    refused_at,
)


def read_activitynet(path: Path, subset: str | None = None) -> FoundClips:
    """Read a file's clips, or those of one subset.

    Raises:
        InputError: the file is missing, is no JSON, has no database, or no video of the subset.
    """
    content = tables.read_json(path)
    database = content.get("database") if isinstance(content, dict) else None
    if not isinstance(database, dict):
        raise InputError(f"{path}: should be an object whose 'database' is an object of videos")
    problems: list[str] = []
    clips: list[FoundClip] = []
    subsets: set[str] = set()
    for video_id, entry in database.items():
        where = f"{path}: database[{video_id!r}]"
        with refused_at(where, problems):
            subsets.add(_subset(entry))
            if subset in (None, _subset(entry)):
                check_video_id(video_id)
                clips += _clips_of(where, video_id, entry, problems)
    if subset is not None and subset not in subsets:
        raise InputError(f"{path}: has no subset {subset!r}, only {', '.join(sorted(subsets))}")
    return FoundClips(tuple(each_once(clips, problems)), tuple(problems))


def _clips_of(
    where: str, video_id: str, entry: tables.Row, problems: list[str]
) -> Iterator[FoundClip]:
    for number, annotation in enumerate(json_fields.field(entry, "annotations", list)):
        place = f"{where}.annotations[{number}]"
        with refused_at(place, problems):
            if not isinstance(annotation, dict):
                raise InputError(f"should be an object, got {annotation!r:.60}")
            label = json_fields.field(annotation, "label", str)
            start_s, end_s = json_fields.numbers(annotation, "segment", 2)
            yield found_clip(place, video_id, Segment(start_s, end_s), label)


def _subset(entry: Any) -> str:
    if not isinstance(entry, dict):
        raise InputError(f"should be an object, got {entry!r:.60}")
    subset: str = json_fields.field(entry, "subset", str) if "subset" in entry else ""
    return subset
