"""The file that CVAT exports as "CVAT for video 1.1", with the line of everything in it.

    <annotations>
      <meta> .. <original_size><width>1280</width><height>720</height></original_size>
             .. <assignee><username>..</username></assignee> .. <source>v1.mp4</source> .. </meta>
      <track id="0" label="crack egg" source="manual">
        <points frame="0" outside="0" keyframe="1" points="640.00,360.00"/>
        <box frame="1" outside="1" keyframe="1" xtl=".." ytl=".." xbr=".." ybr=".."/>
      </track>
    </annotations>

Frames count from 0 in the video, also where the task shows only some of them; coordinates are
pixels of `original_size`. A document type declaration is refused, so that no entity is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from dataset_builder.errors import InputError
from dataset_builder.importers.found_clips import refused_at

SHAPES = frozenset(
    {"box", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "skeleton"}
)
_FRAME = re.compile(r"\d{1,9}", re.ASCII)
_META = ("annotations", "meta")


@dataclass(frozen=True, slots=True)
class Shape:
    """A track at one frame; `is_keyframe` says that a person (or program) set it there."""

    line: int
    kind: str
    frame: int
    is_outside: bool
    is_keyframe: bool
    points: str


@dataclass(frozen=True, slots=True)
class Track:
    """One object through time, its shapes in the order of frames."""

    line: int
    label: str
    source: str
    shapes: tuple[Shape, ...]


@dataclass(slots=True)
class CvatFile:
    """A read file; `video` is the name of the video's file, `person` who annotated, "" unknown."""

    path: Path
    video: str = ""
    person: str = ""
    size_px: dict[str, str] = field(default_factory=dict)
    tracks: list[Track] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_cvat_file(path: Path) -> CvatFile:
    """Read a file; a track or shape that is none is among the problems, and the rest goes in.

    Raises:
        InputError: the file is missing, is no XML, or is no video's (its line is named).
    """
    reader = _Reader(path)
    try:
        with path.open("rb") as handle:
            reader.parser.ParseFile(handle)
    except expat.ExpatError as error:
        reason = "is a ZIP file; unpack annotations.xml" if _is_zip(path) else f"is no XML: {error}"
        raise InputError(f"{path}:{error.lineno}: {reason}") from error
    except (LookupError, ValueError) as error:
        raise InputError(f"{path}: is in an unknown encoding ({error}); save as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    return reader.found


class _Reader:
    """Hears of one element after the other."""

    def __init__(self, path: Path) -> None:
        self.found = CvatFile(path)
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._hear
        self._names: list[str] = []
        self._text = ""
        self._track: Mapping[str, str] = {}
        self._track_line = 0
        self._shapes: dict[int, Shape] = {}

    @property
    def _line(self) -> int:
        return self.parser.CurrentLineNumber

    def _refuse_doctype(self, *_: object) -> None:
        raise InputError(f"{self.found.path}:{self._line}: has a document type; remove that line")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._names and name != "annotations":
            raise InputError(f"{self.found.path}:{self._line}: is <{name}>, not CVAT's annotations")
        self._names.append(name)
        self._text = ""
        if self._names in (["annotations", "image"], [*_META, "project"]):
            raise InputError(
                f"{self.found.path}:{self._line}: is no single video's; "
                "export the task of one video as 'CVAT for video 1.1'"
            )
        if self._names == ["annotations", "track"]:
            self._track, self._track_line, self._shapes = attributes, self._line, {}
        elif self._names[:-1] == ["annotations", "track"] and name in SHAPES:
            with refused_at(f"{self.found.path}:{self._line}", self.found.problems):
                shape = _shape(self._line, name, attributes)
                if shape.frame in self._shapes:
                    raise InputError(f"a second shape of its track at frame {shape.frame}")
                self._shapes[shape.frame] = shape

    def _hear(self, text: str) -> None:
        self._text += text

    def _end(self, name: str) -> None:
        names, text = self._names, self._text.strip()
        if names == ["annotations", "track"]:
            self.found.tracks.append(self._finished_track())
        elif names[:2] == list(_META):
            if name == "source":
                self.found.video = text
            elif names[-2:-1] == ["original_size"]:
                self.found.size_px[name] = text
            elif names[-2:] == ["assignee", "username"]:
                self.found.person = text
        self._text = ""
        names.pop()

    def _finished_track(self) -> Track:
        shapes = tuple(self._shapes[frame] for frame in sorted(self._shapes))
        label, source = self._track.get("label", ""), self._track.get("source", "manual")
        return Track(self._track_line, label, source, shapes)


def _shape(line: int, kind: str, attributes: Mapping[str, str]) -> Shape:
    frame = attributes.get("frame", "")
    if not _FRAME.fullmatch(frame):
        raise InputError(f"frame must be a whole number from 0, got {frame!r:.40}")
    return Shape(
        line,
        kind,
        int(frame),
        _flag(attributes, "outside", "0"),
        _flag(attributes, "keyframe", "1"),
        attributes.get("points", ""),
    )


def _flag(attributes: Mapping[str, str], name: str, default: str) -> bool:
    value = attributes.get(name, default)
    if value not in ("0", "1"):
        raise InputError(f"{name} must be 0 or 1, got {value!r:.40}")
    return value == "1"


def _is_zip(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(2) == b"PK"
