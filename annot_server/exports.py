"""Snapshots made from a page: where they lie, and how they are sent.

HOME/exports/SNAPSHOT_ID/     one folder a snapshot, written by the worker
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from annot_server.config import Home
from annot_server.errors import NotFoundError
from annot_server.models import Snapshot

SNAPSHOT_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
BLOCK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot that was made, and whether its folder is here to be sent."""

    snapshot_id: str
    digest: str
    answers: int
    created_at: datetime
    is_here: bool


def snapshots_of(session: Session, home: Home) -> list[StoredSnapshot]:
    """Return every snapshot there was, the newest first."""
    rows = session.scalars(
        select(Snapshot).order_by(Snapshot.created_at.desc(), Snapshot.snapshot_id)
    )
    return [
        StoredSnapshot(
            row.snapshot_id,
            row.digest,
            row.answers,
            row.created_at,
            bool(SNAPSHOT_ID.fullmatch(row.snapshot_id))
            and export_folder(home, row.snapshot_id).is_dir(),
        )
        for row in rows
    ]


def export_folder(home: Home, snapshot_id: str) -> Path:
    """Return where a snapshot made from a page lies.

    Raises:
        NotFoundError: the id is none that a page gives.
    """
    if not SNAPSHOT_ID.fullmatch(snapshot_id):
        raise NotFoundError("there is no such snapshot")
    return home.path.resolve() / "exports" / snapshot_id


def zipped(folder: Path, name: str) -> Iterator[bytes]:
    """Give a folder's files as the blocks of a ZIP archive, without keeping all of it in memory.

    Args:
        folder: every file in it is sent, in the order of their names.
        name: of the folder inside the archive.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # Parquet is packed already
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            inside = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}")
            # How large a file is stands behind it, in fields of a width chosen before.
            with path.open("rb") as source, archive.open(inside, "w", force_zip64=True) as target:
                while block := source.read(BLOCK_BYTES):
                    target.write(block)
                    yield pipe.take()
    yield pipe.take()


class _Pipe(io.RawIOBase):
    """Where the archive is written: holds only what has not been sent yet, and cannot go back."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Keep bytes until they are taken."""
        self._waiting += data
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        block, self._waiting = bytes(self._waiting), bytearray()
        return block
