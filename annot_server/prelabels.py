"""A model's suggestions into the database, to be shown as hints on frames not yet drawn (R9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from annot_server.models import AuditEntry, Clip, Frame, Prelabel
from dataset_builder.prelabels import read_prelabels
from dataset_builder.tables import sha256_file


@dataclass(frozen=True, slots=True)
class PrelabelReport:
    """What an import did; `unknown` lists frames that are not here, as `clip_id/second`."""

    imported: int
    present: int
    unknown: tuple[str, ...]


def import_prelabels(session: Session, path: Path, *, now: datetime) -> PrelabelReport:
    """Store a prelabels file; each frame shows its newest prelabel from now on.

    Places whose arm is drawn keep what they were drawn with. The same file again adds only frames
    that were unknown before.

    Raises:
        InputError: the file is not what its format says.
    """
    prelabels = read_prelabels(path)
    digest = sha256_file(path)
    ids = {
        (clip_id, second): frame_id
        for clip_id, second, frame_id in session.execute(
            select(Frame.clip_id, Frame.second, Frame.id)
            .join(Clip)
            .where(Clip.is_gold.is_(False))  # nobody sees hints on gold frames (R3)
        )
    }
    present = set(session.scalars(select(Prelabel.frame_id).where(Prelabel.file_sha256 == digest)))
    rows = []
    unknown = []
    n_present = 0
    for item in prelabels.items:
        frame_id = ids.get((item.clip_id, item.second))
        if frame_id is None:
            unknown.append(f"{item.clip_id}/{item.second}")
        elif frame_id in present:
            n_present += 1
        else:
            rows.append(
                {
                    "frame_id": frame_id,
                    "file_sha256": digest,
                    "model": prelabels.model[:200],
                    "checkpoint_digest": prelabels.checkpoint_digest[:200],
                    "x": item.point.x,
                    "y": item.point.y,
                    "score": item.score,
                    "imported_at": now,
                }
            )
    if rows:
        session.execute(insert(Prelabel), rows)
    session.add(
        AuditEntry(
            at=now,
            what="import_prelabels",
            subject=f"{path.name} (SHA-256 {digest}): {len(rows)} frames",
        )
    )
    return PrelabelReport(len(rows), n_present, tuple(unknown))
