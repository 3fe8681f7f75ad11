r"""Subtitles: `.srt` and `.vtt` files, one a video and named by its id.

    00:00:19,120 --> 00:00:23,400        SubRip; WebVTT writes a point, may leave out the hours,
    now <i>crack</i> the egg             and may add settings such as align:start

A cue is its line of times and the lines below it, up to an empty one or the next times. Marks in
<> and {\an8}, names such as &amp; and a byte order mark are not part of the text.

Automatic captions roll: each cue shows the line before once more above the new one, often with
cues of a hundredth of a second between that show the old line alone. So from a cue that begins
before the last one ended (or at that moment) are taken away the lines with which the last one
closed, or all of its words where the cue begins with them. A speaker who says the very same line
twice without a pause loses the second one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.errors import InputError
from stg_model.training.transcripts.found import Row

TOUCHING_S = 0.1
"""Cues this close follow each other without a pause."""

_TIME = r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]?\d)(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"{_TIME}\s*-->\s*{_TIME}(?:\s.*)?", re.ASCII)
_MARKS = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_OTHER_BLOCKS = ("WEBVTT", "NOTE", "STYLE", "REGION")


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: the line of its times, seconds, and its lines of text without marks."""

    line: int
    start_s: float
    end_s: float
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines as one."""
        return " ".join(self.lines)


def rows_of(path: Path, video_id: str, problems: list[str]) -> tuple[list[Row], int]:
    """Return the sentences of a file and how many repeated lines of rolling captions it had.

    Args:
        path: the file.
        video_id: its video.
        problems: receives a line for each refused cue and each line that belongs to none.

    Raises:
        InputError: the file is missing or not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    cues = list(cues_of(str(path), text, problems))
    once = list(without_repeats(cues))
    rows = [Row(f"{path}:{c.line}", video_id, c.start_s, c.end_s, c.text) for c in once]
    return rows, sum(len(cue.lines) for cue in cues) - sum(len(cue.lines) for cue in once)


def cues_of(where: str, text: str, problems: list[str]) -> Iterator[Cue]:
    """Yield the cues of a file's text in its order."""
    lines = [*text.split("\n"), ""]
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        number += 1
        if "-->" in line:
            first = number
            number = _end_of_text(lines, first)
            match = _TIMES.fullmatch(line)
            if not match:
                problems.append(
                    f"{where}:{first}: expected times such as 00:00:19,120 --> 00:00:23,400, "
                    f"got {line!r:.60}"
                )
                continue
            plain = (_plain(line) for line in lines[first:number])
            start_s, end_s = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
            yield Cue(first, start_s, end_s, tuple(line for line in plain if line))
        elif line.split(" ")[0] in _OTHER_BLOCKS:
            while number < len(lines) and lines[number] and "-->" not in lines[number]:
                number += 1
        elif line and "-->" not in lines[number]:  # the line above times is the cue's name
            problems.append(
                f"{where}:{number}: {line!r:.60} has no times; is there an empty line inside a cue?"
            )


def without_repeats(cues: list[Cue]) -> Iterator[Cue]:
    """Yield the cues without what rolling captions show a second time; see the module.

    >>> cues = [Cue(1, 0, 2, ("now",)), Cue(3, 2, 4, ("now", "stir")), Cue(6, 4, 4.01, ("stir",))]
    >>> [(cue.start_s, cue.lines) for cue in without_repeats(cues)]
    [(0, ('now',)), (2, ('stir',))]
    """
    last = Cue(0, 0, -1, ())
    for cue in (cue for cue in cues if cue.lines):
        touching = last.start_s <= cue.start_s <= last.end_s + TOUCHING_S
        lines = _new_lines(last.lines, cue.lines) if touching else cue.lines
        last = cue
        if lines:
            yield Cue(cue.line, cue.start_s, cue.end_s, lines)


def _new_lines(shown: tuple[str, ...], lines: tuple[str, ...]) -> tuple[str, ...]:
    for n_same in range(min(len(shown), len(lines)), 0, -1):
        if shown[-n_same:] == lines[:n_same]:
            return lines[n_same:]
    old, new = " ".join(shown).split(), " ".join(lines).split()
    if old and new[: len(old)] == old:
        return (" ".join(new[len(old) :]),) if len(new) > len(old) else ()
    return lines


def _end_of_text(lines: list[str], first: int) -> int:
    """Return the number of the line after a cue's text: an empty one, or the next cue's."""
    number = first
    while number < len(lines) and lines[number] and "-->" not in lines[number]:
        number += 1
    # Without an empty line between, a cue's own number stands right above its times.
    ends_at_times = number < len(lines) and "-->" in lines[number]
    return number - (ends_at_times and number > first and lines[number - 1].strip().isdigit())


def _plain(line: str) -> str:
    return " ".join(html.unescape(_MARKS.sub("", line)).split())


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole + int(fraction.ljust(3, "0")) / 1000
