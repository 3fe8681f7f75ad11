"""Clips that another project's file names, each with its place in that file.

What is wrong with one of them becomes a problem that begins with the place, and the rest goes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.domain import Segment, action_id_for, check_video_id, clip_id_for
from dataset_builder.errors import GeometryError, InputError


@dataclass(frozen=True, slots=True)
class FoundClip:
    """One clip: `where` is its file and line, or its file and path of names in it."""

    where: str
    video_id: str
    segment: Segment
    description: str

    @property
    def clip_id(self) -> str:
        """The id under which the clip goes on."""
        return clip_id_for(self.video_id, self.segment, action_id_for(self.description))


@dataclass(frozen=True, slots=True)
class FoundClips:
    """What was found: clips in the files' order, and one line of text for each refused one.

    `notes` are lines that sum up, such as which labels have no class.
    """

    clips: tuple[FoundClip, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def files_of(source: Path, suffix: str) -> list[Path]:
    """Return the file, or a folder's files of this suffix in the order of their names.

    Raises:
        InputError: the folder holds none.
    """
    paths = sorted(source.glob(f"*{suffix}")) if source.is_dir() else [source]
    if not paths:
        raise InputError(f"{source}: holds no {suffix} file")
    return paths


def found_clip(where: str, video_id: str, segment: Segment, phrase: str) -> FoundClip:
    """Return a clip.

    Raises:
        InputError: the id or the phrase cannot be one.
    """
    return FoundClip(where, check_video_id(video_id), segment, description_of(phrase))


def description_of(phrase: str) -> str:
    """Return the text of an action from a phrase: with single spaces, also for `_`.

    >>> description_of(" crack__the  egg")
    'crack the egg'

    Raises:
        InputError: it holds no letter or digit.
    """
    description = " ".join(phrase.replace("_", " ").split())
    action_id_for(description)
    try:
        description.encode()
    except UnicodeEncodeError:
        raise InputError(f"action {description!r} holds half a character; write it anew") from None
    return description


def each_once(clips: Iterable[FoundClip], problems: list[str]) -> Iterator[FoundClip]:
    """Yield the clips; one that stands a second time becomes a problem of its second place."""
    places: dict[str, str] = {}
    for clip in clips:
        if clip.clip_id in places:
            problems.append(f"{clip.where}: the same clip as {places[clip.clip_id]}; delete one")
        else:
            places[clip.clip_id] = clip.where
            yield clip


@contextmanager
def refused_at(where: str, problems: list[str]) -> Iterator[None]:
    """Make an `InputError` or `GeometryError` of the block a problem at this place."""
    try:
        yield
    except (InputError, GeometryError) as error:
        problems.append(f"{where}: {error}")
