"""When and where: each second's action and, for a given action, its place (paper section 3.5).

Legend: F frames (seconds), J actions of the video's pool, N cells, P patches, C what the backbone
reads, G side of the heat map.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage
import torch
from torch import Tensor

from dataset_builder.domain import Action
from dataset_builder.predictions import PointPrediction, SecondPrediction, System
from dataset_builder.release import Release
from stg_model.features.store import VideoFeatures
from stg_model.inference.heatmaps import (
    Place,
    enlarged,
    heat_source,
    heatmaps,
    place_of,
    stretched,
)
from stg_model.network.global_branch import cosines
from stg_model.network.model import GroundingModel
from stg_model.network.tokens import FrameTokens, TextTokens
from stg_model.settings import CALIBRATED, InferenceSettings
from stg_model.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

LOWEST_COSINE = -1.0


@dataclass(frozen=True, slots=True)
class VideoScores:
    """What the model says of one video.

    `similarity_FJ` is the cosine of each second with each action (or its local score), `heat_JFGG`
    the heat of each action in each second, on any scale (empty where none was asked for); `actions`
    holds the pool without those whose words are all unknown, which are `unheard`. The last `n_past`
    seconds begin after the video's end.
    """

    video_id: str
    actions: tuple[Action, ...]
    similarity_FJ: np.ndarray
    heat_JFGG: Tensor
    unheard: tuple[Action, ...] = ()
    n_past: int = 0

    @property
    def n_seconds(self) -> int:
        """Whole seconds 0..n-1 begin before the video's end."""
        return len(self.similarity_FJ) - self.n_past


def pools_of(release: Release) -> dict[str, list[Action]]:
    """Return each video's pool: the actions of its own clips, in id order."""
    action_of = {action.action_id: action for action in release.actions}
    pools: dict[str, set[str]] = {video.video_id: set() for video in release.videos}
    for clip in release.clips:
        pools[clip.video_id].add(clip.action_id)
    return {video: [action_of[a] for a in sorted(ids)] for video, ids in pools.items()}


@torch.no_grad()
def score_video(
    checkpoint: Checkpoint,
    video: VideoFeatures,
    actions: Iterable[Action],
    *,
    with_heat: bool = True,
) -> VideoScores:
    """Score every second of a video against a pool of actions.

    An action none of whose words the model has heard is `unheard`. Without heat, which costs most,
    many actions can be scored; then there is no warning of the unheard either.
    """
    model, settings, encoder = checkpoint.model, checkpoint.settings, checkpoint.encoder
    asked = tuple(actions)
    known = tuple(action for action in asked if encoder.knows(action.description))
    unheard = tuple(action for action in asked if not encoder.knows(action.description))
    if with_heat:
        warn_of_unheard(checkpoint, video.video_id, asked)
    tokens = model.visual(encoder.inputs(video.values))
    if encoder.backbone != "tiny":  # a frozen backbone's patches are no finer places of a region
        tokens = replace(tokens, patches_FNPC=tokens.cells_FNC[..., None, :])
    if not known:
        none = np.zeros((len(video.values), 0))
        return VideoScores(video.video_id, (), none, no_heat(), unheard, video.n_past)
    heard = model.textual(encoder.texts([action.description for action in known]))
    similarity_FJ = _similarity(model, tokens, heard, settings.inference)
    similarity_FJ = smoothed(similarity_FJ, settings.inference.smoothing_s)
    inference = replace(settings.inference, heatmap_from=heat_source(settings))
    heat_JFGG = heatmaps(model, tokens, heard, inference) if with_heat else no_heat()
    return VideoScores(video.video_id, known, similarity_FJ, heat_JFGG, unheard, video.n_past)


def _similarity(
    model: GroundingModel, tokens: FrameTokens, heard: TextTokens, settings: InferenceSettings
) -> np.ndarray:
    """Return how similar each second is to each action, (F, J)."""
    if settings.similarity_from == "local":
        alone_FT = torch.ones(len(tokens.cells_FNC), 1, dtype=torch.bool)
        scores_FJ: np.ndarray = model.local_branch.scores(
            tokens.cells_FNC[:, None], alone_FT, heard.words_JKC, heard.mask_JK
        ).numpy()
        return scores_FJ
    frames_FD = model.global_branch.frames(tokens.frames_FC)
    cosines_FJ: np.ndarray = cosines(
        frames_FD, model.global_branch.words(heard.sentences_JC)
    ).numpy()
    return cosines_FJ


def warn_of_unheard(checkpoint: Checkpoint, video_id: str, actions: Iterable[Action]) -> None:
    """Warn of actions none of whose words reach the model."""
    learned = checkpoint.encoder.backbone == "tiny"
    known = "of the training narration" if learned else "that the backbone knows"
    for action in actions:
        if not checkpoint.encoder.knows(action.description):
            logger.warning(
                "%s: action %r has no word %s; it is never predicted",
                video_id, action.description, known,
            )  # fmt: skip


def smoothed(similarity_FJ: np.ndarray, seconds: int) -> np.ndarray:
    """Return the mean over so many seconds (odd) round each; the ends are repeated outward."""
    means_FJ: np.ndarray = scipy.ndimage.uniform_filter1d(
        similarity_FJ, seconds, axis=0, mode="nearest"
    )
    return means_FJ


def no_heat() -> Tensor:
    """Return the heat of no action."""
    return torch.zeros(0, 0, 1, 1)


