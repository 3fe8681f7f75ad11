"""Rows of a CSV file that people wrote: good ones, and a line of text for each bad one.

What is wrong with the whole file (no text, no columns, a quote left open) is raised; what is wrong
with one row becomes a problem with its line, and the rest goes in. Further columns are passed over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from dataset_builder.errors import InputError

Row = TypeVar("Row")
Record = dict[str | None, str | list[str] | None]


def read_rows(
    path: Path, columns: Sequence[str], read_row: Callable[[int, Record], Row]
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Read a CSV file row by row.

    Args:
        path: the file; its first line is the header.
        columns: the columns that it must have.
        read_row: makes a row from its line (the header is line 1) and its record, or raises
            `InputError`, which becomes a problem.

    Returns:
        The good rows in file order, and one line of text for each bad one.

    Raises:
        InputError: the file is missing, is not UTF-8 text, is no CSV, or lacks a column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True)
    rows: list[Row] = []
    problems: list[str] = []
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"{path}:1: the header lacks {', '.join(missing)}; it must be {','.join(columns)}"
            )
        for record in reader:
            line = reader.line_num
            try:
                if None in record:
                    raise InputError(
                        f"has more fields than the header, {record[None]}; quote commas in text"
                    )
                rows.append(read_row(line, record))
            except InputError as error:
                problems.append(f"{path}:{line}: {error}")
    except csv.Error as error:
        raise InputError(
            f"{path}:{reader.line_num + 1}: is no CSV from here on ({error}); is a quote left open?"
        ) from error
    return tuple(rows), tuple(problems)


def text_of(record: Record, name: str) -> str:
    """Return a field's text on one line, with single spaces.

    Raises:
        InputError: it is empty, or spans lines.
    """
    value = optional_text_of(record, name)
    if value is None:
        raise InputError(f"{name} is empty; fill it in")
    return value


def optional_text_of(record: Record, name: str) -> str | None:
    """Return a field's text as `text_of` does, None where it is empty or there is no such column.

    Raises:
        InputError: it spans lines.
    """
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        return None
    if "\n" in value.strip():
        raise InputError(f"{name} spans lines, {value[:40]!r}; is a quote left open?")
    return " ".join(value.split())
