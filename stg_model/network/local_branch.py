"""The local score: cross, self, cross attention between regions and words (paper section 3.2).

This is the plain form: it builds every pair's tensors and reads like the formulas.

Legend: I videos, J texts (all pairs are scored), T frames, N regions of a frame, R = T * N regions
of a clip in time order, K words, C size of the tokens that come in, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from stg_model.network.attention import SelfAttention, cross_logits, masked_softmax
from stg_model.network.tokens import masked_mean
from stg_model.settings import NetworkSettings


@dataclass(frozen=True, slots=True)
class LocalOutput:
    """Scores of all pairs and the three attentions that the roll-out multiplies."""

    scores_IJ: Tensor
    first_IJKR: Tensor
    """First cross attention, words looking at regions."""
    self_IJKK: Tensor
    """Self attention of the words' contexts."""
    second_IJRK: Tensor
    """Second cross attention, regions looking at words."""


class LocalBranch(nn.Module):
    """Two projections, two self attentions; the cross attentions have no parameters."""

    def __init__(self, region_dim: int, word_dim: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.region_projection = nn.Linear(region_dim, settings.dim)
        self.word_projection = nn.Linear(word_dim, settings.dim)
        self.region_attention = SelfAttention(settings.dim)
        self.word_attention = SelfAttention(settings.dim)

    def forward(
        self, regions_ITNC: Tensor, frame_mask_IT: Tensor, words_JKC: Tensor, word_mask_JK: Tensor
    ) -> LocalOutput:
        """Score every video against every text.

        Args:
            regions_ITNC: region tokens of the frames.
            frame_mask_IT: True where there is a frame; padded frames change nothing.
            words_JKC: word embeddings.
            word_mask_JK: True where there is a word; padded words change nothing.

        Raises:
            ValueError: a mask does not belong to its tokens.
        """
        if (
            frame_mask_IT.shape != regions_ITNC.shape[:2]
            or word_mask_JK.shape != words_JKC.shape[:2]
        ):
            raise ValueError(
                f"masks {tuple(frame_mask_IT.shape)} and {tuple(word_mask_JK.shape)} do not fit "
                f"regions {tuple(regions_ITNC.shape)} and words {tuple(words_JKC.shape)}"
            )
        n_regions = regions_ITNC.shape[2]
        region_mask_IR = frame_mask_IT.repeat_interleave(n_regions, dim=1)
        regions_IRD = self.region_projection(regions_ITNC).flatten(1, 2)
        words_JKD = self.word_projection(words_JKC)

        # First cross attention, no residual: a region becomes a mixture of words and vice versa.
        visual_IJRK, textual_IJKR = self._cross(
            regions_IRD[:, None], words_JKD[None], region_mask_IR, word_mask_JK
        )
        regions_IJRD = visual_IJRK @ words_JKD[None]
        words_IJKD = textual_IJKR @ regions_IRD[:, None]

        regions_IJRD = self._attend_regions(regions_IJRD, region_mask_IR, n_regions)
        words_IJKD, self_IJKK = self.word_attention(words_IJKD, word_mask_JK[None])

        second_IJRK, second_IJKR = self._cross(
            regions_IJRD, words_IJKD, region_mask_IR, word_mask_JK
        )
        region_context_IJRD = second_IJRK @ words_IJKD
        word_context_IJKD = second_IJKR @ regions_IJRD
        if self.settings.second_cross_residual:
            region_context_IJRD = region_context_IJRD + regions_IJRD
            word_context_IJKD = word_context_IJKD + words_IJKD

        video_IJD = masked_mean(region_context_IJRD, region_mask_IR[:, None])
        text_IJD = masked_mean(word_context_IJKD, word_mask_JK[None])
        if self.settings.normalise_scores:
            video_IJD, text_IJD = F.normalize(video_IJD, dim=-1), F.normalize(text_IJD, dim=-1)
        scores_IJ = (video_IJD * text_IJD).sum(-1)
        return LocalOutput(scores_IJ, textual_IJKR, self_IJKK, second_IJRK)

    def _cross(
        self, regions_RD: Tensor, words_KD: Tensor, region_mask_IR: Tensor, word_mask_JK: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the weights of regions over words (IJRK) and of words over regions (IJKR)."""
        settings = self.settings
        logits_IJRK = cross_logits(
            regions_RD, words_KD, settings.cross_attention, settings.cross_temperature
        )
        over_words = masked_softmax(logits_IJRK, word_mask_JK[None, :, None, :], dim=-1)
        over_regions = masked_softmax(logits_IJRK, region_mask_IR[:, None, :, None], dim=-2)
        return over_words, over_regions.mT

    def _attend_regions(
        self, regions_IJRD: Tensor, region_mask_IR: Tensor, n_regions: int
    ) -> Tensor:
        if self.settings.self_attention_scope == "frame":
            n_videos, n_texts, _, dim = regions_IJRD.shape
            by_frame_IJTND = regions_IJRD.reshape(n_videos, n_texts, -1, n_regions, dim)
            attended: Tensor = self.region_attention(by_frame_IJTND)[0]
            return attended.flatten(2, 3)
        attended = self.region_attention(regions_IJRD, region_mask_IR[:, None])[0]
        return attended
