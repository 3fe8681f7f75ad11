"""A folder of GroundingYouTube's published files: read, kept as raw tables, written again.

    raw/files.parquet     name, layout, dialect, SHA-256 and number of rows of each file
    raw/videos.parquet    the videos of each file in its order
    raw/<name>.parquet    the rows of one file in its order; see `layouts`

Nothing is repaired on the way in. Reading proves its own way out: a file that could not be written
again byte for byte from what is kept of it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dataset_builder import tables
from dataset_builder.errors import InputError
from dataset_builder.official.dialects import DIALECTS, dialect_of
from dataset_builder.official.layouts import (
    FILES,
    LAYOUTS,
    MAY_BE_EMPTY,
    Raw,
    rows_of,
    value_of,
)

FOLDER = "raw"
_FILES = pa.schema(
    [
        ("name", pa.string()),
        ("layout", pa.string()),
        ("dialect", pa.string()),
        ("sha256", pa.string()),
        ("n_rows", pa.int64()),
    ]
)
_VIDEOS = pa.schema([("name", pa.string()), ("video_id", pa.string())])


@dataclass(frozen=True, slots=True)
class RawFile:
    """One published file: its rows in order, and what is needed to write it again.

    `videos` has those without rows as well; it is empty where rows do not lie under videos.
    """

    name: str
    dialect: str
    sha256: str
    videos: tuple[str, ...]
    rows: tuple[Raw, ...]

    @property
    def file_name(self) -> str:
        """The published file's name."""
        return f"{self.name}.json"

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        return DIALECTS[self.dialect](value_of(self.name, self.videos, self.rows)).encode()


Files = Mapping[str, RawFile]
"""The files by their names without `.json`."""


def read_file(path: Path) -> RawFile:
    """Read one published file; its name says what it holds.

    Raises:
        InputError: it is none of them, or not of its form, or cannot be written again as it is.
    """
    if path.stem not in FILES:
        raise InputError(f"{path}: is none of the published files, which are {', '.join(FILES)}")
    data, value = path.read_bytes(), tables.read_json(path)
    try:
        videos, rows = rows_of(path.stem, value)
        dialect = dialect_of(value_of(path.stem, videos, rows), data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return RawFile(path.stem, dialect, tables.sha256_bytes(data), videos, rows)


def read_folder(folder: Path) -> dict[str, RawFile]:
    """Read those of the fourteen files that a folder has; others are passed over.

    Raises:
        InputError: it has none, or as for `read_file`.
    """
    paths = [folder / f"{name}.json" for name in FILES]
    found = [read_file(path) for path in paths if path.is_file()]
    if not found:
        raise InputError(f"{folder}: has none of the published files, such as {paths[0].name}")
    return {file.name: file for file in found}


def write_raw_tables(folder: Path, files: Iterable[RawFile]) -> None:
    """Write the tables `raw/` below a folder."""
    kept = list(files)
    listed = [
        {
            "name": file.name,
            "layout": FILES[file.name],
            "dialect": file.dialect,
            "sha256": file.sha256,
            "n_rows": len(file.rows),
        }
        for file in kept
    ]
    videos = [{"name": file.name, "video_id": v} for file in kept for v in file.videos]
    tables.write_rows(folder / FOLDER / "files.parquet", _FILES, listed)
    tables.write_rows(folder / FOLDER / "videos.parquet", _VIDEOS, videos)
    for file in kept:
        schema = LAYOUTS[FILES[file.name]].schema
        rows = [dict(zip(schema.names, row, strict=True)) for row in file.rows]
        tables.write_rows(folder / FOLDER / f"{file.name}.parquet", schema, rows)


def read_raw_tables(folder: Path) -> dict[str, RawFile]:
    """Read the tables `raw/` below a folder.

    Raises:
        InputError: a table is missing or of another kind, or names what there is not.
    """
    listed = tables.read_rows(folder / FOLDER / "files.parquet", _FILES)
    videos: dict[str, list[str]] = {}
    for row in tables.read_rows(folder / FOLDER / "videos.parquet", _VIDEOS):
        videos.setdefault(row["name"], []).append(row["video_id"])
    files: dict[str, RawFile] = {}
    for row in listed:
        name, dialect = row["name"], row["dialect"]
        if name not in FILES or dialect not in DIALECTS:
            raise InputError(
                f"{folder / FOLDER / 'files.parquet'}: no file {name!r} in dialect {dialect!r} is "
                "known; was it written by another version?"
            )
        path = folder / FOLDER / f"{name}.parquet"
        schema = LAYOUTS[FILES[name]].schema
        rows = tuple(tuple(r.values()) for r in tables.read_rows(path, schema, MAY_BE_EMPTY))
        mine = tuple(videos.get(name, ()))
        unknown = {r[0] for r in rows} - set(mine) if LAYOUTS[FILES[name]].by_video else set()
        if unknown:
            raise InputError(f"{path}: video {min(unknown)!r} is not in videos.parquet")
        files[name] = RawFile(name, dialect, row["sha256"], mine, rows)
    return files


def write_files(folder: Path, files: Iterable[RawFile]) -> list[str]:
    """Write the published files again; return their names.

    Raises:
        InputError: what is kept of one does not give its digest, so it is not the published file.
    """
    names: list[str] = []
    for file in files:
        data = file.to_bytes()
        if tables.sha256_bytes(data) != file.sha256:
            raise InputError(
                f"{file.file_name}: the tables give another file than the one that was read "
                f"(SHA-256 {file.sha256}); import it anew"
            )
        (folder / file.file_name).write_bytes(data)
        names.append(file.file_name)
    return names
