"""What the readers find: rows as they stand, and the transcripts that good rows make.

A row that is wrong becomes a problem with its place and the rest goes in. A row without a word
(public files hold NaN there) is no problem; such rows are counted.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dataset_builder.domain import check_video_id
from dataset_builder.errors import InputError
from stg_model.features.words import words_of
from stg_model.training.narrations import Sentence


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence as a file has it; `where` is its file and line, or its file, video and number.

    Times are seconds, as numbers or as text; nothing is checked yet.
    """

    where: str
    video_id: str
    start: Any
    end: Any
    text: Any


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Sentences of each video in their file's order; refused rows, one line of text each.

    `notes` are lines that sum up what was passed over without being wrong.
    """

    videos: Mapping[str, tuple[Sentence, ...]]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_sentences(self) -> int:
        """Sentences of all videos."""
        return sum(map(len, self.videos.values()))


@dataclass(slots=True)
class Found:
    """Transcripts in the making; a video belongs to the first file that has it."""

    problems: list[str] = field(default_factory=list)
    n_wordless: int = 0
    n_repeated: int = 0
    n_passed_over: int = 0
    _sentences: dict[str, list[Sentence]] = field(default_factory=dict)
    _file_of: dict[str, str] = field(default_factory=dict)

    def add_file(self, file: str, rows: Iterable[Row]) -> None:
        """Take a file's rows; those of a video that another file had are one problem."""
        taken: set[str] = set()
        for row in rows:
            first = self._file_of.setdefault(row.video_id, file)
            if first != file:
                if row.video_id not in taken:
                    taken.add(row.video_id)
                    self.problems.append(
                        f"{row.where}: video {row.video_id!r} stands in {first} too; delete one"
                    )
                continue
            try:
                check_video_id(row.video_id)
                sentence = sentence_of(row)
            except InputError as error:
                self.problems.append(f"{row.where}: {error}")
                continue
            if sentence:
                self._sentences.setdefault(row.video_id, []).append(sentence)
            else:
                self.n_wordless += 1

    def transcripts(self) -> Transcripts:
        """Return what was found."""
        counts = (
            (self.n_wordless, "rows without a word left out"),
            (self.n_repeated, "lines left out that rolling captions repeat"),
            (self.n_passed_over, "files of other kinds passed over"),
        )
        return Transcripts(
            {video_id: tuple(found) for video_id, found in self._sentences.items()},
            tuple(self.problems),
            tuple(f"{number} {what}" for number, what in counts if number),
        )


def sentence_of(row: Row) -> Sentence | None:
    """Return the row's sentence, its text with single spaces; None where it holds no word.

    Raises:
        InputError: its times are no seconds, or its end comes before its start.
    """
    if not isinstance(row.text, str) or not words_of(row.text):
        return None
    start_s, end_s = _seconds("start", row.start), _seconds("end", row.end)
    if start_s > end_s:
        raise InputError(f"start {start_s} must not come after end {end_s}")
    return Sentence(start_s, end_s, " ".join(row.text.split()))


def _seconds(name: str, value: Any) -> float:
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            seconds = float(value)
            if math.isfinite(seconds):
                return seconds
    except (ValueError, OverflowError):
        pass
    raise InputError(f"{name} must be a number of seconds, got {reprlib.repr(value)}")
