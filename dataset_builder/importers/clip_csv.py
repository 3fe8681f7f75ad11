"""Clips from a CSV file with the columns `video_id,start_s,end_s,action`.

    video_id,start_s,end_s,action
    qeWv9YqBXAM,12,17.5,crack egg

Times are seconds of the video, `end_s` is not part of the clip (R14). A bad row becomes a problem
with its line and the rest goes in; further columns are passed over. Importers of other formats
write such a file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dataset_builder import tables
from dataset_builder.domain import (
    Action,
    Clip,
    Segment,
    action_id_for,
    check_video_id,
    clip_id_for,
)
from dataset_builder.errors import InputError, OutputError
from dataset_builder.importers.csv_rows import Record, read_rows, text_of
from dataset_builder.importers.found_clips import FoundClip

COLUMNS = ("video_id", "start_s", "end_s", "action")


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One good row: what it says, and the line it stands on (the header is line 1)."""

    line: int
    video_id: str
    segment: Segment
    description: str


@dataclass(frozen=True, slots=True)
class ClipTable:
    """A read file: its good rows in file order, and one line of text for each bad one."""

    rows: tuple[ClipRow, ...]
    problems: tuple[str, ...]


def read_clip_csv(path: Path) -> ClipTable:
    """Read a CSV file of clips.

    The same clip twice is a problem of the second row: it would be one clip.

    Raises:
        InputError: the file is missing, is not UTF-8 text, or lacks a column.
    """
    first_lines: dict[str, int] = {}

    def read_row(line: int, record: Record) -> ClipRow:
        row = _read_row(line, record)
        clip_id = _clip_id(row)
        if clip_id in first_lines:
            raise InputError(f"the same clip as line {first_lines[clip_id]}; delete one")
        first_lines[clip_id] = line
        return row

    return ClipTable(*read_rows(path, COLUMNS, read_row))


def write_clip_csv(path: Path, clips: Iterable[FoundClip], *, force: bool = False) -> None:
    """Write clips in the order given, so that `read_clip_csv` returns them.

    Raises:
        OutputError: `path` exists and `force` is not set.
    """
    if path.exists() and not force:
        raise OutputError(f"{path}: exists already; choose another place or pass --force")
    with (
        tables.replaced_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for clip in clips:
            start_s, end_s = _shortest(clip.segment.start_s), _shortest(clip.segment.end_s)
            writer.writerow((clip.video_id, start_s, end_s, clip.description))


def action_of(row: ClipRow) -> Action:
    """Return the row's action."""
    return Action(action_id_for(row.description), row.description)


def clip_of(row: ClipRow, split: str, is_benchmark: bool) -> Clip:
    """Return the row's clip as part of a split."""
    return Clip(
        _clip_id(row),
        row.video_id,
        action_id_for(row.description),
        row.segment,
        split,
        is_benchmark,
    )


def _shortest(seconds: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return repr(float(seconds)).removesuffix(".0")


def _clip_id(row: ClipRow) -> str:
    return clip_id_for(row.video_id, row.segment, action_id_for(row.description))


def _read_row(line: int, record: Record) -> ClipRow:
    video_id, start_s, end_s, description = (text_of(record, name) for name in COLUMNS)
    check_video_id(video_id)
    action_id_for(description)
    return ClipRow(
        line, video_id, Segment(_seconds("start_s", start_s), _seconds("end_s", end_s)), description
    )


def _seconds(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{name} must be a number of seconds, got {value!r}") from None
