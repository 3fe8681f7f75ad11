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
from tests.annot_server.quality.at_work import Annotator

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


@pytest.fixture
def people(server: Server, project) -> Callable[..., Annotator]:
    """Return a function that makes somebody at work: `people("Ada", every=2)`."""

    def person(name: str = "Ada", **more: Any) -> Annotator:
        return Annotator(server, project.person(name), **more)

    return person


@pytest.fixture
def gold(project, bring_gold, gold_frames) -> list[int]:
    """Ordinary clips, and a gold clip of three frames: in the middle, there, not visible."""
    for start in range(0, 60, 4):
        project.add_clip(4, video_id="v0", start_s=start)
    bring_gold("v1,0,stir soup,0.5,0.5,", "v1,1,stir soup,0.9,0.5,", "v1,2,stir soup,,,")
    return gold_frames()


def rows_of(server: Server, *columns: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query over some columns."""
    with server.database.read() as session:
        return [tuple(row) for row in session.execute(select(*columns))]
