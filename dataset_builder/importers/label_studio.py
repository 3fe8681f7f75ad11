"""Clips and answers from Label Studio's JSON export: a list of tasks, each with its annotations.

Of a video's task every timeline label is a clip. Frames count from 1, and a range holds its last
one; the frame rate is not in the file and must be given. Of a frame's task every annotation is one
person's answer: its key point, in percent of the picture, is the click; the choice "not visible"
or no region at all says just that. Which frame it is about stands in the task's `data`:

    {"data": {"image": .., "video_id": "v1", "second": 12, "action": "crack egg"},
     "annotations": [{"completed_by": 3, "result": [{"type": "keypointlabels", "value": ..}]}]}

Both kinds of tasks may stand in one file. Predictions, drafts and skipped tasks are no answers; an
annotation that began as a prediction is an assisted one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from dataset_builder import json_fields, tables
from dataset_builder.errors import InputError
from dataset_builder.geometry import Point
from dataset_builder.importers.found_answers import FoundAnswer, FoundAnswers
from dataset_builder.importers.found_clips import (
    FoundClip,
    FoundClips,
    description_of,
    files_of,
    found_clip,
    refused_at,
)
from dataset_builder.importers.frame_times import segment_of

_TIMELINE = "timelinelabels"
_KEY_POINTS = ("keypoint", "keypointlabels")
_FRAME = ("video_id", "second", "action")
_MAX_FRAME = 10**9
_FILE_NAME = re.compile(r"([^/?=&]+)\.\w+(?=$|[?&])")
_NOT_VISIBLE = re.compile(r"\bnot[\s_-]visible$", re.IGNORECASE)
_UPLOAD = re.compile(r"/upload/\d+/[0-9a-f]{8}-")


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What one person handed in for one task."""

    where: str
    data: tables.Row
    content: tables.Row
    regions: tuple[tables.Row, ...]

    @property
    def kinds(self) -> list[object]:
        return [region.get("type") for region in self.regions]


def read_label_studio_clips(source: Path, fps: Fraction) -> FoundClips:
    """Read the timeline labels of one file, or of every `.json` file of a folder.

    The same clip of several people is one clip.

    Raises:
        InputError: a file cannot be read at all.
    """
    clips: dict[str, FoundClip] = {}
    problems: list[str] = []
    for annotation in _annotations(source, problems):
        for number, region in enumerate(annotation.regions):
            if region.get("type") == _TIMELINE:
                where = f"{annotation.where}.result[{number}]"
                with refused_at(where, problems):
                    for clip in _clips_of(where, _video_id(annotation.data), region, fps):
                        clips.setdefault(clip.clip_id, clip)
    return FoundClips(tuple(clips.values()), tuple(problems))


def read_label_studio_answers(source: Path) -> FoundAnswers:
    """Read the answers of one file, or of every `.json` file of a folder.

    Annotations that say of nobody that they are theirs count as so many people's.

    Raises:
        InputError: a file cannot be read at all.
    """
    answers: list[FoundAnswer] = []
    problems: list[str] = []
    for annotation in _annotations(source, problems):
        if "second" in annotation.data or any(kind in _KEY_POINTS for kind in annotation.kinds):
            with refused_at(annotation.where, problems):
                answers.append(_answer(annotation))
    return FoundAnswers(tuple(answers), tuple(problems))


def video_id_of(video: str) -> str:
    """Return the id of a video from the place where Label Studio finds it.

    >>> video_id_of("/data/upload/3/0a1b2c3d-v1.mp4")
    'v1'
    >>> video_id_of("/data/local-files/?d=cooking/v1.mp4")
    'v1'
    >>> video_id_of("https://example.org/v1.mp4?signature=a/b.c")
    'v1'

    Raises:
        InputError: there is no file name in it.
    """
    match = _FILE_NAME.search(_UPLOAD.sub("/", video))
    if not match:
        raise InputError(f"video {video!r:.80} names no file; add 'video_id' to the task's data")
    return match[1]


