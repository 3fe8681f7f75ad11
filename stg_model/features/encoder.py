"""What stands between files and the network: reads a video's seconds and a text for a model.

A *tiny* encoder's modules are trained along with the network; those of a frozen backbone hold no
weights, because what it says was stored before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from stg_model.network.tokens import FrameTokens, Texts, TextTokens
from stg_model.settings import Settings


class Encoder(Protocol):
    """Everything that a backbone decides."""

    @property
    def settings(self) -> Settings:
        """What it was made for."""

    @property
    def backbone(self) -> str:
        """Name in the settings, such as `tiny`."""

    @property
    def title(self) -> str:
        """What a predictions file says of the backbone."""

    @property
    def input_size(self) -> str:
        """What a predictions file says of the pixels that are read."""

    @property
    def token_dim(self) -> int:
        """C of the frames' tokens."""

    @property
    def word_dim(self) -> int:
        """C of the texts' tokens."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the video that `read` depends on: settings and weights."""

    def read(self, path: Path, seconds: np.ndarray, duration_s: float) -> np.ndarray:
        """Read what is stored of a video.

        Args:
            path: the video file.
            seconds: times to read at, seconds, rising.
            duration_s: the video's length.

        Returns:
            One entry for each second.

        Raises:
            VideoError: the video cannot be decoded.
        """

    def inputs(self, values: np.ndarray) -> Tensor:
        """Turn stored values `(F, ...)` into what the visual module reads, `(F, ...)`."""

    def texts(self, phrases: Sequence[str]) -> Texts:
        """Return phrases as the textual module reads them, padded to the longest (at least 1)."""

    def knows(self, phrase: str) -> bool:
        """Say whether anything of a phrase would reach the model."""

    def listen(self, phrases: Iterable[str], store: Path | None = None) -> Encoder:
        """Return the encoder for training on these phrases.

        Args:
            phrases: all texts of training, repeats allowed.
            store: folder in which a frozen backbone keeps what it makes of them.
        """

    def modules(self) -> tuple[nn.Module, nn.Module]:
        """Return fresh modules: inputs to `FrameTokens`, and `Texts` to `TextTokens`."""

    def heads(self) -> tuple[nn.Linear, nn.Linear] | None:
        """Return the maps of frames' and of texts' vectors into the backbone's own common space."""

    def describe(self) -> Mapping[str, Any]:
        """Return what a checkpoint must hold to make this encoder again, as JSON values."""


class StoredFrames(nn.Module):
    """The visual module of a frozen backbone: each frame's own token, then its regions' patches."""

    def __init__(self, n_patches: int = 1) -> None:
        """Take the tokens of each region as `n_patches` patches; a region is their mean."""
        super().__init__()
        self.n_patches = n_patches

    def forward(self, inputs_FXC: Tensor) -> FrameTokens:
        """Split `(..., 1 + N * P, C)`, stored in 16 bits; no `patches` finer than a region at 1."""
        inputs_FXC = inputs_FXC.float()
        *frames, _, size = inputs_FXC.shape
        patches_FNPC = inputs_FXC[..., 1:, :].reshape(*frames, -1, self.n_patches, size)
        return FrameTokens(patches_FNPC, patches_FNPC.mean(-2), inputs_FXC[..., 0, :])


class StoredTexts(nn.Module):
    """The textual module of a frozen backbone, whose words come in as tokens."""

    def forward(self, texts: Texts) -> TextTokens:
        """Return the tokens as they are.

        Raises:
            ValueError: the texts have no vector of the whole.
        """
        if texts.sentences_JC is None:
            raise ValueError("a frozen backbone must give a vector for each whole text")
        return TextTokens(texts.words, texts.mask_JK, texts.sentences_JC)
