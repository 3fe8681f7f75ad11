"""CLIP's tokenizer, from the files that come with its weights.

OpenAI publishes the list of merges alone (bpe_simple_vocab_16e6.txt.gz): the vocabulary is the 256
bytes as printable characters, the same at a word's end, one entry for each merge, and the two marks
of a text's ends. Of the published list only so many merges count as make 49,408 entries.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from dataset_builder import tables
from dataset_builder.errors import InputError
from stg_model.features.weight_files import refuse

EXPECTED = (
    "CLIP's tokenizer: bpe_simple_vocab_16e6.txt.gz, or a folder with vocab.json and merges.txt "
    "or tokenizer.json"
)
START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
MAX_MERGES_BYTES = 64 * 2**20
"""Unpacked; OpenAI's list has 3 million bytes."""

Merge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TokenIds:
    """Ids `(J, L)`, each text from its start mark to its end mark at `end_J`, end marks after."""

    ids_JL: Tensor
    end_J: Tensor


class ClipWords:
    """Splits texts into CLIP's tokens."""

    def __init__(self, vocabulary: dict[str, int], merges: Sequence[Merge]) -> None:
        self.vocabulary, self.merges = vocabulary, tuple(merges)
        self.digest = tables.sha256_bytes(json.dumps([vocabulary, merges]).encode())
        pairs: Any = list(merges)  # annotated as texts, taken as pairs
        self._tokenizer = CLIPTokenizer(vocab=vocabulary, merges=pairs)

    def ids(self, texts: Sequence[str], context: int) -> TokenIds:
        """Return the texts' ids; one that is longer than `context` loses its last words."""
        rows = self._tokenizer(list(texts), truncation=True, max_length=context, padding=False)[
            "input_ids"
        ]
        end_J = torch.tensor([len(row) - 1 for row in rows])
        longest = max((len(row) for row in rows), default=0)
        padded = [[*row, *[row[-1]] * (longest - len(row))] for row in rows]
        return TokenIds(torch.tensor(padded, dtype=torch.long).reshape(len(rows), longest), end_J)


def load_words(path: Path, n_tokens: int) -> ClipWords:
    """Load a tokenizer.

    Args:
        path: OpenAI's list of merges, or a Hugging Face folder.
        n_tokens: entries that the weights have embeddings for.

    Raises:
        InputError: no tokenizer there, or not the one of these weights.
    """
    vocabulary, merges = _from_folder(path) if path.is_dir() else _from_merges(path, n_tokens)
    ids = sorted(vocabulary.values())
    if ids != list(range(n_tokens)) or not {START, END} <= vocabulary.keys():
        refuse(
            path,
            f"has {len(ids)} tokens where the weights have embeddings for {n_tokens}",
            EXPECTED,
        )
    lacking = [pair for pair in merges if not {*pair, "".join(pair)} <= vocabulary.keys()]
    if lacking:
        refuse(path, f"merges {' '.join(lacking[0])!r:.60}, which is no token", EXPECTED)
    return ClipWords(vocabulary, merges)


def byte_characters() -> list[str]:
    """Return a printable character for each of the 256 bytes, in the vocabulary's order.

    Printable Latin-1 bytes stand for themselves, the others for characters from 256 on (the
    byte-level alphabet of GPT-2).
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def _from_merges(path: Path, n_tokens: int) -> tuple[dict[str, int], list[Merge]]:
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(MAX_MERGES_BYTES)
        lines = content.decode("utf-8").split("\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected {EXPECTED}") from error
    letters = byte_characters()
    n_merges = n_tokens - 2 * len(letters) - 2
    merges = [_merge(path, line) for line in lines[1 : 1 + max(0, n_merges)] if line]
    tokens = [*letters, *(letter + WORD_END for letter in letters)]
    tokens += ["".join(pair) for pair in merges]
    return {token: n for n, token in enumerate([*tokens, START, END])}, merges


def _from_folder(folder: Path) -> tuple[dict[str, int], list[Merge]]:
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        path, content = folder / "vocab.json", tables.read_json(folder / "vocab.json")
        try:
            lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{folder / 'merges.txt'}: cannot be read ({error})") from error
        pairs: Any = [line for line in lines if line and not line.startswith("#version")]
    elif (folder / "tokenizer.json").is_file():
        path = folder / "tokenizer.json"
        stored = tables.read_json(path)
        model = stored.get("model") if isinstance(stored, dict) else None
        if not isinstance(model, dict) or not isinstance(model.get("merges"), list):
            refuse(path, "has no model with merges", EXPECTED)
        content, pairs = model.get("vocab"), model["merges"]
    else:
        raise InputError(f"{folder}: holds no tokenizer; expected {EXPECTED}")
    if not isinstance(content, dict) or not all(type(n) is int for n in content.values()):
        refuse(path, "does not map tokens to numbers", EXPECTED)
    return content, [_merge(path, pair) for pair in pairs]


def _merge(path: Path, pair: Any) -> Merge:
    """Return the two halves of a merge, written as one text or as a list of two."""
    halves = pair.split(" ") if isinstance(pair, str) else pair
    if not (isinstance(halves, list) and len(halves) == 2 and all(type(h) is str for h in halves)):
        refuse(path, f"{pair!r:.60} is no pair of tokens", EXPECTED)
    return halves[0], halves[1]
