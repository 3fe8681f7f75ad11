"""What the selection of frames picks where the truth is known, and how well seconds are told apart.

A sentence of a rendered video is known to be about certain segments, so the share of the selected
seconds that lie in them can be counted. The windows are those of held-out videos, which never
change from run to run; the model chooses as it does in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from scipy.stats import rankdata

from dataset_builder.domain import frame_seconds
from dataset_builder.predictions import Predictions
from dataset_builder.release import Release
from stg_model.features.store import VideoFeatures
from stg_model.network.model import Clips
from stg_model.training.checkpoint import Checkpoint
from stg_model.training.dataset import cut, first_second
from stg_model.training.narrations import Sentence
from stg_model.world.narrate import Sentence as Told
from stg_model.world.narrate import narrate
from stg_model.world.scene import plan_set
from stg_model.world.settings import WorldSettings


@torch.no_grad()
def selection_coverage(
    checkpoint: Checkpoint, videos: Iterable[VideoFeatures], world: WorldSettings
) -> dict[str, float | None]:
    """Count what the model selects round each held-out sentence that is about something.

    Args:
        checkpoint: the model.
        videos: what it reads of the held-out videos.
        world: their world, whose plans say what each sentence is about.

    Returns:
        `selected`: described seconds among those selected; `chance`: among all of the windows'
        seconds; `found`: windows with a described second of which one was selected. Shares in
        0..1, None where there is no such second or window.
    """
    plans = {plan.video_id: plan for plan in plan_set(world, "held-out")}
    generator = torch.Generator().manual_seed(checkpoint.settings.training.seed)
    selected: list[bool] = []
    possible: list[bool] = []
    found: list[bool] = []
    for video in videos:
        told = [s for s in narrate(world, plans[video.video_id]) if s.about]
        for sentence, (chosen, real) in zip(
            told, _chosen(checkpoint, video, told, generator), strict=True
        ):
            described = {s for p in sentence.about for s in frame_seconds(p.segment)[0]}
            selected += (s in described for s in chosen)
            possible += (s in described for s in real)
            if described & real:
                found.append(bool(described & chosen))
    shares = {"selected": selected, "chance": possible, "found": found}
    return {name: sum(row) / len(row) if row else None for name, row in shares.items()}


def _chosen(
    checkpoint: Checkpoint,
    video: VideoFeatures,
    told: Sequence[Told],
    generator: torch.Generator,
) -> list[tuple[set[int], set[int]]]:
    """Return the selected seconds of each sentence's window, and all that the video has of it."""
    if not told:
        return []
    settings, encoder = checkpoint.settings.training, checkpoint.encoder
    spoken = [Sentence(s.start_s, s.end_s, s.text) for s in told]
    firsts = [first_second(sentence, video.n_seconds, settings) for sentence in spoken]
    inputs_F = encoder.inputs(video.values[: video.n_seconds])
    windows = [cut(inputs_F, first, settings.window_s) for first in firsts]
    clips = Clips(
        torch.stack([inputs for inputs, _ in windows]),
        torch.stack([mask for _, mask in windows]),
        encoder.texts([sentence.text for sentence in spoken]),
        torch.arange(len(spoken)),
    )
    heard = checkpoint.model.textual(clips.texts)
    index_BT, mask_BT = checkpoint.model.choose(clips, heard, select=True, generator=generator)
    chosen = [
        {first + u for u in row_T[real_T].tolist()}
        for first, row_T, real_T in zip(firsts, index_BT, mask_BT, strict=True)
    ]
    real = [
        {first + u for u in mask_U.nonzero().flatten().tolist()}
        for first, (_, mask_U) in zip(firsts, windows, strict=True)
    ]
    return list(zip(chosen, real, strict=True))


def action_auc(release: Release, predictions: Predictions) -> float | None:
    """Return how well a second's best score tells action from background, whatever the action.

    The area under the ROC curve: the chance that a second of some clip has a higher best score than
    one of no clip, ties counted half. None where the system scores no seconds, or all are of one
    kind.
    """
    labelled = {
        (clip.video_id, second)
        for clip in release.clips
        for second in frame_seconds(clip.segment)[0]
    }
    known = {video.video_id: video.duration_s for video in release.videos}
    scored = [
        (key in labelled, max(record.scores.values()))
        for key, record in predictions.seconds.items()
        if record.scores and key[0] in known and key[1] < known[key[0]]
    ]
    n_action = sum(is_action for is_action, _ in scored)
    n_other = len(scored) - n_action
    if not n_action or not n_other:
        return None
    ranks = rankdata([score for _, score in scored])
    above = sum(rank for rank, (is_action, _) in zip(ranks, scored, strict=True) if is_action)
    return float((above - n_action * (n_action + 1) / 2) / (n_action * n_other))
