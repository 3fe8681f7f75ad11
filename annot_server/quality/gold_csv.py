"""Known answers from a CSV file with the columns `video_id,second,action,x,y,note`.

    video_id,second,action,x,y,note
    qeWv9YqBXAM,12,crack egg,0.41,0.63,The middle of egg and edge of the bowl.
    qeWv9YqBXAM,40,crack egg,,,The hands are out of the picture.

`x` and `y` are fractions of the displayed frame; both empty mean "not visible". `note` (a column
that may be missing) is the sentence that explains the answer in the qualification. A bad row
becomes a problem with its line and the rest goes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataset_builder.domain import action_id_for, check_video_id
from dataset_builder.errors import DatasetError, InputError
from dataset_builder.geometry import Point
from dataset_builder.importers.csv_rows import Record, optional_text_of, read_rows, text_of

COLUMNS = ("video_id", "second", "action", "x", "y")
MAX_NOTE = 400
MAX_SECOND = 10**6


@dataclass(frozen=True, slots=True)
class GoldRow:
    """One known answer and the line it stands on; `point` is None for "not visible"."""

    line: int
    video_id: str
    second: int
    description: str
    point: Point | None
    note: str | None

    @property
    def subject(self) -> tuple[str, str, int]:
        """What is answered: video, action and second."""
        return self.video_id, action_id_for(self.description), self.second


def read_gold_csv(path: Path) -> tuple[tuple[GoldRow, ...], tuple[str, ...]]:
    """Return the good rows in file order, and one line of text for each bad one.

    Raises:
        InputError: the file is missing, is not UTF-8 text, is no CSV, or lacks a column.
    """
    first_lines: dict[tuple[str, str, int], int] = {}

    def read_row(line: int, record: Record) -> GoldRow:
        row = _read_row(line, record)
        if row.subject in first_lines:
            raise InputError(f"the same frame as line {first_lines[row.subject]}; delete one")
        first_lines[row.subject] = line
        return row

    return read_rows(path, COLUMNS, read_row)


def _read_row(line: int, record: Record) -> GoldRow:
    video_id, second, description = (text_of(record, name) for name in COLUMNS[:3])
    check_video_id(video_id)
    action_id_for(description)
    note = optional_text_of(record, "note")
    if note and len(note) > MAX_NOTE:
        raise InputError(f"note has {len(note)} characters, {MAX_NOTE} fit")
    return GoldRow(line, video_id, _second(second), description, _point(record), note)


def _second(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_SECOND:
        raise InputError(f"second must be a whole number of seconds, got {text!r}")
    return int(text)


def _point(record: Record) -> Point | None:
    x, y = optional_text_of(record, "x"), optional_text_of(record, "y")
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise InputError('one of x and y is empty; give both, or neither for "not visible"')
    try:
        return Point(float(x), float(y))
    except ValueError:
        raise InputError(f"x and y must be numbers, got {x!r} and {y!r}") from None
    except DatasetError as error:
        raise InputError(str(error)) from error
