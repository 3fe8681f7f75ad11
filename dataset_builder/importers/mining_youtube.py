"""The `.srt` files of MiningYouTube: one a video, a label such as `crack_egg` for each stretch.

    1
    00:00:19,120 --> 00:00:23,400
    crack_egg

The file's name is the video's id; times are seconds of the video, and the end is not part of the
clip. Its authors map the labels, which annotators wrote freely, to 512 classes: two words, each
without its last `s` (`pour_egg_whites` is `pour_egg`). Many labels need more than that. So a label
is looked up among the classes as it stands, in the caller's own table, by that rule, and by the
rule with the words of `WORDS` put right; the first class that exists is taken, never another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.domain import Segment, check_video_id
from dataset_builder.errors import InputError
from dataset_builder.importers.csv_rows import Record, read_rows, text_of
from dataset_builder.importers.found_clips import (
    FoundClip,
    FoundClips,
    each_once,
    files_of,
    found_clip,
    refused_at,
)

BACKGROUND = "background"
"""The class of what is no action; it stands last among the classes."""

WORDS = {
    "appy": "apply",
    "chilie": "chili",
    "filling": "fill",
    "herbe": "herb",
    "leaf": "leave",
    "omelet": "omelette",
    "omellete": "omelette",
    "potatoe": "potato",
    "sauté": "saute",
    "scrambled": "scramble",
    "seasoning": "season",
    "stiring": "stir",
    "them": "it",
    "tilting": "tilt",
    "tomatoe": "tomato",
    "topping": "topp",
    "using": "use",
}
"""Words of labels, without their last `s`, and the words of classes that they stand for.

Of the 5,132 published labels the rule alone finds 4,693 a class of a verb and an object that the
public lists hold; with these words all, in 511 classes.
"""

_TIME = r"(\d{1,3}):([0-5]?\d):([0-5]?\d)[,.](\d{3})"
_TIMES = re.compile(rf"{_TIME}\s*-->\s*{_TIME}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes, and which label stands for which of them where the rule does not say so."""

    names: frozenset[str]
    overrides: Mapping[str, str]

    def of(self, label: str) -> str | None:
        """Return the class of a label, None where it has none.

        >>> classes = Classes(frozenset({"pour_egg", "use_spatula"}), {"tip_egg": "pour_egg"})
        >>> [classes.of(label) for label in ("pour_egg_whites", "using_spatula", "tip_egg", "run")]
        ['pour_egg', 'use_spatula', 'pour_egg', None]
        """
        words = [_without_s(word) for word in label.split("_")[:2]]
        candidates = (
            label,
            self.overrides.get(label, label),
            "_".join(words),
            "_".join(WORDS.get(word, word) for word in words),
        )
        return next((name for name in candidates if name in self.names), None)


def read_mining_youtube(source: Path, classes: Classes | None = None) -> FoundClips:
    """Read one file, or every `.srt` file of a folder.

    Args:
        source: the file or folder.
        classes: what the labels are mapped to. A label without a class is refused, and the notes
            count such labels. Without `classes` the labels themselves are the actions.

    Raises:
        InputError: there is no such file, or one is not UTF-8 text.
    """
    problems: list[str] = []
    unmapped: Counter[str] = Counter()
    found: list[FoundClip] = []
    for path in files_of(source, ".srt"):
        blocks = list(_blocks(path))
        with refused_at(f"{path}", problems):
            check_video_id(path.stem)
            for line, block in blocks:
                with refused_at(f"{path}:{line}", problems):
                    segment, label = _read_block(block)
                    name = label if classes is None else classes.of(label)
                    if name is None:
                        unmapped[label] += 1
                        raise InputError(f"label {label!r} is of no class; see --overrides")
                    found.append(found_clip(f"{path}:{line}", path.stem, segment, name))
    clips = tuple(each_once(found, problems))
    labels = ", ".join(f"{label!r} ({n})" for label, n in unmapped.most_common())
    notes = (f"labels of no class: {labels}",) if labels else ()
    return FoundClips(clips, tuple(problems), notes)


def read_classes(path: Path, overrides: Path | None = None) -> Classes:
    """Read the classes, one a line, and a CSV file `label,class` of overrides.

    Raises:
        InputError: a file is missing or no text, there is no class, or an override names none.
    """
    names = frozenset(line.strip() for line in _text(path).splitlines()) - {"", BACKGROUND}
    if not names:
        raise InputError(f"{path}: holds no class; it should hold one a line")

    def read_row(_line: int, record: Record) -> tuple[str, str]:
        label, name = text_of(record, "label"), text_of(record, "class")
        if name not in names:
            raise InputError(f"class {name!r} is not in {path}")
        return label, name

    if overrides is None:
        return Classes(names, {})
    rows, problems = read_rows(overrides, ("label", "class"), read_row)
    if problems:
        raise InputError(problems[0])
    return Classes(names, dict(rows))


def _read_block(lines: Sequence[str]) -> tuple[Segment, str]:
    numbered = len(lines) > 1 and lines[0].isdigit() and "-->" in lines[1]
    times, *labels = lines[numbered:]
    match = _TIMES.fullmatch(times)
    if not match:
        raise InputError(
            f"expected times such as 00:00:19,120 --> 00:00:23,400, got {times!r:.60}; "
            "is there a blank line inside a block?"
        )
    if len(labels) != 1:
        raise InputError(f"the times should be followed by one line, the label, not {len(labels)}")
    numbers = [int(number) for number in match.groups()]
    return Segment(_seconds(numbers[:4]), _seconds(numbers[4:])), labels[0]


def _blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the runs of lines between blank ones, each with the number of its first line."""
    first, block = 1, list[str]()
    for number, line in enumerate([*_text(path).split("\n"), ""], start=1):
        if text := line.strip():
            block.append(text)
            continue
        if block:
            yield first, block
        first, block = number + 1, []


def _seconds(parts: Collection[int]) -> float:
    hours, minutes, seconds, milliseconds = parts
    return ((hours * 60 + minutes) * 60 + seconds) + milliseconds / 1000


def _without_s(word: str) -> str:
    return word.removesuffix("s")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
