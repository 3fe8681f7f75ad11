"""The rows of GroundingYouTube's published JSON files, unchecked but for their form.

    GoundingYouTubeBox.json  {video_id: {"second": {"box": [x1, y1, x2, y2], "step": ...}}}
    box_anno.json            {video_id: [{"second": 76, "box": [...], "step_name": ...}]}
    id2xy_box*.json          {video_id: {"second": [x1, y1, x2, y2]}}
    seg.json, ground_seg*    {video_id: [{"segment": [first, last], "sentence": ...}]}
    id2wh.json               {video_id: [width, height]} of the video
    id2wh_new.json           {video_id: [width, height]} of the frame that boxes are measured in

The spelling of `GoundingYouTubeBox.json` is the public file's own. Steps are written with `_` or
with spaces, by file; here always with spaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder import json_fields, tables
from dataset_builder.errors import InputError

Size = tuple[int, int]
LANDSCAPE, PORTRAIT = (640, 480), (480, 640)
"""The stretched frames that boxes are measured in."""


@dataclass(frozen=True, slots=True)
class RawBox:
    """One published row, unchecked: whole pixels of a frame of the declared size (R19).

    `step` is the action that the row names, None where the file names none.
    """

    video_id: str
    second: int
    corners: tuple[int, int, int, int]
    frame_size_px: Size
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """One action in one video, from its first second to its last."""

    video_id: str
    first: int
    last: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a file of sizes says: (width, height) in pixels by video; empty where there is none."""

    path: Path | None
    sizes_px: Mapping[str, Size]

    @property
    def are_native(self) -> bool:
        """Whether they are the videos' own; `id2wh_new.json` holds those of stretched frames."""
        return not set(self.sizes_px.values()) <= {LANDSCAPE, PORTRAIT}

    def frame(self, video_id: str) -> Size:
        """Return the size of the stretched frame that a video's boxes are measured in."""
        if self.path is None:
            return LANDSCAPE
        if video_id not in self.sizes_px:
            raise InputError(f"{self.path}: has no size for video {video_id!r}")
        width, height = self.sizes_px[video_id]
        return PORTRAIT if height > width else LANDSCAPE

    def shown(self, video_id: str) -> Size:
        """Return the size of the video itself, or of its stretched frame where that is unknown."""
        return self.sizes_px[video_id] if self.are_native else self.frame(video_id)


def read_segments(path: Path) -> Iterator[Span]:
    """Yield the segments of a file in its order.

    Raises:
        InputError: it is no such file; the video and the entry are named.
    """
    for video_id, where, entry in _entries(path):
        try:
            first, last = json_fields.numbers(entry, "segment", 2)
            sentence = _sentence(json_fields.field(entry, "sentence", str))
            if first < 0 or last < first or first != int(first) or last != int(last):
                raise InputError(f"segment must be whole seconds in order, got {entry['segment']}")
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        yield Span(video_id, int(first), int(last), sentence)


def read_boxes(path: Path, sizes: Sizes) -> Iterator[RawBox]:
    """Yield the rows of a box file in any of its three forms.

    Raises:
        InputError: it is no such file, or holds two boxes for a second; the video and the entry are
            named.
    """
    seen: set[tuple[str, int]] = set()
    for video_id, where, entry in _entries(path):
        try:
            second = json_fields.whole_second(entry)
            corners = json_fields.field(entry, "box", list)
            if len(corners) != 4 or any(type(corner) is not int for corner in corners):
                raise InputError(f"a box must be four whole pixels x1, y1, x2, y2, got {corners}")
            step = entry.get("step", entry.get("step_name"))
            step = None if step is None else _sentence(step)
            if (video_id, second) in seen:
                raise InputError("a second box for the same second; each second stands once")
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        seen.add((video_id, second))
        x1, y1, x2, y2 = corners
        yield RawBox(video_id, second, (x1, y1, x2, y2), sizes.frame(video_id), step)


def read_sizes(path: Path | None) -> Sizes:
    """Read a file of sizes.

    Raises:
        InputError: it is no such file; the video is named.
    """
    sizes_px: dict[str, Size] = {}
    for video_id, size in _by_video(path) if path else ():
        is_size = isinstance(size, list) and len(size) == 2
        if not is_size or any(type(side) is not int or side < 1 for side in size):
            raise InputError(
                f"{path}: size of video {video_id!r} must be [width, height] in whole pixels, "
                f"got {size!r:.60}; id2wh.json holds such"
            )
        sizes_px[video_id] = (size[0], size[1])
    return Sizes(path, sizes_px)


def _entries(path: Path) -> Iterator[tuple[str, str, tables.Row]]:
    """Yield `(video_id, place for messages, entry)`; entries keyed by second get it as a field."""
    for video_id, mine in _by_video(path):
        if isinstance(mine, dict):
            items = [(f"second {name}", _with_second(name, value)) for name, value in mine.items()]
        elif isinstance(mine, list):
            items = [(f"entry {number}", value) for number, value in enumerate(mine)]
        else:
            raise InputError(f"{path}: video {video_id!r}: must be a list or an object of seconds")
        for name, entry in items:
            where = f"{path}: video {video_id!r}, {name}"
            if not isinstance(entry, dict):
                raise InputError(f"{where}: must be an object, got {entry!r:.60}")
            yield video_id, where, entry


def _with_second(name: str, value: object) -> object:
    """Return the entry of second `name` as `box_anno.json` would have it."""
    second = int(name) if name.isascii() and name.isdigit() else name
    if isinstance(value, list):
        return {"second": second, "box": value}
    return value | {"second": second} if isinstance(value, dict) else value


def _by_video(path: Path) -> Iterable[tuple[str, Any]]:
    found = tables.read_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: must be an object of videos by id")
    return found.items()


def _sentence(text: object) -> str:
    """Return a step as the release names it: with single spaces for `_`."""
    words = " ".join(text.replace("_", " ").split()) if isinstance(text, str) else ""
    if not any(letter.isalnum() for letter in words):
        raise InputError(f"an action must be text with a letter or digit, got {text!r:.60}")
    return words
