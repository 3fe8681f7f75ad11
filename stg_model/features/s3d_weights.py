"""The MIL-NCE weights: S3D with its words, and the list of those words.

`s3d_howto100m.pth` holds all tensors, `s3d_dict.npy` the words: entry i has row i + 1 of the word
table, whose row 0 stands for "no word here". `word2vec.pth` is a table of the same rows.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dataset_builder.errors import InputError
from stg_model.features.s3d_network import S3d
from stg_model.features.weight_files import (
    BAD_CONTENT,
    check_shapes,
    digest_of_tensors,
    is_plain,
    read_content,
    read_tensors,
    refuse,
)

EXPECTED = "the S3D of MIL-NCE, as s3d_howto100m.pth"
EXPECTED_WORDS = "the words of MIL-NCE's S3D, as s3d_dict.npy"
EXPECTED_TABLE = "a table of word vectors, as word2vec.pth"
WORD_TABLE = "text_module.word_embd.weight"
PUBLISHED_CHANNELS = 64
"""Of the first convolution; a file of narrower ones is the same network, divided."""


@dataclass(frozen=True, slots=True)
class S3dWeights:
    """A frozen S3D in evaluation mode; `words` are in the order of the table from row 1 on."""

    model: S3d
    digest: str
    words: tuple[str, ...]


def load_s3d(path: Path, dictionary: Path, word_table: Path | None = None) -> S3dWeights:
    """Load S3D and its words.

    Args:
        path: the state_dict of the published network.
        dictionary: the array of words.
        word_table: word vectors that replace those of `path`.

    Raises:
        InputError: a file is not what it should be, or they do not belong together.
    """
    tensors = read_tensors(path, EXPECTED)
    if word_table is not None:
        tensors[WORD_TABLE] = _word_table(word_table)
    n_rows, word_dim = _shape(path, tensors, WORD_TABLE, 2)
    n_channels = _shape(path, tensors, "conv1.conv1.weight", 5)[0]
    if n_channels == 0 or PUBLISHED_CHANNELS % n_channels:
        refuse(path, f"conv1.conv1.weight has {n_channels} channels", EXPECTED)
    with torch.device("meta"):
        model = S3d(n_rows, word_dim, PUBLISHED_CHANNELS // n_channels)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    check_shapes(path, tensors, shapes, EXPECTED)
    counters = {n: t for n, t in tensors.items() if not t.is_floating_point()}
    values = {n: t.to(torch.float32) for n, t in tensors.items() if n not in counters}
    model.load_state_dict(values | counters, strict=True, assign=True)
    model.train(mode=False).requires_grad_(requires_grad=False)
    words = read_dictionary(dictionary)
    if len(words) not in (n_rows - 1, n_rows):
        refuse(dictionary, f"{len(words)} words for a table of {n_rows} rows", EXPECTED_WORDS)
    return S3dWeights(model, digest_of_tensors(values), words[: n_rows - 1])


def read_dictionary(path: Path) -> tuple[str, ...]:
    """Read an array of words.

    NumPy keeps texts either as an array of characters, or pickled: of a pickle only texts are
    taken, by an unpickler that looks up nothing else.

    Raises:
        InputError: it is no such array.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(file)
        if len(shape) != 1 or dtype.kind not in "UO":
            refuse(path, f"is an array {shape} of {dtype}", EXPECTED_WORDS)
        if dtype.kind == "O":
            words = _Texts(file).load().values
        elif shape[0] * dtype.itemsize > len(content):
            raise ValueError(f"{shape[0]} words do not fit in {len(content)} bytes")
        else:
            words = np.load(io.BytesIO(content), allow_pickle=False).tolist()
    except BAD_CONTENT as error:
        refuse(path, f"is damaged or no array of words ({error!s:.80})", EXPECTED_WORDS)
    if len(words) != shape[0] or not all(type(word) is str for word in words):
        refuse(path, "holds something else than words", EXPECTED_WORDS)
    word, n_times = next(iter(Counter(words).most_common(1)), ("", 0))
    if n_times > 1:
        refuse(path, f"holds {word!r:.40} {n_times} times, each word has one row", EXPECTED_WORDS)
    return tuple(words)


class _Array:
    """Stands for a pickled array and keeps its values."""

    def __init__(self, *_: object) -> None:
        self.values: list[Any] = []

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and isinstance(state[-1], list):
            self.values = state[-1]


class _Texts(pickle.Unpickler):
    """Reads an array of objects; NumPy's own functions are never called."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for an array or its type."""
        if module.split(".", maxsplit=1)[0] == "numpy" and name in (
            "_reconstruct",
            "ndarray",
            "dtype",
        ):
            return _Array
        raise pickle.UnpicklingError(f"asks for {module}.{name}")


def _word_table(path: Path) -> Tensor:
    table = read_content(path, EXPECTED_TABLE)
    if isinstance(table, Mapping) and len(table) == 1:
        table = next(iter(table.values()))
    if not isinstance(table, Tensor) or not is_plain(table) or not table.is_floating_point():
        refuse(path, f"holds a {type(table).__name__}, no table of numbers", EXPECTED_TABLE)
    if table.dim() != 2 or not torch.isfinite(table.float()).all():
        refuse(path, f"holds {table.dim()} dimensions or NaN, no table of numbers", EXPECTED_TABLE)
    return table


def _shape(path: Path, tensors: Mapping[str, Tensor], name: str, n_dims: int) -> tuple[int, ...]:
    if name not in tensors:
        refuse(path, f"lacks the tensor {name}", EXPECTED)
    shape = tuple(tensors[name].shape)
    if len(shape) != n_dims:
        refuse(path, f"{name} has the shape {shape}, not {n_dims} dimensions", EXPECTED)
    return shape
