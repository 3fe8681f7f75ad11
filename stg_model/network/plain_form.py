"""The local scores as the formulas stand: the definition that the cheap form is tested against.

It builds the `(R, D)` tensors of every pair, which is what makes it slow; see `cheap_form`.

Legend: I videos, J texts (all pairs are scored), T frames, N regions of a frame, R = T * N regions
of a clip in time order, K words, D embedding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from stg_model.network.attention import (
    SelfAttention,
    attend_regions,
    cross_logits,
    masked_softmax,
)
from stg_model.network.pairs import LocalOutput, Pairs, shares
from stg_model.network.tokens import masked_mean
from stg_model.settings import NetworkSettings


def plain_form(
    pairs: Pairs,
    region_attention: SelfAttention,
    word_attention: SelfAttention,
    settings: NetworkSettings,
) -> LocalOutput:
    """Score every video against every text (paper section 3.2).

    The layers of `attention_order` follow each other. A cross attention turns every region into a
    mixture of words and every word into a mixture of regions; one that begins the stack drops what
    stood there before, a later one adds it where `second_cross_residual` is set. A self attention
    always adds it. At the end both sides are averaged, and the score is the product of the two
    means, or their cosine where `normalise_scores` is set.
    """
    regions_IJRD, words_IJKD = pairs.regions_IRD[:, None], pairs.words_JKD[None]
    region_mask_I1R, word_mask_1JK = pairs.region_mask_IR[:, None], pairs.word_mask_JK[None]
    crossed: list[tuple[Tensor, Tensor]] = []
    self_IJKK = torch.eye(words_IJKD.shape[2], dtype=words_IJKD.dtype, device=words_IJKD.device)
    for depth, layer in enumerate(settings.attention_order.split("_")):
        if layer == "cross":
            over_words_IJRK, over_regions_IJKR = _cross(regions_IJRD, words_IJKD, pairs, settings)
            crossed.append((over_words_IJRK, over_regions_IJKR))
            old_regions_IJRD, old_words_IJKD = regions_IJRD, words_IJKD
            regions_IJRD = over_words_IJRK @ old_words_IJKD
            words_IJKD = over_regions_IJKR @ old_regions_IJRD
            if depth > 0 and settings.second_cross_residual:
                regions_IJRD = regions_IJRD + old_regions_IJRD
                words_IJKD = words_IJKD + old_words_IJKD
        else:
            regions_IJRD = attend_regions(
                region_attention,
                regions_IJRD,
                region_mask_I1R,
                pairs.n_regions,
                settings.self_attention_scope,
            )
            words_IJKD, weights_IJKK = word_attention(words_IJKD, word_mask_1JK)
            self_IJKK = weights_IJKK if crossed else self_IJKK

    video_IJD = masked_mean(regions_IJRD, region_mask_I1R)
    text_IJD = masked_mean(words_IJKD, word_mask_1JK)
    if settings.normalise_scores:
        video_IJD, text_IJD = F.normalize(video_IJD, dim=-1), F.normalize(text_IJD, dim=-1)
    scores_IJ = (video_IJD * text_IJD).sum(-1)
    second_IJRK = crossed[-1][0]
    if len(crossed) == 1:
        shares_JK = shares(pairs.word_mask_JK, second_IJRK.dtype)
        second_IJRK = shares_JK[None, :, None].expand_as(second_IJRK)
    return LocalOutput(
        scores_IJ, crossed[0][1], self_IJKK.expand(*scores_IJ.shape, -1, -1), second_IJRK
    )


def _cross(
    regions_IJRD: Tensor, words_IJKD: Tensor, pairs: Pairs, settings: NetworkSettings
) -> tuple[Tensor, Tensor]:
    """Return the weights of regions over words (IJRK) and of words over regions (IJKR)."""
    logits_IJRK = cross_logits(
        regions_IJRD, words_IJKD, settings.cross_attention, settings.cross_temperature
    )
    over_words = masked_softmax(logits_IJRK, pairs.word_mask_JK[None, :, None, :], dim=-1)
    over_regions = masked_softmax(logits_IJRK, pairs.region_mask_IR[:, None, :, None], dim=-2)
    return over_words, over_regions.mT
