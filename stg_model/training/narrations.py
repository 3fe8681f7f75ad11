"""Narration: transcripts in HowTo100M's layout.

    {"video_id": {"start": [4.8, ...], "end": [13.1, ...], "text": ["first we ...", ...]}, ...}

Times are seconds. Sentences may overlap. A sentence that is no text (the public files hold NaN
there) or holds no word is left out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.errors import InputError
from stg_model.features.words import words_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One narrated sentence with the seconds in which it was spoken."""

    start_s: float
    end_s: float
    text: str

    @property
    def middle_s(self) -> float:
        """The time on which a training window is centred."""
        return (self.start_s + self.end_s) / 2


def read_transcripts(path: Path) -> dict[str, tuple[Sentence, ...]]:
    """Read a transcripts file; returns the sentences of each video, in file order.

    Raises:
        InputError: the file is not of this layout; file, video and sentence are named.
    """
    content = tables.read_json(path)
    if not isinstance(content, Mapping) or not content:
        raise InputError(
            f"{path}: expected an object from video_id to start, end and text, "
            f"got {type(content).__name__}"
        )
    transcripts = {
        str(video_id): tuple(_sentences(f"{path}: video {video_id!r}", entry))
        for video_id, entry in content.items()
    }
    logger.info(
        "%s: %d videos, %d sentences", path, len(transcripts), sum(map(len, transcripts.values()))
    )
    return transcripts


def _sentences(where: str, entry: Any) -> Iterable[Sentence]:
    columns = ("start", "end", "text")
    if not isinstance(entry, Mapping) or any(
        not isinstance(entry.get(name), Sequence) or isinstance(entry.get(name), str)
        for name in columns
    ):
        raise InputError(f"{where} needs the lists start, end and text")
    n_rows = {name: len(entry[name]) for name in columns}
    if len(set(n_rows.values())) > 1:
        raise InputError(f"{where}: start, end and text must be equally long, got {n_rows}")
    rows = zip(*(entry[name] for name in columns), strict=True)
    for row, (start_s, end_s, text) in enumerate(rows):
        if not isinstance(text, str) or not words_of(text):
            continue
        for name, value in (("start", start_s), ("end", end_s)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{where}, sentence {row}: {name} must be seconds, got {value!r}")
        if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s <= end_s):
            raise InputError(
                f"{where}, sentence {row}: start {start_s} must not come after end {end_s}"
            )
        yield Sentence(float(start_s), float(end_s), text)
