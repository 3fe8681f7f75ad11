"""The segments and ids of gold clips, so that they look like those of other clips (R3).

A gold clip shows given whole seconds. Where within the seconds beside them it begins and ends is
free: the parts of a second are drawn from the project's own clips, so that gold clips are round
where the others are round. An id that another clip has is drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annot_server.models import Clip, Frame, Lease
from dataset_builder.domain import Segment, clip_id_for, frame_seconds

LIKE_OTHERS = 20
"""So often an id is drawn with the parts of other clips; then with any, of which there are many."""

Parts = tuple[int, int]
"""Milliseconds by which start and end pass a whole second, 0 to 999."""


def draw_segment(
    session: Session,
    *,
    video_id: str,
    action_id: str,
    first: int,
    last: int,
    rng: np.random.Generator,
) -> tuple[str, Segment]:
    """Return the id and the segment of a gold clip that shows the seconds `first` to `last`.

    No clip has the id yet.
    """
    known = parts_of_clips(session)
    tries = 0
    while True:
        tries += 1
        if tries <= LIKE_OTHERS:
            parts = known[int(rng.integers(len(known)))]
        else:
            parts = int(rng.integers(1, 1000)), int(rng.integers(1, 1000))
        segment = segment_showing(first, last, parts)
        clip_id = clip_id_for(video_id, segment, action_id)
        if session.get(Clip, clip_id) is None:
            return clip_id, segment


def segment_showing(first: int, last: int, parts: Parts) -> Segment:
    """Return the segment that shows exactly the seconds `first` to `last`.

    >>> segment_showing(5, 7, (0, 0))
    Segment(start_s=5.0, end_s=8.0)
    >>> segment_showing(5, 7, (250, 500))
    Segment(start_s=4.25, end_s=7.5)
    >>> segment_showing(0, 0, (250, 500))
    Segment(start_s=0.0, end_s=0.5)
    """
    start_part, end_part = parts
    start_ms = first * 1000 if start_part == 0 else max(0, (first - 1) * 1000 + start_part)
    end_ms = (last + 1) * 1000 if end_part == 0 else last * 1000 + end_part
    return Segment(start_ms / 1000, end_ms / 1000)


def parts_of_clips(session: Session) -> Sequence[Parts]:
    """Return the parts of a second at which the project's other clips begin and end."""
    edges = session.execute(select(Clip.start_s, Clip.end_s).where(Clip.is_gold.is_(False)))
    found = [(round(start_s * 1000) % 1000, round(end_s * 1000) % 1000) for start_s, end_s in edges]
    return found or [(0, 0)]


def rename_gold_clip(session: Session, clip: Clip, rng: np.random.Generator) -> None:
    """Give a gold clip another id, because an ordinary clip that comes in now has its own."""
    seconds, _ = frame_seconds(Segment(clip.start_s, clip.end_s))
    clip_id, segment = draw_segment(
        session,
        video_id=clip.video_id,
        action_id=clip.action_id,
        first=seconds[0],
        last=seconds[-1],
        rng=rng,
    )
    session.add(
        Clip(
            clip_id=clip_id,
            video_id=clip.video_id,
            action_id=clip.action_id,
            start_s=segment.start_s,
            end_s=segment.end_s,
            split=clip.split,
            is_benchmark=clip.is_benchmark,
            priority=clip.priority,
            is_gold=True,
        )
    )
    session.flush()
    for table in (Frame, Lease):
        session.execute(update(table).where(table.clip_id == clip.clip_id).values(clip_id=clip_id))
    session.delete(clip)
    session.flush()
