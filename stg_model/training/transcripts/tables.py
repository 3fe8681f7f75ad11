"""Transcripts in CSV files.

    start,end,text              one file a video, named by its id (the captions of HowTo100M)
    video_id,start,end,text     one file for many videos

Columns may stand in any order and others are passed over. A row whose text is empty or NaN, as
pandas writes where there is none, is no sentence.
"""

from __future__ import annotations

from pathlib import Path

from dataset_builder.importers.csv_rows import Record, read_rows, text_of
from stg_model.training.transcripts.found import Row

COLUMNS = ("start", "end", "text")
NO_TEXT = ("nan", "NaN")


def rows_of(path: Path, video_id: str, problems: list[str]) -> tuple[Row, ...]:
    """Return the sentences of a file, with their lines.

    Args:
        path: the file.
        video_id: the video of rows that name none.
        problems: receives a line for each refused row.

    Raises:
        InputError: the file is no CSV in UTF-8 or lacks a column.
    """

    def read_row(line: int, record: Record) -> Row:
        text = record["text"]
        named = text_of(record, "video_id") if "video_id" in record else video_id
        return Row(
            f"{path}:{line}",
            named,
            record["start"],
            record["end"],
            None if text in NO_TEXT else text,
        )

    rows, refused = read_rows(path, COLUMNS, read_row)
    problems += refused
    return rows
