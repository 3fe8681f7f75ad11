"""Find thresholds and a box size on a validation set, and say how good the model is there (R26).

Tau maximises the F1 of frame labels, alpha the mean overlap of the masks' boxes; the size is the
true boxes' mean. The set's truth never reaches the weights.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
from sklearn.metrics import roc_auc_score

from dataset_builder.console import progress
from dataset_builder.domain import Action, frame_seconds
from dataset_builder.geometry import Box, box_iou
from dataset_builder.release import Release, read_release
from stg_model.features.store import VideoFeatures, extract_features
from stg_model.inference.grounding import (
    LOWEST_COSINE,
    VideoScores,
    places_at,
    pools_of,
    score_video,
)
from stg_model.inference.heatmaps import Place, heat_source
from stg_model.inference.predicting import videos_of
from stg_model.limits import SMALLEST_SIDE
from stg_model.settings import InferenceSettings, Settings
from stg_model.training.checkpoint import Checkpoint
from stg_model.training.learn import threshold_sources

logger = logging.getLogger(__name__)

MASK_THRESHOLDS = tuple(round(0.1 + 0.05 * i, 2) for i in range(17))
N_BACKGROUND_THRESHOLDS = 101


@dataclass(frozen=True, slots=True)
class ValidationFigures:
    """How the model does on the validation set.

    `auc` is that of the best similarity for action against background, `frame_f1` that of the
    labels at tau; both None where every second is of one kind. `mean_box_iou` maps each way to a
    box to the mean over all boxed frames given their action, `pointing` each source of heat maps
    to its share of points in the box, whichever the settings use. None where no frame has a box.
    """

    release: str
    n_seconds: int
    n_boxes: int
    auc: float | None
    frame_f1: float | None
    background_threshold: float | None
    mask_threshold: float | None
    box_width: float | None
    box_height: float | None
    mean_box_iou: Mapping[str, float] | None
    pointing: Mapping[str, float] | None


def calibrate_on(checkpoint: Checkpoint, folder: Path, features: Path) -> Checkpoint:
    """Calibrate on a set's folder with `videos/` and `truth/`; see `calibrate`.

    Raises:
        InputError: the folder is no such set.
    """
    release = read_release(folder / "truth")
    files = videos_of(release, folder / "videos")
    extracted = extract_features(files, features, checkpoint.encoder)
    videos = list(progress(extracted, "validation", total=len(files)))
    return calibrate(checkpoint, videos, release)


def calibrate(
    checkpoint: Checkpoint, videos: Iterable[VideoFeatures], release: Release
) -> Checkpoint:
    """Fill in thresholds and sides of the box that the settings leave open.

    Args:
        checkpoint: a trained model.
        videos: features of the validation set's videos.
        release: its truth.

    Returns:
        The checkpoint with the values found in its inference settings (one that was set stays).
        `trained_on` has the `ValidationFigures`, which values came from them and the digests of
        the videos.
    """
    pools = pools_of(release)
    videos = [video for video in videos if video.video_id in pools]
    boxes = _boxes_by_video(release)
    labels = _labels_by_video(release)
    scored = [score_video(checkpoint, video, pools[video.video_id]) for video in videos]
    chosen = checkpoint.settings.inference

    label = np.concatenate([_label_row(s, labels.get(s.video_id, {})) for s in scored])
    best = np.concatenate([_inside(s).max(axis=1, initial=LOWEST_COSINE) for s in scored])
    predicted = np.concatenate([_best_actions(s) for s in scored])
    tau, f1 = best_background_threshold(label, best, predicted)
    if chosen.background_threshold is not None:
        tau = chosen.background_threshold
        f1 = frame_f1(label, np.where(best >= tau, predicted, ""))
    inference = replace(chosen, background_threshold=tau)
    inference, overlaps = best_boxes(scored, boxes, inference)
    checkpoint = replace(checkpoint, settings=replace(checkpoint.settings, inference=inference))
    both_kinds = 0 < np.count_nonzero(label) < len(label)
    figures = ValidationFigures(
        release=f"{release.name} {release.version} ({release.digest[:12]})",
        n_seconds=len(label),
        n_boxes=sum(map(len, boxes.values())),
        auc=float(roc_auc_score(label != "", best)) if both_kinds else None,
        frame_f1=f1 if both_kinds else None,
        background_threshold=tau,
        mask_threshold=inference.mask_threshold,
        box_width=inference.box_width,
        box_height=inference.box_height,
        mean_box_iou=overlaps,
        pointing=_pointing_by_source(checkpoint, videos, pools, boxes),
    )
    found = {
        name: f"validation {figures.release}"
        for name, source in threshold_sources(chosen).items()
        if source == "default" and getattr(inference, name) is not None
    }
    return replace(
        checkpoint,
        trained_on={
            **checkpoint.trained_on,
            "validation": asdict(figures),
            "validation_videos_sha256": sorted(video.source_sha256 for video in videos),
            "thresholds": threshold_sources(chosen) | found,
        },
    )


def best_background_threshold(
    label: np.ndarray, best: np.ndarray, predicted: np.ndarray
) -> tuple[float, float]:
    """Return the tau with the highest frame F1 (the lowest such tau), and that F1.

    Args:
        label: true action id of each second, "" for background.
        best: highest similarity of each second.
        predicted: action id that has it.
    """
    candidates = np.unique(np.quantile(best, np.linspace(0, 1, N_BACKGROUND_THRESHOLDS)))
    f1s = [frame_f1(label, np.where(best >= tau, predicted, "")) for tau in candidates]
    found = int(np.argmax(f1s))
    return float(candidates[found]), f1s[found]


def frame_f1(label: np.ndarray, predicted: np.ndarray) -> float:
    """Harmonic mean of precision and recall of action seconds; 0 where there is none.

    >>> frame_f1(np.array(["a", "a", "", "b"]), np.array(["a", "b", "b", "b"]))
    0.5714285714285714
    """
    hits = np.count_nonzero((label == predicted) & (label != ""))
    n = np.count_nonzero(label) + np.count_nonzero(predicted)
    return float(2 * hits / n) if n else 0.0


def best_boxes(
    scored: Sequence[VideoScores],
    boxes: Mapping[str, Mapping[tuple[int, str], Box]],
    settings: InferenceSettings,
) -> tuple[InferenceSettings, dict[str, float] | None]:
    """Fill in alpha and the size of a box round a point by the true boxes.

    Alpha is that with the best mean overlap of masks' boxes (the smallest such), also where the
    settings take the mask's middle alone. The size is the mean width and height of the true boxes,
    not that of the best overlap: where many points are wrong, that is a box too large to be right
    anywhere.

    Args:
        scored: of each video.
        boxes: by video, the true box of `(second, action_id)`.
        settings: a value that is not None stays.

    Returns:
        The settings, and the mean overlap by each way to a box; where there is no true box, the
        settings as they were and None.
    """
    truth = [box for scores in scored for box in _boxed(scores, boxes.get(scores.video_id, {}))[1]]
    if not truth:
        return settings, None
    alphas = MASK_THRESHOLDS if settings.mask_threshold is None else (settings.mask_threshold,)
    by_mask = [replace(settings, box_from="mask", mask_threshold=alpha) for alpha in alphas]
    masks = [_mean_overlap([p.box for p in _places(scored, boxes, s)], truth) for s in by_mask]
    settings = replace(settings, mask_threshold=by_mask[int(np.argmax(masks))].mask_threshold)
    mean_width, mean_height = np.mean([(b.x2 - b.x1, b.y2 - b.y1) for b in truth], axis=0)
    sides = settings.box_width, settings.box_height
    width, height = (
        round(max(float(mean), SMALLEST_SIDE), 3) if given is None else given
        for given, mean in zip(sides, (mean_width, mean_height), strict=True)
    )
    settings = replace(settings, box_width=width, box_height=height)
    by_point = replace(settings, box_from="point")
    rounds = _mean_overlap([p.box for p in _places(scored, boxes, by_point)], truth)
    return settings, {"mask": max(masks), "point": rounds}


def _places(
    scored: Sequence[VideoScores],
    boxes: Mapping[str, Mapping[tuple[int, str], Box]],
    settings: InferenceSettings,
) -> list[Place]:
    """Return the place of every boxed frame."""
    asked = [(scores, _boxed(scores, boxes.get(scores.video_id, {}))[0]) for scores in scored]
    return [place for scores, keys in asked for place in places_at(scores, keys, settings)]


def _mean_overlap(boxes: Sequence[Box], truth: Sequence[Box]) -> float:
    return float(np.mean([box_iou(box, true) for box, true in zip(boxes, truth, strict=True)]))


def _pointing_by_source(
    checkpoint: Checkpoint,
    videos: Sequence[VideoFeatures],
    pools: Mapping[str, Sequence[Action]],
    boxes: Mapping[str, Mapping[tuple[int, str], Box]],
) -> dict[str, float] | None:
    """Return pointing accuracy, given the action, for each source of heat maps.

    `rollout_residual` is the roll-out that the settings may choose in place of the released one.
    """
    accuracy: dict[str, float] = {}
    settings = checkpoint.settings
    for name, inference in sources_of(settings).items():
        other = replace(checkpoint, settings=replace(settings, inference=inference))
        hits = []
        for video in videos:
            scores = score_video(other, video, pools[video.video_id])
            keys, truth = _boxed(scores, boxes.get(video.video_id, {}))
            places = places_at(scores, keys, inference)
            hits += [box.contains(p.point) for p, box in zip(places, truth, strict=True)]
        if hits:
            accuracy[name] = float(np.mean(hits))
    return accuracy or None


def sources_of(settings: Settings) -> dict[str, InferenceSettings]:
    """Return the settings of each way to a heat map that the model has, by name."""
    found: dict[str, InferenceSettings] = {}
    for source in get_args(get_type_hints(InferenceSettings)["heatmap_from"]):
        inference = replace(settings.inference, heatmap_from=source)
        if heat_source(replace(settings, inference=inference)) != source:
            continue
        if source == "rollout":
            found["rollout"] = replace(inference, rollout="released")
            found["rollout_residual"] = replace(inference, rollout="residual")
        else:
            found[source] = inference
    return found


def _boxed(
    scores: VideoScores, boxes: Mapping[tuple[int, str], Box]
) -> tuple[list[tuple[int, int]], list[Box]]:
    """Return the boxed frames as `places_at` wants them, and their boxes."""
    number = {action.action_id: j for j, action in enumerate(scores.actions)}
    n_seconds = len(scores.similarity_FJ)
    known = {k: box for k, box in boxes.items() if k[1] in number and k[0] < n_seconds}
    return [(second, number[action]) for second, action in known], list(known.values())


def _boxes_by_video(release: Release) -> dict[str, dict[tuple[int, str], Box]]:
    clip_of = {clip.clip_id: clip for clip in release.clips}
    by_video: dict[str, dict[tuple[int, str], Box]] = {}
    for (clip_id, second), box in release.boxes.items():
        clip = clip_of[clip_id]
        by_video.setdefault(clip.video_id, {})[second, clip.action_id] = box
    return by_video


def _labels_by_video(release: Release) -> dict[str, dict[int, str]]:
    by_video: dict[str, dict[int, str]] = {}
    for clip in release.clips:
        seconds, _ = frame_seconds(clip.segment)
        by_video.setdefault(clip.video_id, {}).update(dict.fromkeys(seconds, clip.action_id))
    return by_video


def _label_row(scores: VideoScores, labels: Mapping[int, str]) -> np.ndarray:
    return np.array([labels.get(s, "") for s in range(scores.n_seconds)], dtype=object)


def _inside(scores: VideoScores) -> np.ndarray:
    """Return the similarities of the video's own seconds."""
    return scores.similarity_FJ[: scores.n_seconds]


def _best_actions(scores: VideoScores) -> np.ndarray:
    if not scores.actions:
        return np.full(scores.n_seconds, "", dtype=object)
    ids = np.array([action.action_id for action in scores.actions], dtype=object)
    best: np.ndarray = ids[_inside(scores).argmax(axis=1)]
    return best
