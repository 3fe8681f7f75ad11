"""What the local branch's two forms take and give: every video with every text.

Legend: I videos, J texts, N regions of a frame, R = T * N regions of a clip in time order, K words,
D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Pairs:
    """Projected tokens of both sides.

    The masks are True where there is a region or word; padding changes nothing. A pair in which
    either side is all padding scores 0.
    """

    regions_IRD: Tensor
    region_mask_IR: Tensor
    words_JKD: Tensor
    word_mask_JK: Tensor
    n_regions: int
    """N, regions of one frame."""


@dataclass(frozen=True, slots=True)
class LocalOutput:
    """Scores of all pairs and the three attentions that the roll-out multiplies.

    Where `attention_order` leaves a layer out, its place is held by what changes nothing in the
    product: an equal share of every word for the second cross attention, the identity for a self
    attention that no words' contexts go through. Rows and columns of padding mean nothing.
    """

    scores_IJ: Tensor
    first_IJKR: Tensor
    """First cross attention, words looking at regions."""
    self_IJKK: Tensor
    """Self attention of the words' contexts."""
    second_IJRK: Tensor
    """Second cross attention, regions looking at words."""


def shares(mask_X: Tensor, dtype: torch.dtype) -> Tensor:
    """Equal weights of the True entries, summing to 1; zeros where there is none."""
    return mask_X.to(dtype) / mask_X.sum(-1, keepdim=True).clamp(min=1)
