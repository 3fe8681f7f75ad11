"""The local score: cross and self attention between regions and words (paper section 3.2).

Legend: I videos, J texts (all pairs are scored), T frames, N regions of a frame, R = T * N regions
of a clip in time order, K words, C size of the tokens that come in, D embedding.
"""

from __future__ import annotations

from torch import Tensor, nn

from stg_model.network.attention import SelfAttention
from stg_model.network.cheap_form import cheap_form, cheap_scores
from stg_model.network.pairs import LocalOutput, Pairs
from stg_model.network.plain_form import plain_form
from stg_model.settings import NetworkSettings


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
        """Score every video against every text, and keep the attentions.

        Args:
            regions_ITNC: region tokens of the frames.
            frame_mask_IT: True where there is a frame; padded frames change nothing.
            words_JKC: word embeddings.
            word_mask_JK: True where there is a word; padded words change nothing.

        Raises:
            ValueError: a mask does not belong to its tokens.
        """
        pairs = self._pairs(regions_ITNC, frame_mask_IT, words_JKC, word_mask_JK)
        form = plain_form if self.settings.form == "plain" else cheap_form
        return form(pairs, self.region_attention, self.word_attention, self.settings)

    def scores(
        self, regions_ITNC: Tensor, frame_mask_IT: Tensor, words_JKC: Tensor, word_mask_JK: Tensor
    ) -> Tensor:
        """Score every video against every text, `(I, J)`; arguments as for `forward`.

        For training: nothing else is kept, and the cheap form stays within `local_memory_mb`.
        """
        pairs = self._pairs(regions_ITNC, frame_mask_IT, words_JKC, word_mask_JK)
        attentions = self.region_attention, self.word_attention
        if self.settings.form == "plain":
            return plain_form(pairs, *attentions, self.settings).scores_IJ
        return cheap_scores(pairs, *attentions, self.settings)

    def _pairs(
        self, regions_ITNC: Tensor, frame_mask_IT: Tensor, words_JKC: Tensor, word_mask_JK: Tensor
    ) -> Pairs:
        if (
            frame_mask_IT.shape != regions_ITNC.shape[:2]
            or word_mask_JK.shape != words_JKC.shape[:2]
        ):
            raise ValueError(
                f"masks {tuple(frame_mask_IT.shape)} and {tuple(word_mask_JK.shape)} do not fit "
                f"regions {tuple(regions_ITNC.shape)} and words {tuple(words_JKC.shape)}"
            )
        n_regions = regions_ITNC.shape[2]
        return Pairs(
            self.region_projection(regions_ITNC).flatten(1, 2),
            frame_mask_IT.repeat_interleave(n_regions, dim=1),
            self.word_projection(words_JKC),
            word_mask_JK,
            n_regions,
        )
