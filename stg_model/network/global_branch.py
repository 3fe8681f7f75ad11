"""The global score: one vector for a frame or clip, one for a sentence (paper section 3.2).

Its projections also say which frames fit which words (selection) and, at inference, when an action
happens. Legend: C size of the tokens that come in, D embedding, K words; `...` is free.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from stg_model.settings import NetworkSettings


class GlobalBranch(nn.Module):
    """Two linear projections into the space where videos and sentences meet."""

    def __init__(self, frame_dim: int, word_dim: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.normalise = settings.normalise_scores
        self.frame_projection = nn.Linear(frame_dim, settings.dim)
        self.word_projection = nn.Linear(word_dim, settings.dim)

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
