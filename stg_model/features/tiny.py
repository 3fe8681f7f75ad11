"""The small trainable backbone: each cell of a frame sees only itself.

A convolution over cells lets the background carry the foreground's label: narration then still
explains the clip, but no place in it. So nothing mixes between cells here.

Legend: F frames, N cells (row-major), P patches of a cell, C numbers of a patch or token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dataset_builder import frames, tables
from stg_model.features.words import Vocabulary, vocabulary_of
from stg_model.network.tokens import FrameTokens, Texts, TextTokens, masked_mean
from stg_model.settings import NetworkSettings, Settings

COLOUR_SCALE = 4.0
"""Pixels are centred and brought near unit variance: (value / 255 - 0.5) * 4."""


PADDING_WORD = 0
"""Id of "no word here"; real words count from 1."""


@dataclass(frozen=True, slots=True)
class TinyEncoder:
    """Two small pictures a second, and words that the model learns as it goes."""

    settings: Settings
    vocabulary: Vocabulary

    backbone = "tiny"
    title = "tiny, trained along"

    @property
    def input_size(self) -> str:
        """Two squares a second."""
        side = self.settings.features.frame_px
        return f"2 x {side}x{side} a second"

    @property
    def token_dim(self) -> int:
        """C of the frames' tokens."""
        return self.settings.network.token_dim

    @property
    def word_dim(self) -> int:
        """C of a word's embedding."""
        return self.settings.network.word_dim

    @property
    def digest(self) -> str:
        """Digest of the settings that `read` uses; no weights take part in it."""
        features = self.settings.features
        read = {"frame_px": features.frame_px, "sub_frame_s": features.sub_frame_s}
        return tables.sha256_bytes(tables.canonical_json(read).encode())

    def read(self, path: Path, seconds: np.ndarray, duration_s: float) -> np.ndarray:
        """Return pixels `(seconds, 2, side, side, 3)` uint8, upright, squeezed to a square.

        The second picture of a second is the one shown a moment later.

        Raises:
            VideoError: the video cannot be decoded.
        """
        side = self.settings.features.frame_px
        later_s = np.minimum(seconds + self.settings.features.sub_frame_s, duration_s)
        times_s = np.stack([seconds, later_s], axis=1).ravel()
        pixels = frames.read_frames_at(path, times_s.tolist(), (side, side))
        return pixels.reshape(len(seconds), 2, side, side, 3)

    def inputs(self, values: np.ndarray) -> Tensor:
        """Return what `patch_inputs` makes of pixels, `(F, N, P, C)`."""
        return patch_inputs(values, self.settings.network)

    def texts(self, phrases: Sequence[str]) -> Texts:
        """Return the ids of known words, `(J, K)`, at most `training.max_words` of each phrase."""
        ids = [
            self.vocabulary.ids(phrase)[: self.settings.training.max_words] for phrase in phrases
        ]
        longest = max([1, *map(len, ids)])
        padded = [[*words, *[PADDING_WORD] * (longest - len(words))] for words in ids]
        words_JK = torch.tensor(padded, dtype=torch.long).reshape(len(phrases), longest)
        return Texts(words_JK, words_JK != PADDING_WORD)

    def knows(self, phrase: str) -> bool:
        """Say whether any word of the phrase was in the training narration."""
        return bool(self.vocabulary.ids(phrase))

    def listen(self, phrases: Iterable[str], store: Path | None = None) -> TinyEncoder:
        """Return an encoder that knows the words of these phrases; nothing is stored."""
        return TinyEncoder(self.settings, vocabulary_of(phrases))

    def modules(self) -> tuple[nn.Module, nn.Module]:
        """Return fresh modules; their weights come from torch's global generator."""
        network = self.settings.network
        return TinyBackbone(network), TinyWords(len(self.vocabulary.words), network)

    def heads(self) -> None:
        """Return nothing: frames and words meet in the network's spaces alone."""

    def describe(self) -> Mapping[str, Any]:
        """Return the vocabulary."""
        return {"backbone": self.backbone, "vocabulary": list(self.vocabulary.words)}


class TinyBackbone(nn.Module):
    """A two-layer perceptron on each patch, the maximum over patches, the maximum over cells."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.patch = nn.Sequential(
            nn.Linear(patch_size(settings), settings.hidden_dim),
            nn.ReLU(inplace=True),
            nn.Linear(settings.hidden_dim, settings.token_dim),
        )

    def forward(self, inputs_FNPC: Tensor) -> FrameTokens:
        """Return the tokens of patches `(..., N, P, C)`, as `patch_inputs` makes them."""
        patches_FNPC = self.patch(inputs_FNPC)
        cells_FNC = patches_FNPC.amax(-2)
        return FrameTokens(patches_FNPC, cells_FNC, cells_FNC.amax(-2))


class TinyWords(nn.Module):
    """An embedding for each word; a sentence is the mean of its words."""

    def __init__(self, n_words: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_words + 1, settings.word_dim, PADDING_WORD)
        nn.init.normal_(self.embedding.weight, std=settings.word_init_sd)
        with torch.no_grad():
            self.embedding.weight[PADDING_WORD] = 0

    def forward(self, texts: Texts) -> TextTokens:
        """Return the embeddings of word ids `(J, K)` and their means."""
        words_JKC = self.embedding(texts.words)
        return TextTokens(words_JKC, texts.mask_JK, masked_mean(words_JKC, texts.mask_JK))


def patch_size(settings: NetworkSettings) -> int:
    """C: colour and motion of each pixel of a patch after averaging 2 x 2."""
    return (settings.patch_px // 2) ** 2 * 3 * 2


def patch_inputs(pixels: np.ndarray, settings: NetworkSettings) -> Tensor:
    """Turn the two pictures of each second into what the backbone reads.

    Args:
        pixels: `(F, 2, height, width, 3)` uint8; height and width multiples of the cell.
        settings: sizes of cell and patch.

    Returns:
        `(F, N, P, C)` float32: of each patch the averaged colours, then how much they changed.

    Raises:
        ValueError: the pictures cannot be divided into cells.
    """
    n_frames, n_pictures, height, width, n_colours = pixels.shape
    if n_pictures != 2 or n_colours != 3 or height % settings.cell_px or width % settings.cell_px:
        raise ValueError(
            f"pixels {pixels.shape} should be (frames, 2, height, width, 3) with height and width "
            f"multiples of {settings.cell_px}"
        )
    values = torch.from_numpy(pixels).float().div_(255).sub_(0.5).mul_(COLOUR_SCALE)
    values = values.reshape(n_frames, 2, height // 2, 2, width // 2, 2, 3).mean((3, 5))
    both = torch.cat([values[:, 0], (values[:, 0] - values[:, 1]).abs()], dim=-1)
    side = settings.patch_px // 2
    across = settings.cell_px // settings.patch_px
    rows, columns = height // settings.cell_px, width // settings.cell_px
    split = both.reshape(n_frames, rows, across, side, columns, across, side, 6)
    return split.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(
        n_frames, rows * columns, across * across, side * side * 6
    )
