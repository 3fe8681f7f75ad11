"""The one place that touches bytes: Parquet (`parquet`), JSON, JSON lines, digests, whole folders.

Everything written here is a function of its content alone: sorted keys, LF, no clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.errors import InputError, OutputError
from dataset_builder.parquet import (
    ROWS_AT_ONCE,
    Row,
    RowWriter,
    StoredRows,
    divide,
    iterate_rows,
    read_rows,
    read_table,
    texts_of,
    write_rows,
)
from dataset_builder.unfinished import unfinished

logger = logging.getLogger(__name__)

__all__ = [
    "SUMS_NAME",
    "Row",
    "RowWriter",
    "StoredRows",
    "canonical_json",
    "check_sums",
    "compact_json",
    "content_of",
    "divide",
    "fresh_folder",
    "iterate_rows",
    "read_json",
    "read_json_lines",
    "read_rows",
    "read_sums_digest",
    "read_table",
    "replaced_file",
    "sha256_bytes",
    "sha256_file",
    "texts_of",
    "write_json_lines",
    "write_rows",
    "write_sums",
]

SUMS_NAME = "SHA256SUMS"

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def content_of(path: Path) -> tuple[int, str]:
    """Return a table's number of rows and the SHA-256 of what it holds, however Arrow stores it.

    The digest is that of the compact JSON of a list: first the names of the columns in alphabetical
    order, then the rows as they stand, each a list of its cells in that order.

    Raises:
        InputError: the file cannot be read, or a cell has no JSON: it is no number, or no UTF-8.
    """
    digest, n_rows = hashlib.sha256(), 0
    try:
        with path.open("rb") as handle, pq.ParquetFile(handle) as file:
            columns = sorted(file.schema_arrow.names)
            digest.update(b"[" + compact_json(columns).encode())
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns, use_threads=False):
                cells = [batch.column(name).to_pylist() for name in columns]
                rows = list(zip(*cells, strict=True))
                digest.update(_rows_json(rows, path, n_rows).encode())
                n_rows += len(rows)
    except (OSError, pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{path}: has no content digest ({error})") from error
    digest.update(b"]")
    return n_rows, digest.hexdigest()


def _rows_json(rows: list[tuple[Any, ...]], path: Path, n_before: int) -> str:
    """Return rows as the further entries of a JSON list; name the first one that has no JSON."""
    try:
        return f",{compact_json(rows)[1:-1]}" if rows else ""
    except (TypeError, ValueError):
        for number, row in enumerate(rows, start=n_before + 1):
            try:
                compact_json(row)
            except (TypeError, ValueError) as error:
                raise InputError(f"{path}: row {number} has no JSON ({error}): {row}") from error
        raise


def canonical_json(value: object) -> str:
    """Return JSON text with sorted keys, ASCII only, two-space indent and a final newline."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def compact_json(value: object) -> str:
    """Return JSON text with sorted keys on one line, ASCII only, without a newline."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")
    )


def read_json(path: Path, *, check_text: bool = False) -> Any:
    """Read a JSON file, or raise `InputError` that names it.

    With `check_text` half a surrogate pair anywhere is an error too; readers that go on after a bad
    entry look at each text themselves.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return _parse_checked(text) if check_text else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _parse_checked(text: str) -> Any:
    r"""Return the value of JSON text; refuse half a surrogate pair, which no file can hold again.

    Python's parser lets `"\ud800"` through, and only writing it, as UTF-8, would fail.
    """
    value = json.loads(text)
    if _SURROGATE_ESCAPE.search(text):
        left: list[tuple[str, object]] = [("", value)]
        while left:
            name, found = left.pop()
            if isinstance(found, dict):
                left += [(f"name in {name}" if name else "name", key) for key in found]
                left += [(f"{name}.{key}" if name else key, v) for key, v in found.items()]
            elif isinstance(found, list):
                left += [(name, inner) for inner in found]
            elif isinstance(found, str) and any("\ud800" <= c <= "\udfff" for c in found):
                raise InputError(
                    f"field {name!r} holds half a surrogate pair, {found!r:.40}; write characters "
                    "as UTF-8, or both halves of the pair"
                )
    return value


