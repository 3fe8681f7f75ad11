"""A project of GroundingYouTube's size, written straight into a server's database.

250 videos, 5,091 clips, 512 actions, about 27,000 frames and 135,000 answers by 60 people over 30
days. People differ in speed, care and diligence, actions in how often they can be seen; some clips
carry hints, some frames are open, some answers were replaced or set aside, one person is paused.
Rows are made as the server would leave them, so that its audit finds nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from generated_answers import Crowd, Drawn, draw_answers
from generated_clips import Layout, Size, actions_of, lay_out, write_pictures
from sqlalchemy import Connection, insert, text

from annot_server.models import (
    Action,
    Answer,
    AuditEntry,
    Base,
    Clip,
    Frame,
    GoldAnswer,
    GoldFrame,
    Lease,
    LeaseFrame,
    Person,
    Prelabel,
    Skip,
    Slot,
    Snapshot,
    Video,
)
from annot_server.server import Server

GOLD_CLIPS, GOLD_SECONDS = 20, 3


def fill(server: Server, size: Size, *, seed: int = 0, now: datetime | None = None) -> None:
    """Write a whole project into an empty, migrated database.

    Args:
        server: its folder gets the pictures.
        size: how large.
        seed: draws everything.
        now: the end of the days on which people worked; the clock's time where it is None.
    """
    rng = np.random.default_rng(seed)
    now = now or datetime.now(UTC)
    pictures = write_pictures(server.home)
    layout = lay_out(size, pictures, rng)
    crowd = Crowd.draw(size.people, rng)
    drawn = draw_answers(layout.frames, layout.clips, layout.size_of, crowd, rng)
    drawn.set_times(now - timedelta(days=size.days), size.days, crowd, rng)
    with server.database.engine.execution_options(is_writer=True).begin() as connection:
        _insert(connection, Video, layout.videos)
        _insert(connection, Action, actions_of(size.actions))
        _insert(connection, Clip, layout.clips)
        _insert(connection, Person, _people(crowd, now - timedelta(days=size.days + 1)))
        _insert(connection, Frame, drawn.frames)
        _insert(connection, Prelabel, drawn.prelabels)
        _insert(connection, Lease, drawn.leases)
        _insert(connection, LeaseFrame, drawn.lease_frames)
        _insert(connection, Slot, drawn.slots)
        _insert(connection, Answer, drawn.answers)
        _insert(connection, Skip, drawn.skips)
        _add_gold(connection, layout, drawn, pictures=pictures, crowd=crowd, rng=rng, now=now)
        _insert(connection, Snapshot, _snapshots(now))
        _insert(connection, AuditEntry, _audit_rows(now, size))
        _set_sequences(connection)
    with server.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _people(crowd: Crowd, created_at: datetime) -> list[dict[str, Any]]:
    rows = []
    for n in range(crowd.n):
        paused = crowd.is_careless[n] and n % 2 == 0
        rows.append(
            {
                "id": n + 1,
                "name": f"Annotator {n + 1:02d}",
                "role": "annotator",
                "created_at": created_at,
                "consented_at": created_at,
                "introduced_at": created_at,
                "qualified_at": created_at,
                "paused_at": created_at + timedelta(days=12) if paused else None,
                "paused_reason": "too many known frames missed" if paused else None,
            }
        )
    for name, role in (("Rita", "reviewer"), ("Mia", "maintainer")):
        rows.append(
            {
                "id": len(rows) + 1,
                "name": name,
                "role": role,
                "created_at": created_at,
                "consented_at": created_at,
                "introduced_at": created_at,
                "qualified_at": created_at,
                "paused_at": None,
                "paused_reason": None,
            }
        )
    return rows


def _add_gold(
    connection: Connection,
    layout: Layout,
    drawn: Drawn,
    *,
    pictures: Mapping[tuple[int, int], Sequence[str]],
    crowd: Crowd,
    rng: np.random.Generator,
    now: datetime,
) -> None:
    """Add clips with known answers, and what people said of them."""
    clips, frames, known, answers, leases, lease_frames = [], [], [], [], [], []
    frame_id, lease_id = len(layout.frames) + 1, len(drawn.leases) + 1
    for n in range(GOLD_CLIPS):
        source = layout.clips[n]
        clip_id = f"{source['clip_id']}-known"
        clips.append({**source, "clip_id": clip_id, "is_gold": True})
        mine = range(frame_id, frame_id + GOLD_SECONDS)
        frame_id += GOLD_SECONDS
        shape = layout.size_of[source["video_id"]]
        for k, f in enumerate(mine):
            point = rng.uniform(0.2, 0.8, 2) if k else (None, None)
            frames.append(
                {
                    "id": f,
                    "clip_id": clip_id,
                    "second": int(source["start_s"]) + k,
                    "timestamp_s": source["start_s"] + k,
                    "image_sha256": pictures[shape][k],
                    "is_middle_frame": False,
                    "redundancy": 5,
                    "hint_quota": 0,
                }
            )
            known.append(
                {"frame_id": f, "purpose": "hidden", "x": point[0], "y": point[1]}
                | {"tolerance": 0.08, "created_at": now - timedelta(days=40)}
            )
        for p in range(crowd.n):
            at = now - timedelta(days=float(rng.uniform(0, 30)))
            leases.append(
                {"id": lease_id, "person_id": p + 1, "clip_id": clip_id, "created_at": at}
                | {"expires_at": at + timedelta(minutes=5), "released_at": None}
            )
            for gold in known[-GOLD_SECONDS:]:
                f = gold["frame_id"]
                lease_frames.append({"lease_id": lease_id, "frame_id": f})
                answers.append(
                    _gold_answer(gold, p, lease_id=lease_id, at=at, crowd=crowd, rng=rng)
                )
            lease_id += 1
    _insert(connection, Clip, clips)
    _insert(connection, Frame, frames)
    _insert(connection, GoldFrame, known)
    _insert(connection, Lease, leases)
    _insert(connection, LeaseFrame, lease_frames)
    _insert(connection, GoldAnswer, answers)


def _gold_answer(
    gold: Mapping[str, Any],
    p: int,
    *,
    lease_id: int,
    at: datetime,
    crowd: Crowd,
    rng: np.random.Generator,
) -> dict[str, Any]:
    is_visible = gold["x"] is not None
    says_visible = is_visible != (rng.random() < (0.35 if crowd.is_careless[p] else 0.04))
    x = y = distance = None
    if says_visible:
        off = rng.normal(0, crowd.error[p], 2)
        x, y = np.clip(np.array([gold["x"] or 0.5, gold["y"] or 0.5]) + off, 0, 1).tolist()
        distance = float(np.hypot(*off)) * 0.75 if is_visible else None
    return {
        "frame_id": gold["frame_id"],
        "person_id": p + 1,
        "lease_id": lease_id,
        "x": x,
        "y": y,
        "idempotency_key": f"gold-{gold['frame_id']}",
        "created_at": at,
        "is_right": distance < 0.08 if distance is not None else is_visible == says_visible,
        "distance": distance,
        "ms_taken": int(crowd.ms[p]),
        "pointer": "mouse",
    }


def _snapshots(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "snapshot_id": f"{at:%Y%m%dT%H%M%SZ}-{n:08x}",
            "digest": hashlib.sha256(str(n).encode()).hexdigest(),
            "answers": 40_000 * n,
            "created_at": at,
        }
        for n, at in ((n, now - timedelta(days=30 - 9 * n)) for n in (1, 2, 3))
    ]


def _audit_rows(now: datetime, size: Size) -> Iterator[dict[str, Any]]:
    kinds = ("import_clips", "invite", "join", "ask_more", "settle", "pause")
    for n in range(600):
        at = now - timedelta(days=size.days * (1 - n / 600))
        yield {
            "at": at,
            "person_id": None if n % 3 else size.people + 2,
            "what": kinds[n % len(kinds)],
            "subject": f"frame {n * 17 % size.frames + 1}",
        }


def _insert(connection: Connection, table: type[Base], rows: Any) -> None:
    rows = list(rows)
    if rows:
        connection.execute(insert(table), rows)


def _set_sequences(connection: Connection) -> None:
    """Let PostgreSQL's counters go on behind the ids that were given here."""
    if connection.dialect.name != "postgresql":
        return
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            name = f"{table.name}.{column.name}"
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'),"
                    f" (SELECT coalesce(max({name}), 0) + 1 FROM {table.name}), false)"
                )
            )
