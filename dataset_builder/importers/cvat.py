"""Clips and answers from the tracks of "CVAT for video 1.1".

A track's label is the action, and each stretch of frames in which it is not `outside` is a clip. A
point that a person set (a keyframe) at the frame of a whole second is that person's click. What
CVAT drew in between is no answer, and neither is a track that a program made (`source="auto"`); one
that a person corrected (`semi-auto`) is an assisted answer.

The file has no frame rate: it must be given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from dataset_builder.errors import InputError
from dataset_builder.geometry import Point
from dataset_builder.importers.cvat_xml import CvatFile, Shape, Track, read_cvat_file
from dataset_builder.importers.found_answers import FoundAnswer, FoundAnswers
from dataset_builder.importers.found_clips import (
    FoundClip,
    FoundClips,
    description_of,
    files_of,
    found_clip,
    refused_at,
)
from dataset_builder.importers.frame_times import second_of, segment_of

_NUMBER = r"(-?\d{1,9}(?:\.\d{1,12})?)"
_POINT = re.compile(rf"{_NUMBER},{_NUMBER}", re.ASCII)
_SIZE = re.compile(r"[1-9]\d{0,5}", re.ASCII)


def read_cvat_clips(source: Path, fps: Fraction) -> FoundClips:
    """Read the clips of one file, or of every `.xml` file of a folder.

    The same clip of several people's files is one clip.

    Raises:
        InputError: a file cannot be read at all.
    """
    clips: dict[str, FoundClip] = {}
    problems: list[str] = []
    for file in _files(source):
        problems += file.problems
        for track in file.tracks:
            where = f"{file.path}:{track.line}"
            with refused_at(where, problems):
                for start, end in _visible(track):
                    segment = segment_of(start, end, fps)
                    clip = found_clip(where, _video_id(file), segment, track.label)
                    clips.setdefault(clip.clip_id, clip)
    return FoundClips(tuple(clips.values()), tuple(problems))


def read_cvat_answers(source: Path, fps: Fraction) -> FoundAnswers:
    """Read the clicks of one file, or of every `.xml` file of a folder.

    The person is the task's assignee, or else the file's name.

    Raises:
        InputError: a file cannot be read at all.
    """
    answers: list[FoundAnswer] = []
    problems: list[str] = []
    n_boxes = 0
    for file in _files(source):
        problems += file.problems
        for track in file.tracks:
            shapes = [s for s in track.shapes if s.is_keyframe and not s.is_outside]
            n_boxes += sum(shape.kind != "points" for shape in shapes)
            for shape in shapes:
                if shape.kind == "points":
                    with refused_at(f"{file.path}:{shape.line}", problems):
                        answers.append(_answer(file, track, shape, fps))
    notes = (f"{n_boxes} shapes are no points and so no answers",) if n_boxes else ()
    return FoundAnswers(tuple(answers), tuple(problems), notes)


def _files(source: Path) -> Iterator[CvatFile]:
    return map(read_cvat_file, files_of(source, ".xml"))


def _video_id(file: CvatFile) -> str:
    return Path(file.video).stem if file.video else file.path.stem


def _visible(track: Track) -> Iterator[tuple[int, int]]:
    """Yield `[start, end)` in frames; a shape stays until the next one, the last is one frame."""
    start = None
    for shape in track.shapes:
        if start is None and not shape.is_outside:
            start = shape.frame
        elif start is not None and shape.is_outside:
            yield start, shape.frame
            start = None
    if start is not None:
        yield start, track.shapes[-1].frame + 1


def _answer(file: CvatFile, track: Track, shape: Shape, fps: Fraction) -> FoundAnswer:
    if track.source == "auto":
        raise InputError("was set by a program; it is no answer")
    second = second_of(shape.frame, fps)
    if second is None:
        raise InputError(f"frame {shape.frame} is not that of a whole second at {fps} a second")
    size_px = _size(file)
    match = _POINT.fullmatch(shape.points.strip())
    if not match:
        raise InputError(f"an answer is one point x,y in pixels, got {shape.points!r:.40}")
    x, y = map(float, match.groups())
    return FoundAnswer(
        f"{file.path}:{shape.line}",
        _video_id(file),
        description_of(track.label),
        second,
        file.person or file.path.stem,
        Point(x / size_px[0], y / size_px[1]),
        track.source == "semi-auto",
        size_px,
    )


def _size(file: CvatFile) -> tuple[int, int]:
    width, height = (file.size_px.get(side, "") for side in ("width", "height"))
    if not (_SIZE.fullmatch(width) and _SIZE.fullmatch(height)):
        raise InputError(f"the file's original_size is {width!r:.20} x {height!r:.20}, no pixels")
    return int(width), int(height)
