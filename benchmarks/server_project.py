"""A project of GroundingYouTube's size, written into a database, and what that holds later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from server_load import Acknowledged
from sqlalchemy import insert, select, text

from annot_server.audit import Audit, audit
from annot_server.config import Config, Home
from annot_server.invitations import invite
from annot_server.migration import upgrade
from annot_server.models import (
    ANNOTATOR,
    ANSWER_IS_ACTIVE,
    Action,
    Answer,
    Clip,
    Frame,
    Person,
    Slot,
    Video,
)
from annot_server.server import Server, open_server
from dataset_builder.domain import Segment, clip_id_for
from dataset_builder.tables import sha256_bytes

N_ACTIONS, CLIPS_A_VIDEO, REDUNDANCY = 512, 20, 5
ROWS_AT_ONCE = 2000


def create_project(
    folder: Path, *, database_url: str, n_frames: int, lease_frames: int, n_annotators: int
) -> tuple[Home, list[str]]:
    """Make a home and its database; return the home and an invite token for each annotator."""
    home = Home(folder)
    home.create(Config(database_url=database_url, lease_frames=lease_frames))
    server = open_server(home)
    upgrade(server.database.engine)
    server.database.write(lambda session: _fill(session, n_frames))
    now = datetime.now(UTC)
    tokens = [
        server.database.write(
            lambda session, i=i: invite(session, name=f"Person {i}", role=ANNOTATOR, now=now)
        )
        for i in range(n_annotators)
    ]
    # As autovacuum does within a minute of an import: PostgreSQL plans badly without statistics.
    with server.database.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    server.database.close()
    return home, tokens


def _fill(session: Any, n_frames: int) -> None:
    rng = np.random.default_rng(0)
    rows = list(_clips(n_frames, rng))
    videos = dict.fromkeys(clip["video_id"] for clip in rows)
    tables: list[tuple[Any, list[dict[str, Any]]]] = [
        (
            Video,
            [
                {"video_id": v, "width": 1280, "height": 720, "duration_s": 3600.0, "sha256": v}
                for v in videos
            ],
        ),
        (
            Action,
            [{"action_id": f"do-{i}", "description": f"do thing {i}"} for i in range(N_ACTIONS)],
        ),
        (Clip, rows),
    ]
    frames = [
        {
            "id": 0,
            "clip_id": clip["clip_id"],
            "second": second,
            "timestamp_s": float(second),
            "image_sha256": sha256_bytes(f"{clip['clip_id']}/{second}".encode()),
            "is_middle_frame": False,
            "redundancy": REDUNDANCY,
            "hint_quota": 0,
        }
        for clip in rows
        for second in range(int(clip["start_s"]), int(clip["end_s"]))
    ]
    for i, frame in enumerate(frames, start=1):
        frame["id"] = i
    tables.append((Frame, frames))
    tables.append(
        (Slot, [{"frame_id": f["id"], "k": k} for f in frames for k in range(REDUNDANCY)])
    )
    for table, values in tables:
        for start in range(0, len(values), ROWS_AT_ONCE):
            session.execute(insert(table), values[start : start + ROWS_AT_ONCE])


def _clips(n_frames: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield clips of 1 to 10 s, as GroundingYouTube has them, until there are enough frames."""
    n_clips, start = 0, 0
    while n_frames > 0:
        if n_clips % CLIPS_A_VIDEO == 0:
            start = 0
        video_id = f"video{n_clips // CLIPS_A_VIDEO:05d}"
        length = min(int(rng.integers(1, 11)), n_frames)
        segment = Segment(float(start), float(start + length))
        action_id = f"do-{rng.integers(N_ACTIONS)}"
        yield {
            "clip_id": clip_id_for(video_id, segment, action_id),
            "video_id": video_id,
            "action_id": action_id,
            "start_s": segment.start_s,
            "end_s": segment.end_s,
            "split": "test",
            "is_benchmark": True,
        }
        start += length + 3
        n_frames -= length
        n_clips += 1


def look_back(home: Home, acknowledged: Sequence[Acknowledged]) -> tuple[Audit, int]:
    """Audit the database and count the acknowledged answers that it does not hold as they were."""
    server: Server = open_server(home)
    with server.database.read() as session:
        found = audit(session)
        stored = {
            row.idempotency_key: (row.name, row.frame_id, row.x, row.y)
            for row in session.execute(
                select(Answer.idempotency_key, Person.name, Answer.frame_id, Answer.x, Answer.y)
                .join(Person, Person.id == Answer.person_id)
                .where(ANSWER_IS_ACTIVE)
            )
        }
    server.database.close()
    n_lost = sum(
        stored.get(a.key) != (f"Person {a.annotator}", a.frame_id, a.x, a.y) for a in acknowledged
    )
    return found, n_lost
