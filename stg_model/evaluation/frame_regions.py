"""Where in the frame, by area: does the region that is said overlap the true box?

Given the action, over every frame that has a box, as in the pointing game. `frame_iou_share` is the
share of the frames whose region overlaps the box by more than the threshold; the paper's released
code calls that meanAP. `spatial_map` is what the paper's text says, the mean over actions of their
average precision: the frames in which an action is asked for are ranked by their records' scores.

Legend: F frames with a box, D detections (records that state a region in such a frame), A actions,
V videos.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from stg_model.evaluation.average_precision import Detections, mean_average_precision
from stg_model.evaluation.boxed_frames import BoxedFrames, boxed_frames
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.matching import Pairs, match
from stg_model.evaluation.measures import Case, Floats, Ratio, Scored
from stg_model.evaluation.regions import region_ious
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import PointKey


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    share, spatial_map = _names(settings)
    passes = f"{settings.iou_comparison}{settings.frame_iou_threshold:g}"
    return {share: f"frame IoU{passes} share", spatial_map: f"spatial mAP, IoU{passes}"}


def score(case: Case) -> Scored:
    """Score the regions of one system.

    A frame without a region (no record, or one that states none) is missed by both metrics and
    counted. Records without a score rank behind those that have one, as equals. Where two clips
    share a second and an action, the frame has two boxes: the share asks for each of them, and in
    `spatial_map` the one region finds one of them at most.

    Raises:
        UndefinedMetricError: there are no boxes, or the system states no region at all.
        InputError: a heatmap cannot be read (`region = mask`).
    """
    asked = boxed_frames(case)
    _check_regions(case)
    settings = case.settings
    ious_F = region_ious(case, asked.frames)
    is_hit_F = ious_F > settings.frame_iou_threshold
    if settings.iou_comparison == ">=":
        is_hit_F |= ious_F == settings.frame_iou_threshold
    hits_AV, frames_AV = asked.sums(is_hit_F), asked.sums()
    mean_ap = mean_average_precision(_detections(case, asked, ious_F), frames_AV, settings)
    share, spatial_map = _names(settings)
    return Scored(
        {share: Ratio(hits_AV.sum(axis=0), frames_AV.sum(axis=0)), spatial_map: mean_ap},
        {"frames_without_region": int(np.isnan(ious_F).sum())},
        {share: asked.means(is_hit_F), spatial_map: mean_ap.per_action(asked.actions)},
        {spatial_map: mean_ap.curves(asked.actions)},
    )


def _names(settings: EvaluationSettings) -> tuple[str, str]:
    threshold = f"{settings.frame_iou_threshold:g}"
    return f"frame_iou_share@{threshold}", f"spatial_map@{threshold}"


def _check_regions(case: Case) -> None:
    """Refuse predictions without a single region under these rules."""
    points = case.predictions.points.values()
    if any(found.box for found in points):
        return
    if case.settings.region == "box":
        raise UndefinedMetricError("no point record of the predictions has a box")
    if not any(found.heatmap for found in points):
        raise UndefinedMetricError("no point record of the predictions has a heatmap or a box")


def _detections(case: Case, asked: BoxedFrames, ious_F: Floats) -> Detections:
    """Return each record with a region as a detection of its action, in the order of the keys."""
    frames_P = np.flatnonzero(~np.isnan(ious_F))
    keys_P = [asked.frames[frame][0] for frame in frames_P.tolist()]
    keys = sorted(set(keys_P))
    number = {key: index for index, key in enumerate(keys)}
    detections_P = np.array([number[key] for key in keys_P], np.int64)
    frames_D = np.empty(len(keys), np.int64)
    frames_D[detections_P] = frames_P  # of two frames with one key, either says action and video
    scores_D = _scores(case, keys)
    pairs = Pairs(detections_P, frames_P, ious_F[frames_P])
    is_true_D = match(pairs, scores_D, case.settings.frame_iou_threshold, case.settings)
    return Detections(asked.actions_F[frames_D], asked.videos_F[frames_D], scores_D, is_true_D)


def _scores(case: Case, keys: Iterable[PointKey]) -> Floats:
    """Return what ranks each record: its score, or less than any score where it has none."""
    found = [case.predictions.points[key].score for key in keys]
    known = [score for score in found if score is not None]
    behind = math.nextafter(min(known), -math.inf) if known else 0.0
    return np.array([behind if score is None else score for score in found], float)
