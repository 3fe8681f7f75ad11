"""What differs between two releases: rows by key, settings, and the version step that it asks for.

The tables are read as they stand, so that releases of two versions of the format compare too.

- A row is known by its table's key (`KEYS`); a frame's main box is one row whatever its rule.
- Pseudonyms differ from snapshot to snapshot (R21). Between releases of two snapshots answers are
  therefore compared by frame and content, where a corrected answer is one removed and one added,
  and annotators are only counted.
- `content` is a table's digest by `tables.content_of`, which the manifest states too: unlike the
  file's own digest it does not depend on the version of Arrow. Equal ones end the comparison.
- A build setting that a manifest does not name had its default: an older program made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataset_builder import tables
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, box_iou
from dataset_builder.release import FORMAT
from dataset_builder.settings import BuildSettings

KEYS: Mapping[str, tuple[str, ...]] = {
    "videos": ("video_id",),
    "actions": ("action_id",),
    "clips": ("clip_id",),
    "frames": ("clip_id", "second"),
    "answers": ("clip_id", "second", "annotator_id"),
    "annotators": ("annotator_id",),
    "boxes": ("clip_id", "second", "rule"),
    "tubes": ("tube_id",),
}
"""The tables of a release in their order, and what a row of each is known by."""

_READ = {"clips": ("video_id", "start_s", "end_s"), "boxes": ("x1", "y1", "x2", "y2")}
"""Columns that are read beside the keys."""

MAIN = "main"
BY_KEY, BY_CONTENT, BY_COUNT = "key", "frame and content", "number only"
NOT_COMPARED = ("counts", "parent", "settings", "snapshot", "tables", "version")
"""Fields of a manifest that are told elsewhere."""

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One table as it stands: types by column, rows by key in order, digest of its content."""

    columns: Mapping[str, str]
    rows: Mapping[Key, tables.Row]
    content: str


