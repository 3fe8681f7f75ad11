"""What Mining-MLP says of a release: the best alignment of each video's given order (R33)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dataset_builder import tables
from dataset_builder.domain import action_id_for
from dataset_builder.errors import InputError
from dataset_builder.predictions import Predictions, SecondPrediction, System
from dataset_builder.release import Release
from stg_model.baselines.mining_mlp import MiningMlp, aligned_labels, positions

logger = logging.getLogger(__name__)

BACKGROUND = "background"


def read_orders(path: Path) -> dict[str, list[str]]:
    """Read which actions follow each other in each video.

    `{"VIDEO_ID": ["crack egg", "stir eggs", ...], ...}`; phrases become action ids, the word
    "background" is left out, as it stands between all.

    Raises:
        InputError: the file is not of this layout.
    """
    content = tables.read_json(path)
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: expected an object from video_id to a list of actions")
    for video_id, said in content.items():
        if not isinstance(said, list) or not all(isinstance(phrase, str) for phrase in said):
            raise InputError(
                f"{path}: video {video_id!r} needs a list of actions, got {said!r:.60}"
            )
    return {
        video_id: [action_id_for(phrase) for phrase in said if phrase.casefold() != BACKGROUND]
        for video_id, said in content.items()
    }


def given_orders(release: Release) -> dict[str, list[str]]:
    """Return the actions of each video's clips, by their start: what the decoder is told."""
    clips = sorted(release.clips, key=lambda c: (c.segment.start_s, c.segment.end_s, c.clip_id))
    orders: dict[str, list[str]] = {video.video_id: [] for video in release.videos}
    for clip in clips:
        orders[clip.video_id].append(clip.action_id)
    return orders


def mining_predictions(
    model: MiningMlp,
    release: Release,
    features_of: Callable[[str], npt.NDArray[np.float32] | None],
    training_data: str = "",
) -> Predictions:
    """Cut each video by its given order; scores are log-likelihoods.

    Args:
        model: the classifier.
        release: says which videos, and the order of each.
        features_of: (seconds, size) of a video; None where there are none. The last second is
            repeated where the video is longer.
        training_data: what a predictions file says of it.

    Raises:
        InputError: no video of the release has features.
    """
    seconds: dict[tuple[str, int], SecondPrediction] = {}
    orders = given_orders(release)
    for video in sorted(release.videos, key=lambda video: video.video_id):
        features_TC, order = features_of(video.video_id), orders[video.video_id]
        n_seconds = max(1, math.ceil(video.duration_s))
        if features_TC is None or len(order) > n_seconds:
            lacks = "no frame features" if features_TC is None else "more clips than seconds"
            logger.warning("left out: video %r has %s", video.video_id, lacks)
            continue
        rows = np.minimum(np.arange(n_seconds), len(features_TC) - 1)
        pool = sorted(set(order))
        scores_TL = _of_pool(model, features_TC[rows], pool)
        labels = aligned_labels(scores_TL, positions(order, pool))
        for second, (row, label) in enumerate(zip(scores_TL.tolist(), labels, strict=True)):
            seconds[video.video_id, second] = SecondPrediction(
                video.video_id,
                second,
                pool[label] if label < len(pool) else None,
                dict(zip(pool, row, strict=False)),
                row[-1],
            )
    if not seconds:
        raise InputError("no video of the release has frame features; file names are the ids")
    system = System(
        name="Mining-MLP",
        backbone="2-layer perceptron on frame features",
        training_data=training_data,
        supervision="order of actions, in training and of each scored video",
        modality="video",
        pool="video",
    )
    return Predictions(system, seconds)


def _of_pool(
    model: MiningMlp, features_TC: npt.NDArray[np.float32], pool: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the scores of a pool's actions and background; an unheard action scores lowest."""
    scores_TL = model.log_likelihoods(features_TC)
    lowest_T = scores_TL.min(axis=1)
    number = {action: label for label, action in enumerate(model.actions)}
    columns = [scores_TL[:, number[a]] if a in number else lowest_T for a in pool]
    return np.stack([*columns, scores_TL[:, -1]], axis=1)
