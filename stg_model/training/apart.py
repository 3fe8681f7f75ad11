"""Validation videos must not be learned from: thresholds and figures come from them (R26)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from dataset_builder import tables
from dataset_builder.errors import InputError


def refuse_learned(
    apart: Mapping[str, Path], files: Mapping[str, Path], learned: Collection[str] = ()
) -> None:
    """Refuse validation videos whose file is learned from, whatever its name.

    Args:
        apart: the validation set's files, by video_id.
        files: those that will be learned from.
        learned: SHA-256 of those that were.

    Raises:
        InputError: there are some; their ids are named.
    """
    sizes = {path.stat().st_size for path in apart.values()}
    same_size = [path for path in files.values() if path.stat().st_size in sizes]
    digests = {*learned, *map(tables.sha256_file, same_size)} if apart else set()
    both = sorted(v for v, path in apart.items() if digests and tables.sha256_file(path) in digests)
    if both:
        raise InputError(
            f"{len(both)} of {len(apart)} validation videos are learned from ({', '.join(both[:3])}"
            f"{', ...' if both[3:] else ''}): what is found on them holds for no others; "
            "give a validation set of other videos"
        )
