"""Choose T of the U candidate frames of each clip (paper section 3.3; readings of Q: R29, R30).

Every method gives each frame a score; the T best are kept and put back into time order. Scores
within `TIE` are equal and the earlier frame wins, so rounding never decides (R29).

Legend: B batch, U candidate frames, T selected frames, K words, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stg_model.network.global_branch import cosines
from stg_model.network.sinkhorn import Transport, sinkhorn
from stg_model.settings import SelectionSettings

TIE = 1e-9


@dataclass(frozen=True, slots=True)
class FrameScores:
    """A score for each candidate frame, `scores_BU` float64; those of masked frames mean nothing.

    `transport` is what the `sinkhorn` method found, None of the others.
    """

    scores_BU: Tensor
    transport: Transport | None = None


def central_scores(frame_mask_BU: Tensor) -> Tensor:
    """Score frames by nearness to the window's middle, where the sentence was spoken."""
    n_frames = frame_mask_BU.shape[1]
    position_U = torch.arange(n_frames, dtype=torch.float64, device=frame_mask_BU.device)
    return -(position_U - n_frames / 2).abs().expand(frame_mask_BU.shape)


def frame_scores(
    frames_BUD: Tensor,
    words_BKD: Tensor,
    sentence_BD: Tensor,
    *,
    frame_mask_BU: Tensor,
    word_mask_BK: Tensor,
    settings: SelectionSettings,
    generator: torch.Generator | None = None,
) -> FrameScores:
    """Score the candidate frames of each clip by the settings' method.

    Args:
        frames_BUD: frames in the global space.
        words_BKD: words in the global space.
        sentence_BD: sentences in the global space.
        frame_mask_BU: True where there is a frame.
        word_mask_BK: True where there is a word.
        settings: method, read-out and Sinkhorn's numbers.
        generator: source of the `random` method.
    """
    if settings.method == "none":
        return FrameScores(central_scores(frame_mask_BU))
    if settings.method == "random":
        shape, device = frame_mask_BU.shape, frame_mask_BU.device
        drawn_BU = torch.rand(shape, generator=generator, dtype=torch.float64)
        return FrameScores(drawn_BU.to(device))
    by_sentence_BU = cosines(frames_BUD, sentence_BD[:, None])[..., 0].double()
    if settings.method == "global":
        return FrameScores(by_sentence_BU)
    similarity_BUK = cosines(frames_BUD, words_BKD).double()
    n_words_B1 = word_mask_BK.sum(1, keepdim=True)
    transport = None
    if settings.method == "local":
        total_BU = (similarity_BUK * word_mask_BK[:, None]).sum(2)
        by_words_BU = total_BU / n_words_B1.clamp(min=1)
    elif settings.method == "word_max":
        by_words_BU = similarity_BUK.masked_fill(~word_mask_BK[:, None], -2).amax(2)
    else:
        transport = sinkhorn(
            similarity_BUK,
            frame_mask_BU,
            word_mask_BK,
            epsilon=settings.epsilon,
            max_iterations=settings.max_iterations,
            tolerance=settings.tolerance,
        )
        by_words_BU = plan_scores(
            transport.plan_BUK, similarity_BUK, word_mask_BK, settings.readout
        )
    # One word leaves a plan nothing to decide: every frame would score the same (R29).
    return FrameScores(torch.where(n_words_B1 < 2, by_sentence_BU, by_words_BU), transport)


def plan_scores(
    plan_BUK: Tensor, similarity_BUK: Tensor, word_mask_BK: Tensor, readout: str
) -> Tensor:
    """Read one score per frame from a transport plan.

    `max`: the largest share of any word. `qp`: similarity weighted by the plan. `sum`: mass of the
    row, which says nothing once the plan has converged. `round_robin`: words in turn take their
    best frame that is still free; earlier taken is higher.
    """
    if readout == "max":
        return plan_BUK.amax(2)
    if readout == "sum":
        return plan_BUK.sum(2)
    if readout == "qp":
        return (plan_BUK * similarity_BUK).sum(2)
    scores_BU = torch.zeros(plan_BUK.shape[:2], dtype=torch.float64, device=plan_BUK.device)
    for clip, n_words in enumerate(word_mask_BK.sum(1).tolist()):
        plan_KU = plan_BUK[clip].T[word_mask_BK[clip]].clone()
        for turn in range(plan_KU.shape[1] if n_words else 0):
            best = int(plan_KU[turn % n_words].argmax())
            scores_BU[clip, best] = -turn
            plan_KU[:, best] = -1
    return scores_BU


def best_frames(scores_BU: Tensor, frame_mask_BU: Tensor, n_frames: int) -> tuple[Tensor, Tensor]:
    """Return the T best real frames of each clip in time order.

    Args:
        scores_BU: higher is better.
        frame_mask_BU: True where there is a frame; masked ones are taken only when too few are
            real, and then come back masked.
        n_frames: T; at most U are returned.

    Returns:
        `index_BT` into the U candidates, rising, and `mask_BT`.
    """
    scores_BU = scores_BU.double().masked_fill(~frame_mask_BU, -torch.inf)
    sorted_BU, order_BU = scores_BU.sort(dim=1, descending=True, stable=True)
    gaps_BU = sorted_BU[:, :-1] - sorted_BU[:, 1:]  # -inf minus -inf is NaN, which is no gap
    level_BU = torch.nn.functional.pad((gaps_BU > TIE).long().cumsum(1), (1, 0))
    n_candidates = scores_BU.shape[1]
    by_index_BU = (level_BU * n_candidates + order_BU).argsort(dim=1)
    index_BT = order_BU.gather(1, by_index_BU)[:, :n_frames].sort(dim=1).values
    return index_BT, frame_mask_BU.gather(1, index_BT)
