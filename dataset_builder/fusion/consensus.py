"""One frame's answers to one consensus: mean, peak, spread, and a box where enough people clicked.

Clicks are rounded to 1e-6 before anything is derived, and derived numbers are rounded to 1e-6
before they are kept (R20), so that reading a release and deriving it anew gives the same digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataset_builder.fusion.boxes import union_box
from dataset_builder.fusion.heatmap import peaks
from dataset_builder.fusion.points import mean_point, spread
from dataset_builder.geometry import COORDINATE_DECIMALS, Box, Point
from dataset_builder.release import Consensus
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow

UNANSWERED = "unanswered"
NOT_VISIBLE = "not_visible"
TOO_FEW_CLICKS = "too_few_clicks"


@dataclass(frozen=True, slots=True)
class FusedFrame:
    """What the answers of a frame say, and its box; `box` is None where `consensus.reason` says."""

    consensus: Consensus
    box: Box | None


def fuse_frames(
    frames: Sequence[FrameRow],
    answers: Mapping[tuple[str, int], Sequence[AnswerRow]],
    settings: BuildSettings,
) -> list[FusedFrame]:
    """Fuse the answers of many frames.

    Args:
        frames: the frames, in any order.
        answers: counted answers by `(clip_id, second)`; a frame may be missing.
        settings: see there.

    Returns:
        One record for each frame, in the order given; the order of answers changes nothing.
    """
    mine = [answers.get((frame.clip_id, frame.second), ()) for frame in frames]
    clicks = [[a.point.rounded() for a in given if a.point] for given in mine]
    clicked = [index for index, points in enumerate(clicks) if points]
    found = peaks(
        [clicks[index] for index in clicked],
        [(frames[index].width, frames[index].height) for index in clicked],
        grid=(settings.grid_rows, settings.grid_cols),
        sigma=settings.sigma,
    )
    peak_of = dict(zip(clicked, found, strict=True))
    return [
        _fused(frame, len(mine[index]), clicks[index], peak_of.get(index), settings)
        for index, frame in enumerate(frames)
    ]


def _fused(
    frame: FrameRow,
    n_answers: int,
    clicks: list[Point],
    peak: Point | None,
    settings: BuildSettings,
) -> FusedFrame:
    reason = _reason(n_answers, len(clicks), settings.min_clicks)
    consensus = Consensus(
        clip_id=frame.clip_id,
        second=frame.second,
        timestamp_s=frame.timestamp_s,
        image_sha256=frame.image_sha256,
        width=frame.width,
        height=frame.height,
        redundancy=frame.redundancy,
        n_answers=n_answers,
        n_clicks=len(clicks),
        mean=mean_point(clicks).rounded() if clicks else None,
        peak=peak,
        spread=(
            round(spread(clicks, frame.width, frame.height), COORDINATE_DECIMALS)
            if clicks
            else None
        ),
        kept=not reason,
        reason=reason,
    )
    box = None if reason else union_box(clicks, settings.margin_x, settings.margin_y)
    return FusedFrame(consensus, box)


def _reason(n_answers: int, n_clicks: int, min_clicks: int) -> str:
    """Return why a frame has no box, or "" where it has one."""
    if n_clicks >= min_clicks:
        return ""
    if not n_answers:
        return UNANSWERED
    return TOO_FEW_CLICKS if n_clicks else NOT_VISIBLE
