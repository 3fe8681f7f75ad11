"""What goes into the network: tokens of frames and of texts, whichever backbone made them.

Legend: F frames, N regions of a frame (row-major), P patches of a region, J texts, K words, C size
of the tokens that come in; leading dimensions of frames are free.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class FrameTokens:
    """What a backbone says of some frames.

    `patches_FNPC` are the finest places that it tells apart (one a region where it has no finer
    ones; with S3D the region's cells in time), `cells_FNC` the regions, `frames_FC` one vector for
    each frame.
    """

    patches_FNPC: Tensor
    cells_FNC: Tensor
    frames_FC: Tensor


@dataclass(frozen=True, slots=True)
class Texts:
    """Some texts as an encoder hands them to a model.

    `words` are ids `(J, K)` where the model learns its words, frozen tokens `(J, K, C)` where it
    does not; `mask_JK` is True where there is a word, padding stands at the end. `sentences_JC`
    are vectors of the whole texts, None where the model makes them from the words.
    """

    words: Tensor
    mask_JK: Tensor
    sentences_JC: Tensor | None = None

    def first(self, n_texts: int) -> Texts:
        """Return the first so many texts."""
        sentences = None if self.sentences_JC is None else self.sentences_JC[:n_texts]
        return Texts(self.words[:n_texts], self.mask_JK[:n_texts], sentences)

    def to(self, device: torch.device) -> Texts:
        """Return the texts on a device."""
        sentences = None if self.sentences_JC is None else self.sentences_JC.to(device)
        return Texts(self.words.to(device), self.mask_JK.to(device), sentences)


@dataclass(frozen=True, slots=True)
class TextTokens:
    """Words and whole texts as vectors, ready for both branches."""

    words_JKC: Tensor
    mask_JK: Tensor
    sentences_JC: Tensor

    def __getitem__(self, chosen: slice) -> TextTokens:
        """Return some of the texts."""
        return TextTokens(self.words_JKC[chosen], self.mask_JK[chosen], self.sentences_JC[chosen])

    def first(self, n_texts: int) -> TextTokens:
        """Return the first so many texts."""
        return TextTokens(
            self.words_JKC[:n_texts], self.mask_JK[:n_texts], self.sentences_JC[:n_texts]
        )


def masked_mean(values_XC: Tensor, mask_X: Tensor) -> Tensor:
    """Mean over the rows where the mask is True; zeros where it is nowhere."""
    weights_X = mask_X.to(values_XC.dtype)
    total_C = (values_XC * weights_X[..., None]).sum(-2)
    return total_C / weights_X.sum(-1, keepdim=True).clamp(min=1)
