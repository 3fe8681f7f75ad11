"""The answers of a project to one consensus a frame: point, peak, spread, and a box.

Paper mode weighs all clicks alike, and a frame has a box where enough people clicked. Robust mode
(R20) fits people and frames together: the point is that of `student_t`, the box leaves stray clicks
out, and a frame has one only where the action can probably be seen. The paper's box stands beside
it. Visibility and agreement are the same in both modes.

Clicks are rounded to 1e-6 before anything is derived, and derived numbers are rounded to 1e-6
before they are kept (R20), so that reading a release and deriving it anew gives the same digits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dataset_builder.cluster import HERE, Workers, map_items
from dataset_builder.fusion.agreement import agreement_labels, agreement_numbers
from dataset_builder.fusion.answer_table import AnswerTable, answer_table, clicks_of, diagonals
from dataset_builder.fusion.boxes import robust_box, union_box
from dataset_builder.fusion.heatmap import adaptive_sigma, peaks
from dataset_builder.fusion.points import mean_point, spread
from dataset_builder.fusion.student_t import StudentT, student_t
from dataset_builder.fusion.visibility import Visibility, visibility
from dataset_builder.geometry import COORDINATE_DECIMALS, Box, Point
from dataset_builder.release_tables import Annotator, Consensus
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow

UNANSWERED = "unanswered"
NOT_VISIBLE = "not_visible"
PROBABLY_NOT_VISIBLE = "probably_not_visible"
TOO_FEW_CLICKS = "too_few_clicks"
STUDENT_T = "student_t"
GEOMETRIC_MEDIAN = "geometric_median"

BLOCK_FRAMES = 2_016
"""Frames whose heatmaps are one work item, some tenths of a second; the same for any workers, so
that numbers do not depend on them."""


@dataclass(frozen=True, slots=True)
class FusedFrame:
    """What the answers of a frame say, and its box; `box` is None where `consensus.reason` says.

    `paper_box` is the paper's box beside the robust one; None in paper mode, where it is the box.
    """

    consensus: Consensus
    box: Box | None
    paper_box: Box | None = None


@dataclass(frozen=True, slots=True)
class Fusion:
    """Frames in the order in which they were given, annotators by id, and the agreement of all."""

    frames: tuple[FusedFrame, ...]
    annotators: tuple[Annotator, ...]
    agreement: Mapping[str, Any]


def fuse(
    frames: Sequence[FrameRow],
    answers: Mapping[tuple[str, int], Sequence[AnswerRow]],
    settings: BuildSettings,
    workers: Workers = HERE,
) -> Fusion:
    """Fuse the answers of a project's frames.

    Args:
        frames: the frames, in any order.
        answers: counted answers by `(clip_id, second)`; a frame may be missing.
        settings: see there.
        workers: who computes the heatmaps; they change no number.

    Returns:
        Neither the order of frames or answers nor the ids of annotators change a number.
    """
    order = sorted(range(len(frames)), key=lambda i: (frames[i].clip_id, frames[i].second))
    ordered = [frames[i] for i in order]
    given = [answers.get((frame.clip_id, frame.second), ()) for frame in ordered]
    table = answer_table(ordered, answers)
    seen = visibility(table)
    labels, n_agreeing = agreement_labels(clicks_of(table))
    clicks = [[a.point.rounded() for a in mine if a.point] for mine in given]
    described = [
        _counted(frame, len(mine), places, probability, (label, n))
        for frame, mine, places, probability, label, n in zip(
            ordered,
            given,
            clicks,
            seen.p_visible_f.tolist(),
            labels,
            n_agreeing.tolist(),
            strict=True,
        )
    ]
    if settings.mode == "robust":
        fit = student_t(clicks_of(table))
        annotators = _annotators(table, seen, fit)
        scales = known_scales(annotators)
        weights = [heatmap_weights(mine, scales) for mine in given]
        fused = _robust(described, clicks, weights, fit, settings, workers=workers)
    else:
        annotators = _annotators(table, seen, None)
        fused = _paper(described, clicks, settings, workers=workers)
    place_of = {index: place for place, index in enumerate(order)}
    return Fusion(
        tuple(fused[place_of[index]] for index in range(len(frames))),
        annotators,
        agreement_numbers(table) if len(table.frames_a) else {},
    )


def known_scales(annotators: Iterable[Annotator]) -> dict[str, float]:
    """Return the scale of each annotator who has one."""
    return {a.annotator_id: a.scale for a in annotators if a.scale is not None}


def heatmap_weights(answers: Sequence[AnswerRow], scales: Mapping[str, float]) -> list[float]:
    """Return the reliability of each click among a frame's answers: 1 / its annotator's scale^2.

    Args:
        answers: of one frame; those that are no clicks have no weight in the result.
        scales: by annotator; people who are missing have the scale 1.
    """
    return [1 / scales.get(a.annotator_id, 1.0) ** 2 for a in answers if a.point]


def _counted(
    frame: FrameRow,
    n_answers: int,
    clicks: Sequence[Point],
    p_visible: float,
    agreement: tuple[str, int],
) -> Consensus:
    """Return what a frame's answers say in any mode; NaN is no `p_visible`."""
    return Consensus(
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
        peak=None,
        spread=_rounded(spread(clicks, frame.width, frame.height)) if clicks else None,
        kept=False,
        reason="",
        n_not_visible=n_answers - len(clicks),
        p_visible=None if math.isnan(p_visible) else _rounded(p_visible),
        agreement=agreement[0],
        n_agreeing=agreement[1],
    )


