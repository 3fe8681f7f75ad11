"""S3D with MIL-NCE's weights and its words as a frozen backbone.

Each second is the short clip round its begin; the last map's cells in time are the patches of a
region. A frame's own token is the mean of the map. A word's token comes from its vector through
`fc1` and ReLU; a sentence is the maximum over its words (paper section 4.1).

Legend: F seconds, N regions (row-major), P cells in time, T frames of a clip, J texts, K words,
C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dataset_builder import tables
from stg_model.features.encoder import StoredFrames, StoredTexts
from stg_model.features.pictures import in_16_bits, reduced, squares_in_blocks, unit_values
from stg_model.features.s3d_network import BLOCK_T
from stg_model.features.s3d_weights import S3dWeights
from stg_model.features.words import Vocabulary
from stg_model.network.tokens import Texts
from stg_model.settings import Settings

SIDE_PX = 224
BATCH_CLIPS = 2


@dataclass(frozen=True, slots=True)
class S3dEncoder:
    """S3D and the words of its table."""

    settings: Settings
    weights: S3dWeights
    vocabulary: Vocabulary = field(repr=False)

    backbone = "s3d"
    title = "S3D (MIL-NCE), frozen"

    @property
    def input_size(self) -> str:
        """A short clip a second."""
        features = self.settings.features
        return f"{features.clip_frames} x {SIDE_PX}x{SIDE_PX} at {features.clip_fps:g} fps a second"

    @property
    def token_dim(self) -> int:
        """C of the frames' tokens."""
        return self.weights.model.fc.in_features

    @property
    def word_dim(self) -> int:
        """C of the words' tokens."""
        return self.weights.model.text_module.fc1.out_features

    @property
    def digest(self) -> str:
        """Digest of the weights and of how seconds become clips."""
        features = self.settings.features
        values = [
            self.backbone,
            self.weights.digest,
            features.crop,
            features.clip_frames,
            features.clip_fps,
            features.precision,
        ]
        return tables.sha256_bytes(tables.canonical_json(values).encode())

    def read(self, path: Path, seconds: np.ndarray, duration_s: float) -> np.ndarray:
        """Return tokens `(seconds, 1 + N * P, C)` float16: the mean, then region by region.

        What a clip would need from outside the video is its first or last frame.

        Raises:
            VideoError: the video cannot be decoded.
        """
        features = self.settings.features
        times_ST = clip_times(seconds, features.clip_frames, features.clip_fps, duration_s)
        times_s, flat = np.unique(times_ST, return_inverse=True)
        frame_ST = flat.reshape(times_ST.shape)
        squares = squares_in_blocks(path, times_s, SIDE_PX, features.crop)
        tokens = [
            in_16_bits(self._tokens(clips), path)
            for clips in _clips(squares, frame_ST, BATCH_CLIPS)
        ]
        return np.concatenate(tokens)

    def inputs(self, values: np.ndarray) -> Tensor:
        """Return the tokens, still in 16 bits: the visual module widens what a batch needs."""
        return torch.from_numpy(values)

    @torch.no_grad()
    def texts(self, phrases: Sequence[str]) -> Texts:
        """Return the tokens of known words, at most `training.max_words` of each phrase."""
        n_words = self.settings.training.max_words
        ids = [self.vocabulary.ids(phrase)[:n_words] for phrase in phrases]
        longest = max([1, *map(len, ids)])
        padded = [[*words, *[0] * (longest - len(words))] for words in ids]
        ids_JK = torch.tensor(padded, dtype=torch.long).reshape(len(phrases), longest)
        mask_JK = ids_JK != 0
        words_JKC = self.weights.model.text_module(ids_JK.to(self._device)).cpu()
        words_JKC = words_JKC * mask_JK[..., None]  # not negative, so that 0 is no maximum's rival
        return Texts(words_JKC, mask_JK, words_JKC.amax(1))

    def knows(self, phrase: str) -> bool:
        """Say whether any word of the phrase has a vector."""
        return bool(self.vocabulary.ids(phrase))

    def listen(self, phrases: Iterable[str], store: Path | None = None) -> S3dEncoder:
        """Return this encoder: a word's token costs less to make than to keep."""
        return self

    def modules(self) -> tuple[nn.Module, nn.Module]:
        """Return modules without weights."""
        return StoredFrames(self.settings.features.clip_frames // BLOCK_T), StoredTexts()

    def heads(self) -> tuple[nn.Linear, nn.Linear]:
        """Return `fc` and `fc2`, which MIL-NCE trained."""
        return self.weights.model.fc, self.weights.model.text_module.fc2

    def describe(self) -> Mapping[str, Any]:
        """Return the digests of the weights and the words."""
        return {
            "backbone": self.backbone,
            "weights_digest": self.weights.digest,
            "words_digest": tables.sha256_bytes("\n".join(self.vocabulary.words).encode()),
        }

    @property
    def _device(self) -> torch.device:
        return self.weights.model.fc.weight.device

    @torch.no_grad()
    def _tokens(self, clips: np.ndarray) -> Tensor:
        """Return the tokens of clips `(B, T, H, W, 3)` uint8, `(B, X, C)`."""
        values = unit_values(clips.reshape(-1, *clips.shape[2:])).to(self._device)
        clips_BTCHW = values.reshape(*clips.shape[:2], *values.shape[1:])
        with reduced(self.settings.features.precision, self._device):
            return map_tokens(self.weights.model(clips_BTCHW.transpose(1, 2)))


def clip_times(seconds: np.ndarray, n_frames: int, fps: float, duration_s: float) -> np.ndarray:
    """Return the times of the clips' frames, `(S, T)`: each clip has its second in its middle.

    >>> clip_times(np.array([3, 5]), 4, 2.0, 5.5).tolist()
    [[2.25, 2.75, 3.25, 3.75], [4.25, 4.75, 5.25, 5.5]]
    """
    offsets_T = (np.arange(n_frames) - (n_frames - 1) / 2) / fps
    times_ST: np.ndarray = np.round(seconds[:, None] + offsets_T, 6).clip(0, duration_s)
    return times_ST


def _clips(
    blocks: Iterator[np.ndarray], frame_ST: np.ndarray, n_batch: int
) -> Iterator[np.ndarray]:
    """Put streamed frames together as clips, `(B, T, ...)`, keeping only what later ones need."""
    kept, first, done = next(blocks), 0, 0
    while done < len(frame_ST):
        rows_BT = frame_ST[done : done + n_batch]
        if rows_BT.max() >= first + len(kept):
            needed = rows_BT.min() - first
            kept, first = np.concatenate([kept[needed:], next(blocks)]), first + needed
            continue
        yield kept[rows_BT - first]
        done += len(rows_BT)


def map_tokens(maps_BCTHW: Tensor) -> Tensor:
    """Return `(B, C, T, H, W)` as a mean and T patches of each of H * W regions, `(B, X, C)`."""
    regions_BXC = maps_BCTHW.permute(0, 3, 4, 2, 1).flatten(1, 3)
    return torch.cat([regions_BXC.mean(1, keepdim=True), regions_BXC], dim=1)