def _annotations(source: Path, problems: list[str]) -> Iterator[_Annotation]:
    for path in files_of(source, ".json"):
        tasks = tables.read_json(path)
        if not isinstance(tasks, list):
            raise InputError(f"{path}: should be a list of tasks, as Label Studio exports as JSON")
        for number, task in enumerate(tasks):
            where = f"{path}: [{number}]"
            with refused_at(where, problems):
                data = json_fields.field(_object(task), "data", dict)
                found = json_fields.field(task, "annotations", list)
                yield from _handed_in(f"{where}.annotations", data, found, problems)


def _handed_in(
    where: str, data: tables.Row, found: list[object], problems: list[str]
) -> Iterator[_Annotation]:
    for number, content in enumerate(found):
        place = f"{where}[{number}]"
        with refused_at(place, problems):
            annotation = _object(content)
            if annotation.get("was_cancelled"):
                continue
            regions = json_fields.field(annotation, "result", list)
            yield _Annotation(place, data, annotation, tuple(map(_object, regions)))


def _clips_of(where: str, video_id: str, region: tables.Row, fps: Fraction) -> Iterator[FoundClip]:
    value = json_fields.field(region, "value", dict)
    labels = json_fields.field(value, _TIMELINE, list)
    for span in map(_object, json_fields.field(value, "ranges", list)):
        first, last = (json_fields.field(span, name, int) for name in ("start", "end"))
        if not 1 <= first <= last <= _MAX_FRAME:
            raise InputError(f"a range must be frames from 1 on, in order, got {first}..{last}")
        segment = segment_of(first - 1, last, fps)
        for label in labels:
            if not isinstance(label, str):
                raise InputError(f"a label must be text, got {label!r:.40}")
            yield found_clip(where, video_id, segment, label)


def _answer(annotation: _Annotation) -> FoundAnswer:
    missing = [name for name in _FRAME if name not in annotation.data]
    if missing:
        raise InputError(f"the task's data lacks {', '.join(missing)}; say which frame this is")
    clicks = [r for r in annotation.regions if r.get("type") in _KEY_POINTS]
    n_said = len(clicks) + any(map(_says_not_visible, annotation.regions))
    if n_said > 1 or (annotation.regions and n_said == 0):
        kinds = ", ".join(map(str, annotation.kinds))
        raise InputError(f"an answer is one key point or none, got {kinds:.80}")
    return FoundAnswer(
        annotation.where,
        json_fields.field(annotation.data, "video_id", str),
        description_of(json_fields.field(annotation.data, "action", str)),
        json_fields.whole_second(annotation.data),
        _person(annotation),
        _point(clicks[0]) if clicks else None,
        _began_as_prediction(annotation),
        _size(clicks[0]) if clicks else None,
    )


def _says_not_visible(region: tables.Row) -> bool:
    value = region.get("value")
    choices = value.get("choices") if isinstance(value, dict) else None
    return isinstance(choices, list) and any(
        isinstance(choice, str) and _NOT_VISIBLE.search(choice) for choice in choices
    )


def _point(region: tables.Row) -> Point:
    value = json_fields.field(region, "value", dict)
    if region.get("image_rotation", 0) != 0:
        raise InputError(f"the picture was turned by {region['image_rotation']!r:.20} degrees")
    x, y = (json_fields.number(value.get(name), name) for name in ("x", "y"))
    return Point(x / 100, y / 100)


def _size(region: tables.Row) -> tuple[int, int] | None:
    if "original_width" not in region:
        return None
    width, height = (json_fields.field(region, f"original_{s}", int) for s in ("width", "height"))
    return width, height


def _person(annotation: _Annotation) -> str:
    person = annotation.content.get("completed_by")
    if isinstance(person, dict):
        person = person.get("email", person.get("id"))
    return annotation.where if person is None else f"{person}"


def _began_as_prediction(annotation: _Annotation) -> bool:
    return annotation.content.get("parent_prediction") is not None or any(
        region.get("origin") in ("prediction", "prediction-changed")
        for region in annotation.regions
    )


def _video_id(data: tables.Row) -> str:
    if "video_id" in data:
        video_id: str = json_fields.field(data, "video_id", str)
        return video_id
    return video_id_of(json_fields.field(data, "video", str))


def _object(value: Any) -> tables.Row:
    if not isinstance(value, dict):
        raise InputError(f"should be an object, got {value!r:.60}")
    return value
