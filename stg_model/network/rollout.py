"""Attention roll-out: where in the clip the words were found (paper section 3.5).

The released formula: heat = mean over regions of (second cross, regions over words) x (self
attention of words) x (first cross, words over regions); no identity is added and the regions' self
attention is not part of it.

Legend: K words, R = T * N regions, leading dimensions free.
"""

from __future__ import annotations

from torch import Tensor

from stg_model.network.tokens import masked_mean


def rollout(second_RK: Tensor, self_KK: Tensor, first_KR: Tensor, region_mask_R: Tensor) -> Tensor:
    """Return the heat of each region, `(..., R)`; it sums to 1 over the real regions.

    Args:
        second_RK: second cross attention, rows sum to 1 over the real words.
        self_KK: self attention of the words' contexts.
        first_KR: first cross attention, rows sum to 1 over the real regions.
        region_mask_R: True where there is a region; padding neither asks nor answers.
    """
    words_K = masked_mean(second_RK, region_mask_R)
    heat_R: Tensor = (words_K[..., None, :] @ self_KK @ first_KR)[..., 0, :]
    return heat_R
