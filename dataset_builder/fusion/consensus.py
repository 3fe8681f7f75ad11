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
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from dataset_builder.cluster import HERE, Workers, map_items
from dataset_builder.fusion.agreement import agreement_labels, agreement_numbers
from dataset_builder.fusion.answer_table import (
    AnswerTable,
    Asked,
    Floats,
    Ints,
    answer_table,
    clicks_of,
)
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
"""Frames that are one work item, some tenths of a second; the same for any workers, so that numbers
do not depend on them."""


@dataclass(frozen=True, slots=True)
class FusedFrame:
    """What the answers of a frame say, and its box; `box` is None where `consensus.reason` says.

    `paper_box` is the paper's box beside the robust one; None in paper mode, where it is the box.
    """

    consensus: Consensus
    box: Box | None
    paper_box: Box | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """What all answers of a project say together, by which each frame's are then judged.

    `robust` is None in paper mode.
    """

    n_frames: int
    p_visible_f: Floats
    labels: Sequence[str]
    n_agreeing_f: Ints
    robust: StudentT | None
    annotators: tuple[Annotator, ...]
    agreement: Mapping[str, Any]


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
    ordered = (frames[i] for i in order)
    asked = [(frame, answers.get((frame.clip_id, frame.second), ())) for frame in ordered]
    fit = fit_answers(asked, settings)
    fused = [frame for frame, _ in fused_frames(asked, fit, settings, workers)]
    place_of = {index: place for place, index in enumerate(order)}
    in_place = tuple(fused[place_of[index]] for index in range(len(frames)))
    return Fusion(in_place, fit.annotators, fit.agreement)


def fit_answers(asked: Iterable[Asked], settings: BuildSettings) -> Fit:
    """Fit people and frames to all answers; frames come in the order of their keys."""
    table = answer_table(asked)
    seen = visibility(table)
    clicks = clicks_of(table)
    labels, n_agreeing_f = agreement_labels(clicks)
    robust = student_t(clicks) if settings.mode == "robust" else None
    del clicks  # a second copy of most of the table
    return Fit(
        table.n_frames,
        seen.p_visible_f,
        labels,
        n_agreeing_f,
        robust,
        _annotators(table, seen, robust),
        agreement_numbers(table) if len(table.frames_a) else {},
    )


def fused_frames(
    asked: Iterable[Asked], fit: Fit, settings: BuildSettings, workers: Workers = HERE
) -> Iterator[tuple[FusedFrame, Sequence[AnswerRow]]]:
    """Yield each frame's consensus and boxes beside its answers, in the order given.

    Frames are taken a few blocks at a time, so that memory does not grow with them.

    Args:
        asked: what the fit was made of.
        fit: of `fit_answers`.
        settings: those of the fit.
        workers: who computes the heatmaps; they change no number.
    """
    waiting: deque[list[_Described]] = deque()

    def blocks() -> Iterator[_Block]:
        described = _described(asked, fit, settings)
        while frames := list(islice(described, BLOCK_FRAMES)):
            waiting.append(frames)
            yield _block(frames)

    work = functools.partial(_peaks_of_block, grid=(settings.grid_rows, settings.grid_cols))
    n_blocks = math.ceil(fit.n_frames / BLOCK_FRAMES)
    done = map_items(work, blocks(), workers, what="heatmaps", total=n_blocks, in_order=True)
    for _, found in done:
        peaks_of_clicked = iter(found)
        for frame in waiting.popleft():
            peak = next(peaks_of_clicked) if frame.clicks else None
            yield _fused(frame, peak, settings), frame.answers


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


@dataclass(frozen=True, slots=True)
class _Described:
    """A frame before its peak is known; `weights` is None where all clicks weigh alike."""

    consensus: Consensus
    answers: Sequence[AnswerRow]
    clicks: Sequence[Point]
    sigma: float
    weights: Sequence[float] | None


def _described(asked: Iterable[Asked], fit: Fit, settings: BuildSettings) -> Iterator[_Described]:
    scales = known_scales(fit.annotators)
    for index, (frame, answers) in enumerate(asked):
        clicks = [answer.point.rounded() for answer in answers if answer.point]
        counted = _counted(frame, len(answers), clicks, fit, index)
        sigma, weights = settings.sigma, None
        if fit.robust is not None:
            if clicks:
                counted = _placed(counted, fit.robust, index)
            scale = counted.scale or 0.0
            sigma = adaptive_sigma(scale, settings.sigma_floor, settings.sigma_cap)
            weights = heatmap_weights(answers, scales)
        yield _Described(counted, answers, clicks, sigma, weights)


def _counted(
    frame: FrameRow, n_answers: int, clicks: Sequence[Point], fit: Fit, index: int
) -> Consensus:
    """Return what a frame's answers say in any mode; `index` is its place in the fit."""
    p_visible = float(fit.p_visible_f[index])
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
        agreement=fit.labels[index],
        n_agreeing=int(fit.n_agreeing_f[index]),
    )


def _placed(frame: Consensus, fit: StudentT, index: int) -> Consensus:
    """Return a frame with clicks with its robust point as fractions, that one's rule and scale."""
    diagonal = math.sqrt(frame.width**2 + frame.height**2)
    x, y = fit.points_f2[index].tolist()
    x, y = x / (frame.width / diagonal), y / (frame.height / diagonal)
    return replace(
        frame,
        # Rounding in the last place can lead a hair outside, where every click is at the edge.
        robust=Point(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)).rounded(),
        robust_rule=GEOMETRIC_MEDIAN if fit.is_fallback_f[index] else STUDENT_T,
        scale=_rounded(float(fit.scales_f[index])),
    )


def _fused(frame: _Described, peak: Point | None, settings: BuildSettings) -> FusedFrame:
    """Return a frame with its peak and boxes."""
    clicks, reason = frame.clicks, _reason(frame.consensus, settings)
    found = replace(frame.consensus, peak=peak, kept=not reason, reason=reason)
    union = None
    if len(clicks) >= settings.min_clicks:
        union = union_box(clicks, settings.margin_x, settings.margin_y)
    if settings.mode != "robust":
        return FusedFrame(found, union if found.kept else None)
    box = None
    if found.kept and found.robust and found.scale:
        size = (found.width, found.height)
        box = robust_box(clicks, found.robust, found.scale, size, settings.robust_margin)
    return FusedFrame(found, box, union)


@dataclass(frozen=True, slots=True)
class _Block:
    """Frames with clicks whose peaks are found together, by any worker."""

    clicks: Sequence[Sequence[Point]]
    sizes: Sequence[tuple[int, int]]
    sigmas: Sequence[float]
    weights: Sequence[Sequence[float]] | None


def _block(frames: Iterable[_Described]) -> _Block:
    clicked = [frame for frame in frames if frame.clicks]
    weights = [frame.weights for frame in clicked if frame.weights is not None]
    return _Block(
        [frame.clicks for frame in clicked],
        [(frame.consensus.width, frame.consensus.height) for frame in clicked],
        [frame.sigma for frame in clicked],
        weights or None,
    )


def _peaks_of_block(block: _Block, grid: tuple[int, int]) -> list[Point]:
    return peaks(block.clicks, block.sizes, grid=grid, sigma=block.sigmas, weights=block.weights)


def _annotators(
    table: AnswerTable, seen: Visibility, fit: StudentT | None
) -> tuple[Annotator, ...]:
    """Return one record for each annotator, by id."""
    n_people = len(table.annotators)
    n_answers = np.bincount(table.annotators_a, minlength=n_people).tolist()
    n_clicks = np.bincount(table.annotators_a[table.is_click_a], minlength=n_people).tolist()
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
