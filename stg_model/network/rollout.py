"""Attention roll-out: where in the clip the words were found (paper section 3.5), in two forms.

The released formula: heat = mean over regions of (second cross, regions over words) x (self
attention of words) x (first cross, words over regions); no identity is added and the regions' self
attention is not part of it.

The one of Abnar and Zuidema, "Quantifying attention flow in transformers", 2020, on the matrices of
regions and words together, (R + K) x (R + K): a cross attention fills the blocks off the diagonal,
a self attention those on it, and a layer with a residual becomes (A + I) / 2. Their product is
never built: of its blocks only one leads from what is pooled to regions.

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


def residual_rollout(
    second_RK: Tensor,
    self_KK: Tensor,
    first_KR: Tensor,
    region_mask_R: Tensor,
    word_mask_K: Tensor,
    *,
    second_residual: bool,
) -> Tensor:
    """Return the heat of each region with the residuals' part, `(..., R)`; it sums to 1.

    Where the second cross attention has a residual, the mean over words of the product's rows, in
    which a word is handed on to the self attention: (self + I) / 2 x first. Without one, two
    crossings lead from words back to words, so these rows are 0 on regions; then it is the mean
    over regions: second x (self + I) / 2 x first. Nothing of the regions' self attention leads to a
    region in either.

    Args:
        second_RK: second cross attention, rows sum to 1 over the real words.
        self_KK: self attention of the words' contexts, which has a residual.
        first_KR: first cross attention, which has none; rows sum to 1 over the real regions.
        region_mask_R: True where there is a region.
        word_mask_K: True where there is a word.
        second_residual: whether the second cross attention has a residual.
    """
    if second_residual:
        n_words = word_mask_K.sum(-1, keepdim=True).clamp(min=1)
        words_K = (word_mask_K / n_words).to(self_KK.dtype)
    else:
        words_K = masked_mean(second_RK, region_mask_R)
    handed_on_K = (words_K + (words_K[..., None, :] @ self_KK)[..., 0, :]) / 2
    heat_R: Tensor = (handed_on_K[..., None, :] @ first_KR)[..., 0, :]
    return heat_R
