"""How well people agree, over all complete frames: from the columns that retirement filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, Integer, and_, case, cast, func, literal_column, select
from sqlalchemy.orm import Session

from annot_server.models import Frame

DISTANCE_BIN = 0.01
"""Width of a column of the distances' histogram, a fraction of the diagonal."""
LAST_BIN = 40
"""Distances from here on share the last column."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Agreement over the complete frames; shares are 0..1, None where nothing was counted.

    Attributes:
        frames: complete frames.
        mean_distance: mean over frames of the clicks' mean pairwise distance, a fraction of the
            diagonal; `frames_with_pairs` have two clicks or more.
        close: share of the frames in which three clicks or more lie close together.
        visible, hidden, split: frames on which all clicked, all said "not visible", or people
            were of two minds.
        visibility_agreement: share of pairs of answers on the same frame that agree on whether
            the action can be seen.
        distances: `(lower edge, frames)` of each column of the histogram.
        disagreements: the same over disagreement, in tenths.
        clicks: `(clicks, frames)`: how many frames have none, one, two, ... clicks.
    """

    frames: int
    frames_with_pairs: int
    mean_distance: float | None
    close: float | None
    visible: int
    hidden: int
    split: int
    visibility_agreement: float | None
    distances: list[tuple[float, int]]
    disagreements: list[tuple[float, int]]
    clicks: list[tuple[int, int]]


def read_agreement(session: Session) -> Overview:
    """Count everything at one moment."""
    n = Frame.n_clicks + Frame.n_not_visible
    pairs = n * (n - 1)
    alike = Frame.n_clicks * (Frame.n_clicks - 1) + Frame.n_not_visible * (Frame.n_not_visible - 1)
    row = session.execute(
        select(
            func.count().label("frames"),
            func.count(Frame.pairwise_distance).label("with_pairs"),
            func.avg(Frame.pairwise_distance).label("distance"),
            _sum_of(Frame.n_close >= 3).label("close"),
            _sum_of(and_(Frame.n_clicks > 0, Frame.n_not_visible == 0)).label("visible"),
            _sum_of(and_(Frame.n_clicks == 0, Frame.n_not_visible > 0)).label("hidden"),
            func.sum(pairs).label("pairs"),
            func.sum(alike).label("alike"),
        ).where(Frame.n_clicks.is_not(None))
    ).one()
    frames, visible, hidden = row.frames, int(row.visible or 0), int(row.hidden or 0)
    return Overview(
        frames=frames,
        frames_with_pairs=row.with_pairs,
        mean_distance=None if row.distance is None else float(row.distance),
        close=int(row.close or 0) / frames if frames else None,
        visible=visible,
        hidden=hidden,
        split=frames - visible - hidden,
        visibility_agreement=float(row.alike) / float(row.pairs) if row.pairs else None,
        distances=_columns(session, Frame.pairwise_distance, DISTANCE_BIN, LAST_BIN),
        disagreements=_columns(session, Frame.disagreement, 0.1, 9),
        clicks=_clicks(session),
    )


def _sum_of(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _columns(session: Session, value: Any, width: float, last: int) -> list[tuple[float, int]]:
    """Return the lower edge and the height of each column of a histogram, empty ones too."""
    place = cast(func.floor(cast(value, Float) / literal_column(str(width))), Integer)
    if session.get_bind().dialect.name == "sqlite":
        place = cast(value / literal_column(str(width)), Integer)
    rows = session.execute(
        select(place.label("place"), func.count()).where(value.is_not(None)).group_by("place")
    )
    heights: dict[int, int] = {}
    for at, count in rows:
        heights[min(at, last)] = heights.get(min(at, last), 0) + count
    if not heights:
        return []
    return [(round(n * width, 6), heights.get(n, 0)) for n in range(max(heights) + 1)]


def _clicks(session: Session) -> list[tuple[int, int]]:
    rows = session.execute(
        select(Frame.n_clicks, func.count())
        .where(Frame.n_clicks.is_not(None))
        .group_by(Frame.n_clicks)
    )
    counts = {int(n): frames for n, frames in rows if n is not None}
    return [(n, counts.get(n, 0)) for n in range(max(counts) + 1)] if counts else []
