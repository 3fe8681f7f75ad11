"""What each second of a video names, among its own actions or all of a release, and where."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from dataset_builder.domain import Action
from dataset_builder.predictions import PointPrediction, SecondPrediction
from stg_model.features.store import VideoFeatures
from stg_model.inference.grounding import (
    VideoScores,
    point_predictions,
    score_video,
    second_predictions,
)
from stg_model.training.checkpoint import Checkpoint


def label_seconds(
    checkpoint: Checkpoint,
    video: VideoFeatures,
    own: Sequence[Action],
    wanted: Collection[tuple[int, str]],
    everything: Sequence[Action] = (),
) -> tuple[list[SecondPrediction], VideoScores]:
    """Choose each second's action among the video's own, or among `everything` where that is given.

    Returns:
        A record for each second, and the video's scores, with heat, for its own actions and those
        that were chosen.
    """
    threshold = checkpoint.settings.inference.background_threshold
    n_wanted = max((second + 1 for second, _ in wanted), default=0)
    if not everything:
        scores = score_video(checkpoint, video, own)
        return second_predictions(scores, threshold, n_wanted), scores
    overall = score_video(checkpoint, video, everything, with_heat=False)
    seconds = second_predictions(overall, threshold, n_wanted)
    mine = {action.action_id for action in own}
    seconds = [
        replace(s, scores={a: x for a, x in s.scores.items() if a in mine or a == s.action_id})
        for s in seconds
    ]
    mine |= {s.action_id for s in seconds if s.action_id is not None}
    return seconds, score_video(checkpoint, video, [a for a in everything if a.action_id in mine])


def place_seconds(
    checkpoint: Checkpoint,
    scores: VideoScores,
    seconds: Iterable[SecondPrediction],
    own: Iterable[Action],
    wanted: Collection[tuple[int, str]],
) -> list[PointPrediction]:
    """Return the places of the frames asked for, and of what each second names.

    Where that is no action of the video's own, also of the best of these: it is what the second
    says when the system is scored among the video's own actions.
    """
    mine = sorted(action.action_id for action in own)
    chosen: list[tuple[int, str]] = []
    for s in seconds:
        if s.action_id is not None:
            chosen.append((s.second, s.action_id))
            if mine and s.action_id not in mine:
                chosen.append((s.second, max(mine, key=s.scores.__getitem__)))
    return point_predictions(scores, [*wanted, *chosen], checkpoint.settings.inference)
