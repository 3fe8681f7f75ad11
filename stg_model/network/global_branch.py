"""The global score: one vector for a frame or clip, one for a sentence (paper section 3.2).

Its projections also say which frames fit which words (selection) and, at inference, when an action
happens. Legend: C size of the tokens that come in, D embedding, K words; `...` is free.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from stg_model.settings import NetworkSettings


class GatedProjection(nn.Module):
    """y = Wx + b, then y * sigmoid(Vy + c): each dimension is let through as far as y asks.

    Option of the released code; Miech et al., "Learning a text-video embedding from incomplete and
    heterogeneous data", 2018, equations 1 and 2.
    """

    def __init__(self, from_dim: int, to_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(from_dim, to_dim)
        self.gate = nn.Linear(to_dim, to_dim)

    def forward(self, values_C: Tensor) -> Tensor:
        """Project `(..., C)` to `(..., D)`."""
        projected_D = self.linear(values_C)
        gated_D: Tensor = projected_D * torch.sigmoid(self.gate(projected_D))
        return gated_D


class GlobalBranch(nn.Module):
    """Two projections into the space where videos and sentences meet."""

    def __init__(self, frame_dim: int, word_dim: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.normalise = settings.normalise_scores
        kind = GatedProjection if settings.projection == "gated" else nn.Linear
        self.frame_projection = kind(frame_dim, settings.dim)
        self.word_projection = kind(word_dim, settings.dim)

    def frames(self, frames_C: Tensor) -> Tensor:
        """Project frame (or patch) vectors `(..., C)` to `(..., D)`."""
        projected: Tensor = self.frame_projection(frames_C)
        return projected

    def words(self, words_C: Tensor) -> Tensor:
        """Project vectors of words or of whole texts `(..., C)` to `(..., D)`."""
        projected: Tensor = self.word_projection(words_C)
        return projected

    def scores(self, videos_ID: Tensor, texts_JD: Tensor) -> Tensor:
        """Score every projected video against every projected text, `(I, J)`."""
        return cosines(videos_ID, texts_JD) if self.normalise else videos_ID @ texts_JD.mT


def cosines(left_XD: Tensor, right_YD: Tensor) -> Tensor:
    """Cosine of every row with every row, `(..., X, D)` and `(..., Y, D)` to `(..., X, Y)`."""
    return F.normalize(left_XD, dim=-1) @ F.normalize(right_YD, dim=-1).mT
