"""Files of tensors from outside, read without running anything that they hold.

Three kinds are told apart by their first bytes: safetensors; PyTorch's pickles (zip or older), read
with `torch.load(weights_only=True)`; and TorchScript archives (see `torchscript`).
"""

from __future__ import annotations

import hashlib
import pickle
import re
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from dataset_builder.errors import InputError
from stg_model.features.torchscript import archive_tensors, is_torchscript

BAD_CONTENT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.PickleError,
    struct.error,
    zipfile.BadZipFile,
)
"""What unpicklers and zip readers raise on bytes that are no file of theirs."""


def read_tensors(path: Path, expected: str) -> dict[str, Tensor]:
    """Read a file that maps names to tensors.

    A training state is unwrapped to its `state_dict`, and the prefix `module.` (left by
    parallel training) is taken off where every name has it.

    Args:
        path: the file.
        expected: what the file should be, for messages.

    Raises:
        InputError: no such file, another kind of file, damaged, or with anything else inside.
    """
    tensors = read_content(path, expected)
    if isinstance(tensors, Mapping) and isinstance(tensors.get("state_dict"), Mapping):
        tensors = tensors["state_dict"]
    if not isinstance(tensors, Mapping) or not tensors:
        refuse(path, f"holds a {type(tensors).__name__}, no tensors by name", expected)
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            refuse(path, f"{name!r:.60} is a {type(value).__name__}, not a tensor", expected)
        if not is_plain(value):
            refuse(path, f"{name} is sparse, nested or without its numbers", expected)
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            refuse(path, f"{name} claims {value.numel()} numbers and holds fewer", expected)
    if all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): value for name, value in tensors.items()}
    return dict(tensors)


def read_content(path: Path, expected: str) -> Any:
    """Return whatever tensors and plain values a file holds, on the CPU.

    Raises:
        InputError: as for `read_tensors`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); expected {expected}"
        ) from error
    _refuse_text(path, head, expected)
    try:
        if head[8:9] == b"{":
            return safetensors.torch.load_file(path)
        if head[:2] == b"PK" and is_torchscript(path):
            return archive_tensors(path)
        if tarfile.is_tarfile(path):  # torch would unpack its oldest format to the disk
            refuse(path, "is a tar archive: unpack it first", expected)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of pickles in another protocol
            return torch.load(path, map_location="cpu", weights_only=True)
    except (*BAD_CONTENT, safetensors.SafetensorError) as error:
        refuse(path, f"is damaged or holds more than tensors ({_one_line(error)})", expected)


def is_plain(tensor: Tensor) -> bool:
    """Whether a tensor's numbers lie in memory as they are, one for each place."""
    special = tensor.is_meta or tensor.is_nested or tensor.is_quantized or tensor.is_neg()
    return tensor.layout is torch.strided and not special


def check_shapes(
    path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], expected: str
) -> None:
    """Refuse tensors that are not exactly the wanted ones, floating point and of their shapes.

    Raises:
        InputError: the first that is missing, of another shape or kind, not finite or not expected.
    """
    for name, shape in wanted.items():
        if name not in found:
            refuse(path, f"lacks the tensor {name} {shape}", expected)
        if tuple(found[name].shape) != tuple(shape):
            refuse(path, f"{name} has the shape {tuple(found[name].shape)}, not {shape}", expected)
        if not (found[name].is_floating_point() or name.endswith("num_batches_tracked")):
            refuse(path, f"{name} holds {found[name].dtype}, not numbers with a point", expected)
        if not torch.isfinite(found[name].float()).all():
            refuse(path, f"{name} holds NaN or infinity, so it is damaged", expected)
    for name in found.keys() - wanted.keys():
        refuse(path, f"holds the tensor {name}, which has no place in the model", expected)


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Return a SHA-256 of names, shapes and values as 32-bit floats, whatever file they lay in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name} {tuple(values.shape)}\n".encode())
        digest.update(values.reshape(-1).numpy().data)
    return digest.hexdigest()


def refuse(path: Path, what: str, expected: str) -> NoReturn:
    """Raise the one line about a file that cannot be used."""
    raise InputError(f"{path}: {what}; expected {expected}")


def _refuse_text(path: Path, head: bytes, expected: str) -> None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        refuse(path, "is empty", expected)
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        refuse(path, "is a web page, so the download failed or asks for a login", expected)
    if text.startswith(b"version https://git-lfs"):
        refuse(path, "is a Git LFS pointer, not the file that it points to", expected)


def _one_line(error: BaseException) -> str:
    """Return the heart of a message; torch's own begins with how to load without protection."""
    text = str(error)
    if "Weights only load failed" in text:
        blocked = re.search(r"GLOBAL (\S+)", text)
        return f"a pickle that asks for {blocked[1]}" if blocked else "no pickle of tensors"
    lines = text.strip().splitlines()
    return f"{type(error).__name__}: {lines[0]:.160}" if lines else type(error).__name__
