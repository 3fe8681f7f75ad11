"""Heatmaps beside a predictions file: `.npy` stacks of shape (n, rows, columns).

A heatmap covers the whole display-oriented frame: row 0 at the top, column 0 on the left, a cell
stands for its rectangle of the frame. Heat is finite, 0 or more, on any scale. A stack is mapped,
not read whole, and holds no Python objects; only the heatmaps that are asked for are checked.
"""

from __future__ import annotations

import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dataset_builder import tables
from dataset_builder.errors import InputError
from dataset_builder.predictions import HeatmapReference

Floats = npt.NDArray[np.float64]

UNREADABLE = (ValueError, EOFError, OverflowError, SyntaxError, tokenize.TokenError)
"""What numpy raises at broken files; it reads their headers as Python."""


def write_heatmaps(folder: Path, file: str, heatmaps: npt.ArrayLike) -> list[HeatmapReference]:
    """Write a stack below the predictions file's folder, in the numbers' own type.

    Args:
        folder: where the predictions file lies.
        file: relative path of the stack, as the records will name it ("heatmaps/v1.npy").
        heatmaps: (n, rows, columns), finite and 0 or more.

    Returns:
        What the records say: one reference for each heatmap, in order.

    Raises:
        InputError: another shape or kind of numbers, heat that is negative or not finite.
    """
    stack = np.asarray(heatmaps)
    path = folder / file
    _check_shape(path, stack)
    references = [HeatmapReference(file, index) for index in range(len(stack))]
    for index in range(len(stack)):
        _heat(path, stack, index)
    with tables.replaced_file(path) as temporary, temporary.open("wb") as out:
        np.save(out, stack, allow_pickle=False)
    return references


def read_heatmaps(
    folder: Path, references: Iterable[HeatmapReference]
) -> Iterator[tuple[HeatmapReference, Floats]]:
    """Yield each named heatmap once, (rows, columns), file by file and by rising index.

    One file is open at a time, so a store may have any number of them.

    Raises:
        InputError: a file that is missing, no such stack, or has no such index; heat that is
            negative or not finite. File and index are named.
    """
    indices_of: dict[str, set[int]] = {}
    for reference in references:
        indices_of.setdefault(reference.file, set()).add(reference.index)
    for file, indices in sorted(indices_of.items()):
        path = folder / file
        stack = _open_stack(path)
        for index in sorted(indices):
            yield HeatmapReference(file, index), _heat(path, stack, index)


def _open_stack(path: Path) -> npt.NDArray[np.generic]:
    try:
        stack = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: heatmaps cannot be read ({reason})") from error
    except UNREADABLE as error:
        raise InputError(f"{path}: is no .npy file of numbers ({error})") from error
    if not isinstance(stack, np.ndarray):
        stack.close()
        raise InputError(f"{path}: is an .npz archive; heatmaps stand in a .npy file")
    _check_shape(path, stack)
    return stack


def _check_shape(path: Path, stack: npt.NDArray[np.generic]) -> None:
    if stack.ndim != 3 or min(stack.shape[1:]) < 1 or stack.dtype.kind not in "biuf":
        raise InputError(
            f"{path}: heatmaps must be real numbers of shape (n, rows, columns), "
            f"got {stack.dtype} of shape {stack.shape}"
        )


def _heat(path: Path, stack: npt.NDArray[np.generic], index: int) -> Floats:
    """Return one heatmap of a stack, checked."""
    if index >= len(stack):
        raise InputError(f"{path}: holds {len(stack)} heatmaps (from 0), so none has index {index}")
    heat: Floats = np.asarray(stack[index], dtype=np.float64)
    # NaN fails the comparison as well.
    is_bad = ~((heat >= 0) & (heat < np.inf))
    if is_bad.any():
        row, column = np.argwhere(is_bad)[0]
        raise InputError(
            f"{path}: heatmap {index} holds {heat[row, column]} at row {row}, column {column}; "
            "heat must be finite and 0 or more"
        )
    return heat
