"""Rows to Parquet and back, a few thousand in memory at a time.

What is written is a function of the rows alone: a fixed row group size, one compression. Arrow's
version stands inside the files, so `constraints.txt` pins it.

Arrow is given open files, never paths: it takes paths for UTF-8, whatever the locale says. It reads
in the calling thread: threads of its own would hold the file while a short program ends, and can
abort it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.errors import InputError

ROWS_AT_ONCE = 4_096
ROW_GROUP_ROWS = 16 * ROWS_AT_ONCE

Row = dict[str, Any]
T = TypeVar("T")


class RowWriter:
    """Writes a table as zstd Parquet with exactly one schema, while its rows come.

    A few thousand rows wait as Python objects, and the rest of a row group in Arrow's columns, so
    that several tables can grow side by side.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = schema
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        self._rows: list[Row] = []
        self._packed: list[pa.Table] = []
        self._is_begun = False

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file, self._writer:
            if kind is None:
                self._finish()

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows, which come in the table's final order."""
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == ROWS_AT_ONCE:
                self._pack()
                if len(self._packed) * ROWS_AT_ONCE == ROW_GROUP_ROWS:
                    self._write_group()

    def _pack(self) -> None:
        self._packed.append(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def _write_group(self) -> None:
        # In one piece: pages could otherwise end elsewhere.
        group = pa.concat_tables(self._packed).combine_chunks()
        self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
        self._packed, self._is_begun = [], True

    def _finish(self) -> None:
        if self._rows:
            self._pack()
        if not self._packed and not self._is_begun:
            self._pack()  # a table without rows
        if self._packed:
            self._write_group()


def write_rows(path: Path, schema: pa.Schema, rows: Iterable[Row]) -> None:
    """Write rows (already in their final order) as zstd Parquet with exactly this schema."""
    with RowWriter(path, schema) as writer:
        writer.write(rows)


class StoredRows(Collection[T]):
    """The rows of a table that stay in their file and are read anew each time one goes through."""

    def __init__(self, path: Path, read: Callable[[Path], Iterator[T]]) -> None:
        self.path, self._read = path, read
        self._n_rows = n_rows(path)

    def __len__(self) -> int:
        return self._n_rows

    def __iter__(self) -> Iterator[T]:
        return self._read(self.path)

    def __contains__(self, row: object) -> bool:
        return any(row == mine for mine in self)


def texts_of(rows: Iterable[Any], column: str) -> Iterator[str]:
    """Yield one text of each record; of stored rows nothing else is read."""
    if not isinstance(rows, StoredRows):
        yield from (getattr(row, column) for row in rows)
        return
    with rows.path.open("rb") as handle, pq.ParquetFile(handle) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=[column], use_threads=False):
            yield from _cells(batch[column])


def n_rows(path: Path) -> int:
    """Return how many rows a table has.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as handle, pq.ParquetFile(handle) as file:
            return int(file.metadata.num_rows)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from error


def read_rows(path: Path, schema: pa.Schema, optional: Collection[str] = ()) -> list[Row]:
    """Read a table and check that it has the schema's columns and types.

    Only columns named in `optional` may have empty cells.

    Raises:
        InputError: the file is missing, is no Parquet, has other columns, empty cells, or text
            that is not UTF-8.
    """
    return list(iterate_rows(path, schema, optional))


def iterate_rows(path: Path, schema: pa.Schema, optional: Collection[str] = ()) -> Iterator[Row]:
    """Yield what `read_rows` returns, a few thousand rows in memory at a time.

    Equal texts near each other are one object: most of a table's text is a few ids.
    """
    names = schema.names  # Arrow makes the list anew each time
    try:
        with path.open("rb") as handle, pq.ParquetFile(handle) as file:
            _check_columns(path, schema, file)
            n_left = file.metadata.num_rows
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=names, use_threads=False):
                for name in names:
                    if batch[name].null_count and name not in optional:
                        empty = file.read([name], use_threads=False)[name].null_count
                        raise InputError(
                            f"{path}: column {name!r} has {empty} empty cells; it needs all"
                        )
                yield from _rows_of(path, batch.select(names))
                n_left -= len(batch)
            if n_left:
                raise InputError(
                    f"{path}: cannot be read as Parquet (its footer counts other rows)"
                )
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from error


def read_table(path: Path) -> pa.Table:
    """Read a Parquet file whole, as pyarrow does; what cannot be read raises its errors."""
    with path.open("rb") as handle, pq.ParquetFile(handle) as file:
        return file.read(use_threads=False)


def divide(path: Path, column: str, parts: Mapping[str, str]) -> list[str]:
    """Put a table's rows into `<table>/<part>.parquet` instead; return the parts that have rows.

    Rows keep their order, and a row group is read at a time. A table without rows stays.

    Args:
        path: the table.
        column: the column of text that decides.
        parts: the part of each value of that column.
    """
    folder, writers = path.with_suffix(""), dict[str, pq.ParquetWriter]()
    with contextlib.ExitStack() as stack:
        file = pq.ParquetFile(stack.enter_context(path.open("rb")))
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, use_threads=False)
            chosen = [parts[value] for value in group[column].to_pylist()]
            for part in sorted(set(chosen)):
                if part not in writers:
                    folder.mkdir(exist_ok=True)
                    out = stack.enter_context((folder / f"{part}.parquet").open("wb"))
                    writer = pq.ParquetWriter(out, file.schema_arrow, compression="zstd")
                    writers[part] = stack.enter_context(writer)
                writers[part].write_table(group.filter([name == part for name in chosen]))
    if writers:
        path.unlink()
    return sorted(writers)


def _check_columns(path: Path, schema: pa.Schema, file: pq.ParquetFile) -> None:
    found = {field.name: field.type for field in file.schema_arrow}
    for field in schema:
        if found.get(field.name) != field.type:
            raise InputError(
                f"{path}: column {field.name!r} should be {field.type}, "
                f"found {found.get(field.name, 'no such column')}; "
                "was it written by another version?"
            )


def _rows_of(path: Path, batch: pa.RecordBatch) -> Iterator[Row]:
    names = batch.schema.names
    try:
        cells = [_cells(column) for column in batch.columns]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: a cell is not UTF-8 text ({error})") from error
    for row in zip(*cells, strict=True):
        yield dict(zip(names, row, strict=True))


def _cells(column: pa.Array) -> list[Any]:
    if not pa.types.is_string(column.type):
        return list(column.to_pylist())
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    return [None if i is None else texts[i] for i in encoded.indices.to_pylist()]