@dataclass(frozen=True, slots=True)
class Content:
    """A release as it stands: its manifest, its tables by name, the digest of its folder."""

    manifest: Mapping[str, Any]
    tables: Mapping[str, Table]
    digest: str

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.manifest.get('name', '?')} {self.version}"

    @property
    def version(self) -> str:
        """The stated version, "?" where there is none."""
        return str(self.manifest.get("version", "?"))

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings, those of a build with the defaults of all that are not named."""
        named: Mapping[str, Any] = self.manifest.get("settings", {})
        is_built = self.manifest.get("derivation") == "clicks"
        return {**BuildSettings().to_mapping(), **named} if is_built else named


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that both releases have: each column that differs with its two values."""

    key: Key
    values: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What became of one table.

    Attributes:
        n_before: rows of the first release; `n_after` of the second.
        compared_by: `BY_KEY`, `BY_CONTENT` or `BY_COUNT`.
        added: keys of rows that the second release alone has.
        removed: keys of rows that the first one alone has.
        changed: rows of both whose common columns differ.
        new_columns: columns that the second alone has, or has with another type.
        lost_columns: those of the first.
        contents: digest of the content before and after, "" where the table was not there.
    """

    n_before: int
    n_after: int
    compared_by: str
    added: tuple[Key, ...] = ()
    removed: tuple[Key, ...] = ()
    changed: tuple[ChangedRow, ...] = ()
    new_columns: tuple[str, ...] = ()
    lost_columns: tuple[str, ...] = ()
    contents: tuple[str, str] = ("", "")

    @property
    def is_same(self) -> bool:
        """Whether nothing is known to differ."""
        found = (self.added, self.removed, self.changed, self.new_columns, self.lost_columns)
        return not any(found) and self.n_before == self.n_after

    @property
    def changed_columns(self) -> dict[str, int]:
        """In how many rows each column differs, most first."""
        counts = Counter(name for row in self.changed for name in row.values)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True)
class Changes:
    """All that differs; settings and manifest fields by name with both values (None: not there)."""

    before: Content
    after: Content
    tables: Mapping[str, TableChanges]
    settings: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    manifest: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def is_same(self) -> bool:
        """Whether tables, settings and manifest are the same but for the version."""
        same_tables = all(table.is_same for table in self.tables.values())
        return same_tables and not self.settings and not self.manifest


def compare_releases(before: Path, after: Path) -> Changes:
    """Return what differs between two release folders.

    Raises:
        InputError: a folder is no release, its files are not those of `SHA256SUMS`, or two rows of
            a table have one key.
    """
    return compare(read_content(before), read_content(after))


def read_content(path: Path) -> Content:
    """Read a release folder as it stands, of whatever version of the format.

    Raises:
        InputError: see `compare_releases`.
    """
    problems = tables.check_sums(path)
    if problems:
        raise InputError(f"{path}: {problems[0]}; get it anew, or look with verify")
    manifest = tables.read_json(path / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{path / 'manifest.json'}: is not the manifest of a release")
    for name in ("settings", "snapshot"):
        if not isinstance(manifest.get(name, {}), dict):
            raise InputError(f"{path / 'manifest.json'}: {name!r} should be an object")
    paths = {name: path / f"data/{name}.parquet" for name in KEYS}
    read = {name: _read_table(name, file) for name, file in paths.items() if file.is_file()}
    return Content(manifest, read, tables.read_sums_digest(path))


def compare(before: Content, after: Content) -> Changes:
    """Return what differs between two releases in memory."""
    manifests = before.manifest, after.manifest
    same_people = manifests[0].get("snapshot") == manifests[1].get("snapshot")
    found = {
        name: _compare_tables(name, before.tables.get(name), after.tables.get(name), same_people)
        for name in KEYS
        if name in before.tables or name in after.tables
    }
    settings = _differing(before.settings, after.settings)
    others = _differing(
        *({k: v for k, v in found.items() if k not in NOT_COMPARED} for found in manifests)
    )
    return Changes(before, after, found, settings, others)


def moved_boxes(changes: Changes) -> dict[tuple[str, int], Box]:
    """Return the old box of each frame whose main box moved, by clip and second, in order."""
    table = changes.tables.get("boxes")
    moved = [row for row in table.changed if row.key[2] == MAIN] if table else []
    old = changes.before.tables["boxes"].rows if moved else {}
    return {
        (old[row.key]["clip_id"], old[row.key]["second"]): _box(old[row.key])
        for row in moved
        if not {"x1", "y1", "x2", "y2"}.isdisjoint(row.values)
    }


def box_ious(changes: Changes) -> list[float]:
    """Return the IoU of old and new for each main box that moved, in the order of frames."""
    old = moved_boxes(changes)
    new = changes.after.tables["boxes"].rows if old else {}
    return [box_iou(box, _box(new[*key, MAIN])) for key, box in old.items()]


def _box(row: tables.Row) -> Box:
    return Box(row["x1"], row["y1"], row["x2"], row["y2"])


def _read_table(name: str, path: Path) -> Table:
    try:
        table = tables.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from error
    needed = (*KEYS[name], *_READ.get(name, ()))
    missing = [column for column in needed if column not in table.column_names]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}; is it a table of a release?")
    rows: dict[Key, tables.Row] = {}
    for row in table.to_pylist():
        key = _key(name, row)
        if key in rows:
            raise InputError(f"{path}: two rows have the key {_in_words(key)}")
        rows[key] = row
    columns = {column.name: str(column.type) for column in table.schema}
    return Table(columns, dict(sorted(rows.items())), tables.content_of(path)[1])


def _key(name: str, row: tables.Row) -> Key:
    if name == "boxes" and row.get("is_main", True):
        return row["clip_id"], row["second"], MAIN
    return tuple(row[column] for column in KEYS[name])


def _in_words(key: Key) -> str:
    return "/".join(map(str, key))


def _compare_tables(
    name: str, before: Table | None, after: Table | None, same_people: bool
) -> TableChanges:
    nothing = Table({}, {}, "")
    old, new = before or nothing, after or nothing
    types = _differing(old.columns, new.columns) if before and after else {}
    found = TableChanges(
        n_before=len(old.rows),
        n_after=len(new.rows),
        compared_by=BY_KEY,
        new_columns=tuple(column for column, (_, kind) in types.items() if kind),
        lost_columns=tuple(column for column, (kind, _) in types.items() if kind),
        contents=(old.content, new.content),
    )
    if old.content == new.content:
        return found
    if name == "annotators" and not same_people:
        return replace(found, compared_by=BY_COUNT)
    if name == "answers" and not same_people:
        added, removed = _by_content(old, new)
        return replace(found, compared_by=BY_CONTENT, added=added, removed=removed)
    common = [column for column in old.columns if column in new.columns]
    return replace(
        found,
        added=tuple(key for key in new.rows if key not in old.rows),
        removed=tuple(key for key in old.rows if key not in new.rows),
        changed=tuple(_changed_rows(old, new, common)),
    )


def _changed_rows(old: Table, new: Table, columns: Sequence[str]) -> list[ChangedRow]:
    found = []
    for key, before in old.rows.items():
        after = new.rows.get(key, before)
        if after is not before:
            values = {c: (before[c], after[c]) for c in columns if before[c] != after[c]}
            if values:
                found.append(ChangedRow(key, values))
    return found


def _by_content(old: Table, new: Table) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """Return keys of rows added and removed, where rows that differ by their person are equal."""
    columns = [c for c in old.columns if c in new.columns and c != "annotator_id"]
    sides = [Counter(tuple(row[c] for c in columns) for row in t.rows.values()) for t in (old, new)]

    def surplus(table: Table, more: Counter[Any], fewer: Counter[Any]) -> tuple[Key, ...]:
        left = more - fewer
        found = []
        for key, row in table.rows.items():
            content = tuple(row[c] for c in columns)
            if left[content] > 0:
                left[content] -= 1
                found.append(key)
        return tuple(found)

    return surplus(new, sides[1], sides[0]), surplus(old, sides[0], sides[1])


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the names whose values differ, in alphabetical order."""
    pairs = ((name, (old.get(name), new.get(name))) for name in sorted({*old, *new}))
    return {name: pair for name, pair in pairs if pair[0] != pair[1]}
