"""Clips from GroundingYouTube's files of segments (`seg.json`, `ground_seg.json`...).

    {video_id: [{"segment": [19, 23], "id": 0, "sentence": "beat_egg"}]}

A segment is whole seconds and holds its last one, so that the clip ends a second later (R14). One
whose first second is its last is a clip of one second; the public loader leaves those out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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


def read_grounding_youtube_clips(path: Path) -> FoundClips:
    """Read a file's clips; the notes count those of one second.

    Raises:
        InputError: the file is missing, is no JSON, or is no object of videos.
    """
    content = tables.read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: should be an object of videos, as seg.json is")
    problems: list[str] = []
    found: list[FoundClip] = []
    for video_id, entries in content.items():
        where = f"{path}: [{video_id!r}]"
        with refused_at(where, problems):
            check_video_id(video_id)
            if not isinstance(entries, list):
                raise InputError(f"should be a list of segments, got {entries!r:.60}")
            found += _clips_of(where, video_id, entries, problems)
    clips = tuple(each_once(found, problems))
    n_single = sum(clip.segment.end_s - clip.segment.start_s == 1 for clip in clips)
    notes = (f"segments of zero length, now clips of one second: {n_single}",) if n_single else ()
    return FoundClips(clips, tuple(problems), notes)


def _clips_of(
    where: str, video_id: str, entries: list[object], problems: list[str]
) -> Iterator[FoundClip]:
    for number, entry in enumerate(entries):
        place = f"{where}[{number}]"
        with refused_at(place, problems):
            if not isinstance(entry, dict):
                raise InputError(f"should be an object, got {entry!r:.60}")
            first, last = json_fields.numbers(entry, "segment", 2)
            if not (first.is_integer() and last.is_integer() and 0 <= first <= last < 10**9):
                raise InputError(f"segment must be whole seconds in order, got {entry['segment']}")
            sentence = json_fields.field(entry, "sentence", str)
            yield found_clip(place, video_id, Segment(first, last + 1), sentence)
