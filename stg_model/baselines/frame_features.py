"""Frame features from files, one a video: rows of numbers, so many a second.

`VIDEO_ID.npy` holds one array (rows, size); `.npz` and `.safetensors` may hold several, of which
`features` is taken, or the only one. Pickled arrays are refused.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from dataset_builder.errors import InputError

SUFFIXES = (".npy", ".npz", ".safetensors")
KEY = "features"
UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, safetensors.SafetensorError)
Floats = npt.NDArray[np.float32]


def feature_files(folder: Path) -> dict[str, Path]:
    """Return the feature file of each video of a folder.

    Raises:
        InputError: there is no such folder, no such file in it, or two of one video.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of frame features")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in SUFFIXES:
            continue
        if path.stem in found:
            raise InputError(f"{path}: {found[path.stem].name} is of the same video; remove one")
        found[path.stem] = path
    if not found:
        raise InputError(f"{folder}: holds no frame features ({', '.join(SUFFIXES)})")
    return found


def read_frame_features(path: Path, rate: float = 1.0) -> Floats:
    """Return a video's features by whole seconds, (seconds, size) float32.

    Args:
        path: the file.
        rate: rows a second; row i belongs to second `int(i / rate)`, whose rows are averaged. A
            second without a row repeats the one before it.

    Raises:
        InputError: it cannot be read, or is no table of finite numbers.
    """
    try:
        table = _table(path)
    except (
        OSError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        safetensors.SafetensorError,
    ) as error:
        raise InputError(f"{path}: cannot be read as frame features ({error!s:.120})") from error
    if table.ndim != 2 or not table.size or table.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: frame features must be a table (rows, size) of numbers, "
            f"got {table.shape} of {table.dtype}"
        )
    if not np.isfinite(table).all():
        raise InputError(f"{path}: holds a number that is not finite")
    return _by_seconds(table.astype(np.float32), rate)


def _table(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        table: np.ndarray = np.load(path, allow_pickle=False)
        return table
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            return _chosen({name: stored[name] for name in stored.files})
    return _chosen(safetensors.numpy.load_file(path))


def _chosen(tables: dict[str, np.ndarray]) -> np.ndarray:
    if len(tables) == 1:
        return next(iter(tables.values()))
    if KEY not in tables:
        raise ValueError(f"holds {', '.join(sorted(tables)) or 'nothing'}, none named {KEY!r}")
    return tables[KEY]


def _by_seconds(table: Floats, rate: float) -> Floats:
    """Average the rows of each second.

    >>> _by_seconds(np.array([[1.0], [3.0], [7.0]], dtype=np.float32), 2.0).tolist()
    [[2.0], [7.0]]
    """
    # A row at 30 * (1 / 30) must not fall below the second that it begins.
    second = np.floor(np.arange(len(table)) / rate + 1e-9).astype(int)
    n_rows = np.bincount(second)
    sums = np.zeros((len(n_rows), table.shape[1]), np.float64)
    np.add.at(sums, second, table)
    filled = np.maximum.accumulate(np.where(n_rows > 0, np.arange(len(n_rows)), 0))
    means: Floats = (sums[filled] / n_rows[filled, None]).astype(np.float32)
    return means
