"""The tensors of a TorchScript archive, read without running the archive.

`torch.jit.load` runs the archive's `__setstate__`, which may write files. Here an unpickler that
knows tensors and plain values alone reads the archive's structure; its code is never looked at.
"""

from __future__ import annotations

import collections
import math
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ARCHIVE_PICKLE = "data.pkl"
MAX_PICKLE_BYTES = 64 * 2**20
"""The structure of an archive without its numbers; OpenAI's has some hundred kilobytes."""

STORAGES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
}


def is_torchscript(path: Path) -> bool:
    """Whether a zip file holds the code of a TorchScript module beside its tensors.

    Raises:
        zipfile.BadZipFile: the zip is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        return any(name.split("/")[1:2] == ["code"] for name in archive.namelist())


def archive_tensors(path: Path) -> dict[str, Tensor]:
    """Return an archive's parameters, buffers and other tensor attributes by their full names.

    Raises:
        pickle.UnpicklingError: it holds something else, or asks for code of its own.
        zipfile.BadZipFile, and what unpickling raises: the archive is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
        if len(folders) != 1:
            raise pickle.UnpicklingError("a zip of something else")
        folder = folders.pop()
        if archive.getinfo(f"{folder}/{ARCHIVE_PICKLE}").file_size > MAX_PICKLE_BYTES:
            raise pickle.UnpicklingError(f"{ARCHIVE_PICKLE} is larger than any model's")
        return dict(_named_tensors(_ArchiveUnpickler(archive, folder).load()))


class _Module:
    """Stands for an object of an archive: attributes by name, no behaviour."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise pickle.UnpicklingError("an object brings code of its own to be restored")
        self.attributes = state


class _ArchiveUnpickler(pickle.Unpickler):
    """Knows what TorchScript writes for modules and tensors, and nothing else."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(archive.open(f"{folder}/{ARCHIVE_PICKLE}"))
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a global; the real one is never looked up."""
        if module.split(".", maxsplit=1)[0] == "__torch__":
            return _Module
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("collections", "OrderedDict"): collections.OrderedDict,
            **{
                ("torch.jit._pickle", f"build_{kind}list"): list
                for kind in ("int", "double", "bool", "tensor")
            },
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Tensor:
        """Return the flat values of a storage, wherever they were when the archive was made."""
        kind, dtype, key, _device, n_values = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"asks for {kind!r:.40}")
        if key not in self._storages:
            info = self._archive.getinfo(f"{self._folder}/data/{key}")
            if (
                info.compress_type != zipfile.ZIP_STORED
                or info.file_size != n_values * dtype.itemsize
            ):
                raise pickle.UnpicklingError(
                    f"the values of storage {key} are not {n_values} numbers"
                )
            values = bytearray(self._archive.read(info))
            self._storages[key] = torch.frombuffer(values, dtype=dtype)
        return self._storages[key]


def _tensor(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Tensor:
    """Return a part of a storage; torch refuses one that reaches beyond it."""
    if math.prod(size) > len(storage):
        raise pickle.UnpicklingError(f"a tensor of {size} repeats {len(storage)} numbers")
    return torch.as_strided(storage, size, stride, offset).clone()


def _named_tensors(module: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a module and of the modules in it, as a state_dict names them."""
    if not isinstance(module, _Module):
        raise pickle.UnpicklingError("the archive holds no module")
    for name, value in module.attributes.items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, _Module):
            yield from _named_tensors(value, f"{prefix}{name}.")