def write_json_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write one compact JSON object a line, through a temporary name."""
    with replaced_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        for record in records:
            out.write(compact_json(record) + "\n")


def read_json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield `(line number from 1, object)`; blank lines are skipped.

    Raises:
        InputError: the file is missing, or a line is not a JSON object or holds half a surrogate
            pair (file:line is named).
    """
    try:
        handle = path.open(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    with handle:
        lines = enumerate(handle, start=1)
        while True:
            try:
                number, line = next(lines)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: is not UTF-8 text ({error})") from error
            if not line.strip():
                continue
            try:
                record = _parse_checked(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}:{number}: is not JSON ({error})") from error
            except InputError as error:
                raise InputError(f"{path}:{number}: {error}") from error
            if not isinstance(record, dict):
                raise InputError(f"{path}:{number}: expected a JSON object, got {line[:40]!r}")
            yield number, record


def sha256_bytes(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_sums(folder: Path) -> str:
    """Write `SHA256SUMS` over every file below the folder; return the digest of that list."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SUMS_NAME)
    lines = [f"{sha256_file(p)}  {p.relative_to(folder).as_posix()}\n" for p in files]
    text = "".join(sorted(lines, key=lambda line: line[66:]))
    (folder / SUMS_NAME).write_text(text, encoding="utf-8", newline="")
    return sha256_bytes(text.encode())


def read_sums_digest(folder: Path) -> str:
    """Return the digest that names a snapshot's or release's whole content.

    Raises:
        InputError: the folder has no `SHA256SUMS`.
    """
    path = folder / SUMS_NAME
    if not path.is_file():
        raise InputError(f"{folder}: has no {SUMS_NAME}; is it a snapshot or release folder?")
    return sha256_bytes(path.read_bytes())


def check_sums(folder: Path) -> list[str]:
    """Return one line for each file that is missing, changed or not listed; empty when all hold.

    The list itself must stand as it was written, whole lines in order: its digest names the folder.
    """
    read_sums_digest(folder)
    problems: list[str] = []
    listed: set[str] = set()
    text = (folder / SUMS_NAME).read_bytes().decode(errors="replace")
    *lines, rest = text.split("\n")
    if rest or lines != sorted(set(lines), key=lambda line: line[66:]):
        problems.append(f"{SUMS_NAME}: is not as it was written; was it cut or edited?")
    for line in lines:
        digest, _, name = line.partition("  ")
        listed.add(name)
        path = folder / name
        if not path.is_file():
            problems.append(f"{name}: listed in {SUMS_NAME} but missing")
        elif sha256_file(path) != digest:
            problems.append(f"{name}: content differs from {SUMS_NAME}")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name != SUMS_NAME and name not in listed:
            problems.append(f"{name}: not listed in {SUMS_NAME}")
    return problems


@contextlib.contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` in one step when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path, is_folder=False) as temporary:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)


@contextlib.contextmanager
def fresh_folder(
    path: Path, *, force: bool = False, optional: Collection[str] = ()
) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends well.

    With `force` a folder is replaced only by one of its own kind, so that a slip of the hand does
    not take a server's home or the snapshot that is being built from.

    Args:
        path: the folder to write.
        force: whether to replace `path` where it is of the same kind.
        optional: names that only some folders of this kind hold; the old one may hold them where
            its manifest is of the new one's format, and they go with it.

    Raises:
        OutputError: `path` exists already, and `force` is not set or it is of another kind.
    """
    path = path.resolve()
    if path.exists() and not force:
        raise OutputError(f"{path}: exists already; choose another place or pass --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path, is_folder=True) as temporary:
        replaced = temporary.with_name(f"{temporary.name}.old")
        if replaced.exists():
            _settle(path, replaced, force=force)
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            if not _is_of_one_kind(path, temporary, optional):
                raise OutputError(
                    f"{path}: holds something else than what is written here; "
                    "it is not replaced even with --force, choose another place"
                )
            # Aside first: after a crash here the old folder is whole; the next run puts it back.
            path.rename(replaced)
        temporary.rename(path)
    if replaced.exists():
        shutil.rmtree(replaced)


def _settle(path: Path, replaced: Path, *, force: bool) -> None:
    """Clear up after a run that was killed while `replaced` stood aside from `path`."""
    if path.exists():
        shutil.rmtree(replaced)
        return
    replaced.rename(path)
    logger.warning("%s: is put back; a run that was killed had set it aside", path)
    if not force:
        raise OutputError(f"{path}: exists already; choose another place or pass --force")


def _is_of_one_kind(old: Path, new: Path, optional: Collection[str]) -> bool:
    """Whether `old` holds nothing that `new` has no name for, and the same format by manifest."""
    if not old.is_dir():
        return False
    more = {p.name for p in old.iterdir()} - {p.name for p in new.iterdir()}
    manifests = [folder / "manifest.json" for folder in (old, new)]
    if not manifests[0].is_file():
        return not more
    if not manifests[1].is_file() or more - set(optional):
        return False
    return len({read_json(m).get("format") for m in manifests}) == 1
