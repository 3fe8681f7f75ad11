"""Frames with known answers on a server, brought in as a maintainer would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from annot_server.models import Clip, Frame
from annot_server.quality.gold_import import GoldReport, import_gold
from annot_server.server import Server

HEADER = "video_id,second,action,x,y,note\n"


@pytest.fixture
def bring_gold(server: Server, videos: Path, tmp_path: Path) -> Callable[..., GoldReport]:
    """Return a function that imports known answers: `bring_gold("v1,0,crack egg,0.5,0.5,")`."""

    def bring_gold(*rows: str, purpose: str = "hidden", seed: int = 1) -> GoldReport:
        csv_path = tmp_path / "gold.csv"
        csv_path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
        return import_gold(
            server.database,
            server.home,
            server.config,
            csv_path=csv_path,
            videos=videos,
            purpose=purpose,
            now=server.now(),
            rng=np.random.default_rng(seed),
        )

    return bring_gold


@pytest.fixture
def gold_frames(server: Server) -> Callable[[], list[int]]:
    """Return a function that gives the ids of all gold frames by clip, in time order."""

    def gold_frames() -> list[int]:
        wanted = select(Frame.id).join(Clip).where(Clip.is_gold)
        with server.database.read() as session:
            return list(session.scalars(wanted.order_by(Clip.action_id, Frame.second)))

    return gold_frames


def rows_of(server: Server, *columns: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query over some columns."""
    with server.database.read() as session:
        return [tuple(row) for row in session.execute(select(*columns))]
