"""Cross attention without parameters and one-head self attention (paper section 3.2, equation 3).

Legend: X queries, Y keys, D embedding; leading dimensions (videos I, texts J, frames T) are free.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody uses
from torch import Tensor, nn


def cross_logits(left_XD: Tensor, right_YD: Tensor, form: str, temperature: float) -> Tensor:
    """Compare every row of one side with every row of the other.

    Args:
        left_XD: `(..., X, D)`.
        right_YD: `(..., Y, D)`; leading dimensions broadcast against the left ones.
        form: `dot_scaled` (by the root of D), `dot_unscaled`, or `cosine` over the temperature.
        temperature: divides cosines only.

    Returns:
        Logits `(..., X, Y)`.
    """
    if form == "cosine":
        left_XD, right_YD = F.normalize(left_XD, dim=-1), F.normalize(right_YD, dim=-1)
        return left_XD @ right_YD.mT / temperature
    logits_XY = left_XD @ right_YD.mT
    return logits_XY / math.sqrt(left_XD.shape[-1]) if form == "dot_scaled" else logits_XY


def masked_softmax(logits: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Softmax over the True entries of `mask` (broadcast); exactly 0 elsewhere, never NaN."""
    lowest = torch.finfo(logits.dtype).min
    weights = torch.softmax(logits.masked_fill(~mask, lowest), dim)
    return weights * mask  # a row without any True entry would otherwise be uniform


class SelfAttention(nn.Module):
    """One head, biases, residual; no normalisation, no feed-forward part (released code)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, tokens_XD: Tensor, mask_X: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Let tokens attend to each other.

        Args:
            tokens_XD: `(..., X, D)`.
            mask_X: `(..., X)`, True where a token may be attended to; None allows all.

        Returns:
            Tokens with the residual, `(..., X, D)`, and the weights `(..., X, X)`.
        """
        query_XD, key_XD, value_XD = self.query_key_value(tokens_XD).chunk(3, dim=-1)
        logits_XX = query_XD @ key_XD.mT / math.sqrt(tokens_XD.shape[-1])
        if mask_X is None:
            weights_XX = torch.softmax(logits_XX, dim=-1)
        else:
            weights_XX = masked_softmax(logits_XX, mask_X[..., None, :], dim=-1)
        return tokens_XD + self.out(weights_XX @ value_XD), weights_XX

    def given(self, tokens_XD: Tensor) -> Tensor:
        """Return what a token gives to those that look at it alone, `(..., X, D)`."""
        dim = tokens_XD.shape[-1]
        linear = self.query_key_value
        values_XD = F.linear(tokens_XD, linear.weight[2 * dim :], linear.bias[2 * dim :])
        given: Tensor = self.out(values_XD)
        return given


def attend_regions(
    attention: SelfAttention, regions_RD: Tensor, mask_R: Tensor, n_regions: int, scope: str
) -> Tensor:
    """Let the regions of a clip, or of each of its frames, attend to each other.

    Args:
        attention: the layer.
        regions_RD: `(..., R, D)` in time order.
        mask_R: `(..., R)`, True where there is a region.
        n_regions: N, of one frame.
        scope: `clip` or `frame`; a frame is all there or all padding, so it needs no mask.

    Returns:
        Regions with the residual, `(..., R, D)`.
    """
    if scope == "frame":
        *leading, n_rows, dim = regions_RD.shape
        shape_TND = (*leading, n_rows // n_regions, n_regions, dim)
        by_frame_TND: Tensor = attention(regions_RD.reshape(shape_TND))[0]
        return by_frame_TND.flatten(-3, -2)
    attended: Tensor = attention(regions_RD, mask_R)[0]
    return attended
