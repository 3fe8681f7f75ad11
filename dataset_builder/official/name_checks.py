"""Defects of the names of actions; each check yields `(code, file, where)`.

Names are never merged: whether "egg" and "eggs" are one action is for people to say. Here pairs are
listed that somebody should look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import combinations

from dataset_builder.official.box_checks import BATCHES, Found
from dataset_builder.official.files import Files
from dataset_builder.official.records import (
    BOX_FILES,
    SEGMENT_FILES,
    boxes_of,
    mean_clicks,
    mended,
    segments_of,
)

NEAR = 0.88
"""Ratcliff-Obershelp similarity from which two names are nearly one: 2 * matched / both lengths.

The highest of two decimals at which every pair of singular and plural is among them.
"""


def check_spelling(files: Files) -> Iterator[Found]:
    """Yield the names that are spelt in a way of their own, file by file."""
    for file, names in _names(files):
        for name, n in Counter(names).items():
            if mended(name) != name:
                yield from [("broken_unicode", file, repr(name))] * n
            if "_" in name:
                yield "underscores", file, f"{name!r} ({n} rows)"


def check_actions(files: Files) -> Iterator[Found]:
    """Yield the actions that are rare, and those that look like another."""
    by_file = {
        f"{name}.json": Counter(s.step for s in segments_of(files, name))
        for name in SEGMENT_FILES
        if name in files
    }
    near = list(near_pairs({name for counts in by_file.values() for name in counts}))
    for file, counts in by_file.items():
        yield from (("single_segment_action", file, name) for name in counts if counts[name] == 1)
        for a, b in near:
            if a in counts and b in counts:
                where = f"{a!r} ({counts[a]} segments), {b!r} ({counts[b]})"
                yield "near_duplicate_names", file, where
                if is_plural(a, b):
                    yield "plural_names", file, where


def near_pairs(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of names that are nearly one, in alphabetical order.

    >>> list(near_pairs(["crack eggs", "cut it", "crack egg", "flip pancake", "flip pancakke"]))
    [('crack egg', 'crack eggs'), ('flip pancake', 'flip pancakke')]
    """
    matcher = SequenceMatcher(autojunk=False)
    by_name = sorted(set(names))
    for a, b in combinations(by_name, 2):
        if is_plural(a, b):
            yield a, b
        elif 2 * min(len(a), len(b)) >= NEAR * (len(a) + len(b)):
            matcher.set_seqs(a, b)
            if matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR:
                yield a, b


def is_plural(a: str, b: str) -> bool:
    """Whether two names differ by singular and plural of their words only.

    >>> is_plural("add strawberry", "add strawberries"), is_plural("add pasta", "add paste")
    (True, False)
    """
    words = list(zip(a.split(), b.split(), strict=False))
    same_length = len(a.split()) == len(b.split())
    return a != b and same_length and all(_one_word(*sorted(pair, key=len)) for pair in words)


def _one_word(short: str, long: str) -> bool:
    return long in (short, f"{short}s", f"{short}es", f"{short.removesuffix('y')}ies")


def _names(files: Files) -> Iterator[tuple[str, list[str]]]:
    """Yield each file that names actions, with the name of each row."""
    for name in SEGMENT_FILES:
        if name in files:
            yield f"{name}.json", [segment.sentence for segment in segments_of(files, name)]
    for name in BOX_FILES:
        steps = [b.step for b in boxes_of(files, name).values()] if name in files else []
        yield f"{name}.json", [step for step in steps if step is not None]
    if "vid2step" in files:
        yield "vid2step.json", [step for _, step in files["vid2step"].rows]
    means = mean_clicks(files)
    for batch, file in BATCHES.items():
        yield file, [mean.label for mean in means if mean.batch == batch]
