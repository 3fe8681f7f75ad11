"""A model's suggestions into the database, to be shown as hints on frames not yet drawn (R9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from annot_server.database import Database
from annot_server.models import AuditEntry, Clip, Frame, Prelabel
from dataset_builder.prelabels import Prelabels, read_prelabels
from dataset_builder.tables import sha256_file

ROWS_A_WRITE = 1000
"""Rows that one transaction brings, so that answers wait some hundredths of a second at most."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PrelabelReport:
    """What an import did; `unknown` lists frames that are not here, as `clip_id/second`."""

    imported: int
    present: int
    unknown: tuple[str, ...]


def import_prelabels(
    database: Database, path: Path, *, now: datetime, by_person_id: int | None = None
) -> PrelabelReport:
    """Store a prelabels file; each frame shows its newest prelabel from now on.

    Places whose arm is drawn keep what they were drawn with. The same file again adds only frames
    that were unknown before, or that an import which was cut off did not come to.

    Args:
        database: others go on writing while the file is read and between its parts.
        path: the file.
        now: when.
        by_person_id: who brings it; None for the command line.

    Raises:
        InputError: the file is not what its format says; nothing of it is stored.
    """
    prelabels = read_prelabels(path)
    digest = sha256_file(path)
    ids = _frame_ids(database)
    unknown = tuple(
        f"{item.clip_id}/{item.second}"
        for item in prelabels.items
        if (item.clip_id, item.second) not in ids
    )
    # In the order in which every writer locks frames.
    rows = sorted(_rows(prelabels, ids, digest, now), key=lambda row: row["frame_id"])
    imported = 0
    for start in range(0, len(rows), ROWS_A_WRITE):
        some = rows[start : start + ROWS_A_WRITE]
        imported += database.write(partial(_store, digest=digest, rows=some))
    subject = f"{path.name} (SHA-256 {digest}): {imported} frames"
    database.write(
        lambda session: session.add(
            AuditEntry(at=now, person_id=by_person_id, what="import_prelabels", subject=subject)
        )
    )
    return PrelabelReport(imported, len(rows) - imported, unknown)


def _frame_ids(database: Database) -> dict[tuple[str, int], int]:
    """Return the frames that may have prelabels by clip and second."""
    wanted = (
        select(Frame.clip_id, Frame.second, Frame.id)
        .join(Clip)
        .where(Clip.is_gold.is_(False))  # nobody sees hints on gold frames (R3)
    )
    with database.read() as session:
        return {(clip_id, second): i for clip_id, second, i in session.execute(wanted)}


def _rows(
    prelabels: Prelabels, ids: dict[tuple[str, int], int], digest: str, now: datetime
) -> Iterator[Row]:
    for item in prelabels.items:
        frame_id = ids.get((item.clip_id, item.second))
        if frame_id is not None:
            yield {
                "frame_id": frame_id,
                "file_sha256": digest,
                "model": prelabels.model[:200],
                "checkpoint_digest": prelabels.checkpoint_digest[:200],
                "x": item.point.x,
                "y": item.point.y,
                "score": item.score,
                "imported_at": now,
            }


def _store(session: Session, *, digest: str, rows: list[Row]) -> int:
    """Store the rows that are not here yet and return how many these are."""
    frame_ids = [row["frame_id"] for row in rows]
    present = set(
        session.scalars(
            select(Prelabel.frame_id).where(
                Prelabel.file_sha256 == digest, Prelabel.frame_id.in_(frame_ids)
            )
        )
    )
    new = [row for row in rows if row["frame_id"] not in present]
    if new:
        session.execute(insert(Prelabel), new)
    return len(new)
