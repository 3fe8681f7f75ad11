"""Texts that a frozen backbone encodes once, before training, instead of in each step.

    STORE/texts-<digest>.safetensors    words (J,K,C) and sentences (J,C) float16, mask (J,K)

The digest covers the encoder and the texts themselves, so that a file is always the right one or
another. It is mapped into memory, not read: a step touches the rows that it needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from dataset_builder import tables
from dataset_builder.console import progress
from stg_model.network.tokens import Texts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeardTexts:
    """Encoded texts; `rows` says where each phrase lies."""

    rows: Mapping[str, int]
    words_JKC: Tensor
    mask_JK: Tensor
    sentences_JC: Tensor

    def has(self, phrases: Sequence[str]) -> bool:
        """Say whether every phrase is among them."""
        return all(phrase in self.rows for phrase in phrases)

    def texts(self, phrases: Sequence[str]) -> Texts:
        """Return some phrases, padded to the longest of them (at least 1)."""
        index = torch.tensor([self.rows[phrase] for phrase in phrases], dtype=torch.long)
        mask_JK = self.mask_JK[index]
        longest = max(1, int(mask_JK.sum(-1).max())) if len(phrases) else 1
        return Texts(
            self.words_JKC[index, :longest].float(),
            mask_JK[:, :longest],
            self.sentences_JC[index].float(),
        )


def heard_texts(
    encode: Callable[[Sequence[str]], Texts],
    phrases: Iterable[str],
    encoder_digest: str,
    store: Path | None,
    batch: int,
) -> HeardTexts:
    """Encode each different phrase once, or read what an earlier run kept.

    Args:
        encode: the backbone's text tower.
        phrases: the texts, repeats allowed.
        encoder_digest: of all that the tower's answer depends on.
        store: folder to keep the result in; None keeps it in memory alone.
        batch: texts encoded at once.
    """
    unique = sorted(set(phrases))
    rows = {phrase: row for row, phrase in enumerate(unique)}
    listed = tables.canonical_json([encoder_digest, unique]).encode()
    file = store / f"texts-{tables.sha256_bytes(listed)[:32]}.safetensors" if store else None
    stored = _read(file) if file else None
    if stored is None:
        stored = _encoded(encode, unique, batch)
        if file:
            with tables.replaced_file(file) as temporary:
                safetensors.torch.save_file(stored, temporary)
    return HeardTexts(rows, stored["words"], stored["mask"], stored["sentences"])


def _read(file: Path) -> dict[str, Tensor] | None:
    try:
        return safetensors.torch.load_file(file)
    except FileNotFoundError:
        return None
    except (OSError, safetensors.SafetensorError) as error:
        logger.warning("%s: cannot be read (%s); making it again", file, error)
        return None


def _encoded(
    encode: Callable[[Sequence[str]], Texts], phrases: Sequence[str], batch: int
) -> dict[str, Tensor]:
    """Encode in batches of like length, so that little is padded."""
    order = sorted(range(len(phrases)), key=lambda row: len(phrases[row]))
    starts = range(0, len(order), batch)
    parts: list[tuple[list[int], Texts]] = []
    for start in progress(starts, "texts", len(starts)):
        index = order[start : start + batch]
        parts.append((index, encode([phrases[row] for row in index])))
    n_words = max([1, *(texts.mask_JK.shape[1] for _, texts in parts)])
    n_dims = parts[0][1].words.shape[-1] if parts else 0
    words = torch.zeros(len(phrases), n_words, n_dims, dtype=torch.float16)
    mask = torch.zeros(len(phrases), n_words, dtype=torch.bool)
    sentences = torch.zeros(len(phrases), n_dims, dtype=torch.float16)
    for index, texts in parts:
        width = texts.mask_JK.shape[1]
        words[index, :width] = texts.words.half()
        mask[index, :width] = texts.mask_JK
        if texts.sentences_JC is not None:
            sentences[index] = texts.sentences_JC.half()
    return {"words": words, "mask": mask, "sentences": sentences}
