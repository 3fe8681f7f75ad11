"""CLIP as a frozen backbone: regions and words as its own common space has them.

Paper section 4.1. A region's token is what the frame's own token goes through, applied to every
patch: `ln_post(x_i) @ proj`. A word's token is `ln_final(x_i) @ text_projection`; a text's vector
is that of its end mark.

Legend: F frames, N patches (row-major), J texts, L tokens with both marks, K words, C size of the
common space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPModel

from dataset_builder import tables
from stg_model.features.clip_weights import ClipWeights
from stg_model.features.clip_words import ClipWords
from stg_model.features.encoder import StoredFrames, StoredTexts
from stg_model.features.heard import HeardTexts, heard_texts
from stg_model.features.pictures import clip_values, in_16_bits, reduced, squares_in_blocks
from stg_model.network.tokens import Texts
from stg_model.settings import Settings

BATCH_FRAMES = 16
BATCH_TEXTS = 64


@dataclass(frozen=True, slots=True)
class ClipEncoder:
    """CLIP with a vision transformer; `heard` holds the texts of training once encoded."""

    settings: Settings
    weights: ClipWeights
    words: ClipWords
    heard: HeardTexts | None = field(default=None, repr=False)

    backbone = "clip"

    @property
    def title(self) -> str:
        """The size of the vision transformer."""
        return f"CLIP ViT, patches of {self.weights.patch_px} px, frozen"

    @property
    def input_size(self) -> str:
        """One square a second."""
        side = self.weights.image_px
        return f"{side}x{side} a second"

    @property
    def token_dim(self) -> int:
        """C of the frames' tokens."""
        return self.weights.dim

    @property
    def word_dim(self) -> int:
        """C of the texts' tokens: the same space."""
        return self.token_dim

    @property
    def digest(self) -> str:
        """Digest of the weights and of how a frame becomes pixels."""
        features = self.settings.features
        return _digest(
            self.weights.digest, features.crop, features.legacy_pixels, features.precision
        )

    def read(self, path: Path, seconds: np.ndarray, duration_s: float) -> np.ndarray:
        """Return tokens `(seconds, 1 + N, C)` float16: the frame's own, then its patches'.

        Raises:
            VideoError: the video cannot be decoded.
        """
        features, side = self.settings.features, self.weights.image_px
        tokens: list[np.ndarray] = []
        for squares in squares_in_blocks(path, seconds, side, features.crop):
            for start in range(0, len(squares), BATCH_FRAMES):
                batch = squares[start : start + BATCH_FRAMES]
                pixels = clip_values(batch, legacy=features.legacy_pixels)
                with reduced(features.precision, self.weights.model.device):
                    found = frame_tokens(self.weights.model, pixels)
                tokens.append(in_16_bits(found, path))
        return np.concatenate(tokens)

    def inputs(self, values: np.ndarray) -> Tensor:
        """Return the tokens, still in 16 bits: the visual module widens what a batch needs."""
        return torch.from_numpy(values)

    def texts(self, phrases: Sequence[str]) -> Texts:
        """Return the first `training.max_words` tokens of each phrase, and its end mark's."""
        if self.heard is not None and self.heard.has(phrases):
            return self.heard.texts(phrases)
        return text_tokens(
            self.weights,
            self.words,
            [self._prompted(phrase) for phrase in phrases],
            self.settings.training.max_words,
        )

    def knows(self, phrase: str) -> bool:
        """Say whether the phrase has any token of its own: CLIP has tokens for all characters."""
        return int(self.words.ids([phrase], self.weights.context).end_J) > 1

    def listen(self, phrases: Iterable[str], store: Path | None = None) -> ClipEncoder:
        """Return an encoder that has encoded these phrases once, and keeps them in `store`."""
        settings = self.settings
        digest = _digest(
            self.weights.digest,
            self.words.digest,
            settings.features.prompt,
            settings.training.max_words,
        )
        return replace(self, heard=heard_texts(self.texts, phrases, digest, store, BATCH_TEXTS))

    def modules(self) -> tuple[nn.Module, nn.Module]:
        """Return modules without weights."""
        return StoredFrames(), StoredTexts()

    def heads(self) -> tuple[nn.Linear, nn.Linear]:
        """Return the identity twice: tokens are in the common space already."""
        identity = nn.Linear(self.token_dim, self.token_dim)
        with torch.no_grad():
            nn.init.eye_(identity.weight)
            nn.init.zeros_(identity.bias)
        return identity, identity

    def describe(self) -> Mapping[str, Any]:
        """Return the digests of the weights and the tokenizer."""
        return {
            "backbone": self.backbone,
            "weights_digest": self.weights.digest,
            "words_digest": self.words.digest,
        }

    def _prompted(self, phrase: str) -> str:
        prompt: str = self.settings.features.prompt
        return prompt.replace("{}", phrase.replace("_", " "))


@torch.inference_mode()
def frame_tokens(model: CLIPModel, pixels: Tensor) -> Tensor:
    """Return `ln_post(x_i) @ proj` of all tokens, `(F, 3, side, side)` to `(F, 1 + N, C)`."""
    hidden = model.vision_model(pixel_values=pixels.to(model.device)).last_hidden_state
    tokens: Tensor = model.visual_projection(model.vision_model.post_layernorm(hidden))
    return tokens


@torch.no_grad()
def text_tokens(
    weights: ClipWeights, words: ClipWords, phrases: Sequence[str], n_words: int
) -> Texts:
    """Encode some phrases.

    Args:
        weights: CLIP.
        words: its tokenizer.
        phrases: (J,) texts; what goes beyond CLIP's context is cut off.
        n_words: tokens that are kept of each; start and end mark are not among them.

    Returns:
        Frozen tokens `(J, K, C)`, K at least 1, and each end mark's, `(J, C)`; on the CPU.
    """
    if not phrases:
        none = torch.zeros(0, weights.dim)
        return Texts(none[:, None], torch.zeros(0, 1, dtype=torch.bool), none)
    model, ids = weights.model, words.ids(phrases, weights.context)
    hidden = model.text_model(input_ids=ids.ids_JL.to(model.device)).last_hidden_state
    tokens_JLC = model.text_projection(hidden).cpu()
    n_kept = max(1, min(n_words, int(ids.end_J.max()) - 1))
    mask_JK = torch.arange(1, 1 + n_kept) < ids.end_J[:, None]
    words_JKC = tokens_JLC[:, 1 : 1 + n_kept] * mask_JK[..., None]
    return Texts(words_JKC, mask_JK, tokens_JLC[torch.arange(len(phrases)), ids.end_J])


def _digest(*values: object) -> str:
    return tables.sha256_bytes(tables.canonical_json(["clip", *values]).encode())