def _paper(
    frames: Sequence[Consensus],
    clicks: Sequence[Sequence[Point]],
    settings: BuildSettings,
    *,
    workers: Workers,
) -> list[FusedFrame]:
    found = _peaks(frames, clicks, settings, [settings.sigma] * len(frames), None, workers=workers)
    fused = []
    for frame, mine, peak in zip(frames, clicks, found, strict=True):
        reason = _reason(frame, settings)
        box = None if reason else union_box(mine, settings.margin_x, settings.margin_y)
        fused.append(FusedFrame(replace(frame, peak=peak, kept=not reason, reason=reason), box))
    return fused


def _robust(
    frames: Sequence[Consensus],
    clicks: Sequence[Sequence[Point]],
    weights: Sequence[Sequence[float]],
    fit: StudentT,
    settings: BuildSettings,
    *,
    workers: Workers,
) -> list[FusedFrame]:
    placed = _points(frames, fit)
    sigmas = [
        adaptive_sigma(scale or 0.0, settings.sigma_floor, settings.sigma_cap)
        for _, _, scale in placed
    ]
    found = _peaks(frames, clicks, settings, sigmas, weights, workers=workers)
    fused = []
    for frame, mine, peak, (point, rule, scale) in zip(frames, clicks, found, placed, strict=True):
        reason = _reason(frame, settings)
        box = paper_box = None
        if len(mine) >= settings.min_clicks:
            paper_box = union_box(mine, settings.margin_x, settings.margin_y)
        if not reason and point and scale:
            size = (frame.width, frame.height)
            box = robust_box(mine, point, scale, size, settings.robust_margin)
        consensus = replace(
            frame,
            peak=peak,
            kept=not reason,
            reason=reason,
            robust=point,
            robust_rule=rule,
            scale=scale,
        )
        fused.append(FusedFrame(consensus, box, paper_box))
    return fused


def _points(
    frames: Sequence[Consensus], fit: StudentT
) -> list[tuple[Point | None, str, float | None]]:
    """Return each frame's robust point as fractions, the rule that made it, and its scale."""
    fractions = fit.points_f2 / diagonals([(frame.width, frame.height) for frame in frames])
    columns = (fractions.tolist(), fit.is_fallback_f.tolist(), fit.scales_f.tolist())
    return [
        (
            # Rounding in the last place can lead a hair outside, where every click is at the edge.
            Point(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)).rounded(),
            GEOMETRIC_MEDIAN if is_fallback else STUDENT_T,
            _rounded(scale),
        )
        if frame.n_clicks
        else (None, "", None)
        for frame, (x, y), is_fallback, scale in zip(frames, *columns, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Block:
    """Frames with clicks whose peaks are found together, by any worker."""

    clicks: Sequence[Sequence[Point]]
    sizes: Sequence[tuple[int, int]]
    sigmas: Sequence[float]
    weights: Sequence[Sequence[float]] | None


def _peaks(
    frames: Sequence[Consensus],
    clicks: Sequence[Sequence[Point]],
    settings: BuildSettings,
    sigmas: Sequence[float],
    weights: Sequence[Sequence[float]] | None,
    *,
    workers: Workers,
) -> list[Point | None]:
    """Return where each frame's heatmap is highest, None where nobody clicked."""
    clicked = [index for index, points in enumerate(clicks) if points]
    starts = range(0, len(clicked), BLOCK_FRAMES)
    chosen = (clicked[start : start + BLOCK_FRAMES] for start in starts)
    blocks = (
        _Block(
            [clicks[index] for index in mine],
            [(frames[index].width, frames[index].height) for index in mine],
            [sigmas[index] for index in mine],
            None if weights is None else [weights[index] for index in mine],
        )
        for mine in chosen
    )
    work = functools.partial(_peaks_of_block, grid=(settings.grid_rows, settings.grid_cols))
    done = map_items(work, blocks, workers, what="heatmaps", total=len(starts), in_order=True)
    peak_of = dict(zip(clicked, (peak for _, found in done for peak in found), strict=True))
    return [peak_of.get(index) for index in range(len(frames))]


def _peaks_of_block(block: _Block, grid: tuple[int, int]) -> list[Point]:
    return peaks(block.clicks, block.sizes, grid=grid, sigma=block.sigmas, weights=block.weights)


def _annotators(
    table: AnswerTable, seen: Visibility, fit: StudentT | None
) -> tuple[Annotator, ...]:
    """Return one record for each annotator, by id."""
    n_answers = [0] * len(table.annotators)
    n_clicks = [0] * len(table.annotators)
    for person, is_click in zip(
        table.annotators_a.tolist(), table.is_click_a.tolist(), strict=True
    ):
        n_answers[person] += 1
        n_clicks[person] += is_click
    records = [
        Annotator(
            annotator_id,
            n_answers[person],
            n_clicks[person],
            _rounded(float(seen.accuracy_j[person])),
            _rounded(float(fit.scales_j[person])) if fit and fit.is_known_j[person] else None,
        )
        for person, annotator_id in enumerate(table.annotators)
    ]
    return tuple(sorted(records, key=lambda record: record.annotator_id))


def _reason(frame: Consensus, settings: BuildSettings) -> str:
    """Return why a frame has no box, or "" where it has one."""
    if not frame.n_answers:
        return UNANSWERED
    if not frame.n_clicks:
        return NOT_VISIBLE
    if settings.mode == "robust" and (frame.p_visible or 0.0) < settings.min_p_visible:
        return PROBABLY_NOT_VISIBLE
    return "" if frame.n_clicks >= settings.min_clicks else TOO_FEW_CLICKS


def _rounded(value: float) -> float:
    return round(value, COORDINATE_DECIMALS)