def second_predictions(
    scores: VideoScores, background_threshold: float | None, n_seconds: int = 0
) -> list[SecondPrediction]:
    """Choose each second's action: the most similar, or background where none is near enough.

    Unheard actions get the lowest cosine, so that each action of the pool has a score.

    Args:
        scores: of one video.
        background_threshold: tau; None lets Otsu choose it from this video's best similarities.
        n_seconds: seconds to label where frames need more than the video's own.
    """
    similarity_FJ = scores.similarity_FJ[: max(scores.n_seconds, n_seconds)]
    best_F = similarity_FJ.max(axis=1, initial=LOWEST_COSINE)
    tau = otsu(best_F) if background_threshold is None else background_threshold
    below_all = min(LOWEST_COSINE, float(similarity_FJ.min(initial=LOWEST_COSINE)))
    lowest = {action.action_id: below_all for action in scores.unheard}
    predictions = []
    for second, row_J in enumerate(similarity_FJ):
        is_action = scores.actions and best_F[second] >= tau
        chosen = scores.actions[int(row_J.argmax())].action_id if is_action else None
        heard = {a.action_id: float(s) for a, s in zip(scores.actions, row_J, strict=True)}
        by_action = heard | lowest
        predictions.append(SecondPrediction(scores.video_id, second, chosen, by_action, float(tau)))
    return predictions


def point_predictions(
    scores: VideoScores, wanted: Iterable[tuple[int, str]], settings: InferenceSettings
) -> list[PointPrediction]:
    """Say where, for some seconds and actions.

    Args:
        scores: of one video.
        wanted: `(second, action_id)`; repeats and seconds past the video's end are left out.
        settings: how points and boxes are read.
    """
    number = {action.action_id: j for j, action in enumerate(scores.actions)}
    n_seconds = len(scores.similarity_FJ)
    keys = sorted({(s, a) for s, a in wanted if a in number and s < n_seconds})
    places = places_at(scores, [(s, number[a]) for s, a in keys], settings)
    return [
        PointPrediction(
            scores.video_id,
            second,
            action_id,
            place.point,
            place.box,
            float(scores.similarity_FJ[second, number[action_id]]),
        )
        for (second, action_id), place in zip(keys, places, strict=True)
    ]


def heat_at(scores: VideoScores, points: Iterable[PointPrediction]) -> np.ndarray:
    """Return the heat that each point was read from, on the model's own grid, stretched to 0..1.

    Returns:
        Array (points, G, G) of float16.
    """
    number = {action.action_id: j for j, action in enumerate(scores.actions)}
    keys = [(number[found.action_id], found.second) for found in points]
    numbers, seconds = np.array(keys, dtype=int).reshape(-1, 2).T
    return stretched(scores.heat_JFGG[numbers, seconds]).numpy().astype(np.float16)


def places_at(
    scores: VideoScores, keys: Sequence[tuple[int, int]], settings: InferenceSettings
) -> list[Place]:
    """Return the place for each `(second, number of the action in the pool)`."""
    if not keys:
        return []
    seconds, numbers = (list(column) for column in zip(*keys, strict=True))
    maps_XGG = stretched(scores.heat_JFGG[numbers, seconds])
    pairs = zip(maps_XGG.numpy(), enlarged(maps_XGG), strict=True)
    return [place_of(map_GG, map_HW, settings) for map_GG, map_HW in pairs]


def otsu(values: np.ndarray) -> float:
    """Return the threshold that splits values into the two most distinct groups.

    Otsu, "A threshold selection method from gray-level histograms", 1979, on the values
    themselves. All equal values are one group, above the threshold.

    >>> otsu(np.array([0.1, 0.2, 0.8, 0.9]))
    0.5
    """
    ordered = np.sort(values)
    n_low = np.arange(1, len(ordered))
    if not len(n_low) or ordered[0] == ordered[-1]:
        return float(ordered[0])
    sums = np.cumsum(ordered)[:-1]
    low, high = sums / n_low, (ordered.sum() - sums) / (len(ordered) - n_low)
    between = n_low * (len(ordered) - n_low) * (high - low) ** 2
    split = int(between.argmax())
    return float((ordered[split] + ordered[split + 1]) / 2)


def values_used(settings: InferenceSettings) -> list[str]:
    """Return which of the values that validation can find decide anything here.

    >>> values_used(InferenceSettings(box_from="mask"))
    ['background_threshold', 'mask_threshold']
    """
    by_mask = settings.box_from == "mask" or settings.point_from == "mask_centroid"
    by_size = settings.box_from == "point"
    used = {
        "background_threshold": True,
        "mask_threshold": by_mask,
        "box_width": by_size,
        "box_height": by_size,
    }
    return [name for name in CALIBRATED if used[name]]


def system_of(checkpoint: Checkpoint) -> System:
    """Describe the model for a predictions file; says where its thresholds come from (R26)."""
    trained_on = checkpoint.trained_on
    sources = trained_on.get("thresholds", {})
    thresholds = "; ".join(
        f"{name.replace('_', ' ')}: {sources.get(name, 'unknown')}"
        for name in values_used(checkpoint.settings.inference)
    )
    changed = [f"read with {change}" for change in trained_on.get("read_with", ())]
    taught = "narration alone"
    if release := trained_on.get("release"):
        clicks = f"{release['name']} {release['version']} ({release['digest'][:12]})"
        taught = f"narration, and the clicks of {release['n_videos']} videos of {clicks}"
    return System(
        name="stg-model",
        backbone=checkpoint.encoder.title,
        training_data=trained_on.get("published")
        or f"{trained_on['n_videos']} videos, {trained_on['n_sentences']} sentences, "
        f"transcripts {trained_on['transcripts_sha256'][:12]}",
        supervision="; ".join([taught, thresholds, *changed]),
        modality="video and text",
        input_size=checkpoint.encoder.input_size,
        checkpoint_digest=checkpoint.digest,
    )
