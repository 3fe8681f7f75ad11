"""Which version step the changes of a release ask for, and whether the version makes it.

- major: the format, a table's columns, the derivation, a setting, the rules of main boxes, an
  action that is gone, or a clip or a video of another split. Scores on two majors do not compare.
- minor: videos, clips or frames that came or went, actions that came. A clip that stays where it
  was and has another action is a corrected label, not a clip that came and one that went.
- patch: any other change: clicks, boxes, labels, texts.
- none: the name of the data set, the program that made it.

A split is its name and whether its clips are scored. A corrected label has another id and is found
by its place. A video is of another split where none of its clips is of one that it had before.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dataset_builder.changes import MAIN, Changes, Content, Key
from dataset_builder.tables import Row

STEPS = ("none", "patch", "minor", "major")
"""Steps from the smallest to the largest."""
EARLIER = "earlier"
"""The stated step where the second version comes before the first."""

_MAJOR_FIELDS = ("format", "format_version", "derivation")
_UNRANKED_FIELDS = ("name", "made_with")
_SPLIT = ("split", "is_benchmark")
_SUBJECTS = ("videos", "actions", "clips", "frames")


@dataclass(frozen=True, slots=True)
class VersionStep:
    """The step that is needed, why (largest first), and the one that the versions state.

    `stated` is one of `STEPS`, `EARLIER`, or "" where a version is not `major.minor.patch`.
    """

    needed: str
    reasons: tuple[tuple[str, str], ...]
    stated: str

    @property
    def is_enough(self) -> bool:
        """Whether the versions make at least the step that is needed."""
        return self.stated in STEPS and STEPS.index(self.stated) >= STEPS.index(self.needed)


def version_step(changes: Changes) -> VersionStep:
    """Return the step of two compared releases."""
    reasons = [*_major(changes), *_minor(changes), *_patch(changes)]
    reasons.sort(key=lambda reason: -STEPS.index(reason[0]))
    needed = reasons[0][0] if reasons else "none"
    stated = stated_step(changes.before.version, changes.after.version)
    return VersionStep(needed, tuple(reasons), stated)


def stated_step(before: str, after: str) -> str:
    """Return the step between two versions.

    >>> [stated_step("1.2.3", v) for v in ("1.2.3", "1.2.4", "1.3.0", "2.0.0", "1.2.2", "new")]
    ['none', 'patch', 'minor', 'major', 'earlier', '']
    """
    numbers = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", v, re.ASCII) for v in (before, after)]
    if not all(numbers):
        return ""
    old, new = ([int(part) for part in match.groups()] for match in numbers if match)
    if new < old:
        return EARLIER
    first = next((place for place in range(3) if old[place] != new[place]), 3)
    return STEPS[3 - first]


def step_text(changes: Changes, step: VersionStep) -> str:
    """Return in one sentence which step is needed and whether the versions make it."""
    versions = f"{changes.before.version} -> {changes.after.version}"
    if step.needed == "none":
        return f"nothing differs that asks for another version; the versions are {versions}"
    if step.is_enough:
        return f"a {step.needed} step is needed, and {versions} is a {step.stated} one"
    stated = {"": "which are not major.minor.patch", EARLIER: "which goes back"}
    told = stated.get(step.stated, f"a step of {step.stated}")
    return f"a {step.needed} step is needed, but the versions are {versions}, {told}"


def _major(changes: Changes) -> Iterator[tuple[str, str]]:
    for name in _MAJOR_FIELDS:
        if name in changes.manifest:
            old, new = map(_shown, changes.manifest[name])
            yield "major", f"{name} was {old}, is {new}"
    for name, table in changes.tables.items():
        columns = sorted({*table.new_columns, *table.lost_columns})
        if columns:
            yield "major", f"columns of {name}: {', '.join(columns)}"
        if "" in table.contents:
            yield "major", f"the table {name} {'came' if table.contents[1] else 'went'}"
    for name, (old, new) in changes.settings.items():
        yield "major", f"setting {name} was {_shown(old)}, is {_shown(new)}"
    rules = [_rules(content) for content in (changes.before, changes.after)]
    if rules[0] and rules[1] and rules[0] != rules[1]:
        old, new = (", ".join(sorted(found)) for found in rules)
        yield "major", f"rules of main boxes were {old}, are {new}"
    moved = {"clips": _moved_clips(changes), "videos": _moved_videos(changes)}
    yield from (("major", f"{name} of another split: {n}") for name, n in moved.items() if n)
    gone = _removed(changes, "actions")
    if gone:
        yield "major", f"actions that are gone: {len(gone)}"


def _minor(changes: Changes) -> Iterator[tuple[str, str]]:
    relabelled = {row["clip_id"] for pair in _relabelled(changes) for row in pair}
    for name in _SUBJECTS:
        table = changes.tables.get(name)
        if table is None:
            continue
        came = [key for key in table.added if key[0] not in relabelled]
        went = [key for key in table.removed if key[0] not in relabelled]
        if came:
            yield "minor", f"{name} that came: {len(came)}"
        if went and name != "actions":
            yield "minor", f"{name} that went: {len(went)}"


def _patch(changes: Changes) -> Iterator[tuple[str, str]]:
    relabelled = _relabelled(changes)
    if relabelled:
        yield "patch", f"clips with another action: {len(relabelled)}"
    for name, table in changes.tables.items():
        if table.changed:
            yield "patch", f"{name} that changed: {len(table.changed)}"
        both = "" not in table.contents
        if both and name not in _SUBJECTS and (table.added or table.removed):
            yield "patch", f"{name}: {len(table.added)} came, {len(table.removed)} went"
    for name, (before, after) in changes.manifest.items():
        if name not in (*_MAJOR_FIELDS, "agreement"):
            step = "none" if name in _UNRANKED_FIELDS else "patch"
            yield step, f"{name} was {_shown(before)}, is {_shown(after)}"


def _moved_clips(changes: Changes) -> int:
    """Return how many clips are of another split, whether they kept their action or not."""
    table = changes.tables.get("clips")
    rows = table.changed if table else ()
    kept = sum(not set(_SPLIT).isdisjoint(row.values) for row in rows)
    return kept + sum(_split(old) != _split(new) for old, new in _relabelled(changes))


def _moved_videos(changes: Changes) -> int:
    """Return how many videos of both releases have clips of other splits only."""
    before, after = (_splits_of_videos(content) for content in (changes.before, changes.after))
    return sum(before[video].isdisjoint(after[video]) for video in before.keys() & after.keys())


def _splits_of_videos(content: Content) -> Mapping[Any, set[tuple[Any, ...]]]:
    found: dict[Any, set[tuple[Any, ...]]] = defaultdict(set)
    table = content.tables.get("clips")
    for row in table.rows.values() if table else ():
        found[row["video_id"]].add(_split(row))
    return found


def _split(clip: Row) -> tuple[Any, ...]:
    return tuple(clip.get(column) for column in _SPLIT)


def _shown(value: Any) -> str:
    return "not there" if value is None else json.dumps(value)


def _removed(changes: Changes, name: str) -> tuple[Key, ...]:
    table = changes.tables.get(name)
    return table.removed if table else ()


def _rules(content: Content) -> set[str]:
    """Return the names of the rules that made main boxes."""
    table = content.tables.get("boxes")
    rows = table.rows.items() if table else ()
    return {str(row["rule"]) for key, row in rows if key[2] == MAIN}


def _relabelled(changes: Changes) -> list[tuple[Row, Row]]:
    """Return clips, before and after, that stay where they were with another action.

    Of several at one place those of one split belong together.
    """
    table = changes.tables.get("clips")
    if table is None:
        return []
    sides = [
        _by_place(content, keys)
        for content, keys in ((changes.before, table.removed), (changes.after, table.added))
    ]
    pairs: list[tuple[Row, Row]] = []
    for place in sides[0].keys() & sides[1].keys():
        left = [list(side[place]) for side in sides]
        near = sorted(itertools.product(*left), key=lambda pair: _split(pair[0]) != _split(pair[1]))
        for old, new in near:
            if old in left[0] and new in left[1]:
                left[0].remove(old)
                left[1].remove(new)
                pairs.append((old, new))
    return pairs


def _by_place(content: Content, keys: tuple[Key, ...]) -> Mapping[tuple[Any, ...], list[Row]]:
    """Return the clips at each `(video, start, end)`."""
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for key in keys:
        row = content.tables["clips"].rows[key]
        found[row["video_id"], row["start_s"], row["end_s"]].append(row)
    return found
