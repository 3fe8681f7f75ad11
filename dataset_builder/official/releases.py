"""Which of the published files a release is made from, and the faithful release.

The faithful one is what the public loader gives; `repaired` has the other one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dataset_builder.errors import InputError
from dataset_builder.importers.grounding_youtube import read_official
from dataset_builder.official.files import Files
from dataset_builder.official.records import BOX_FILES, SEGMENT_FILES, size_file
from dataset_builder.release import Release

FAITHFUL_VERSION = "1.0.0"
REPAIRED_VERSION = "2.0.0"
"""Boxes of other rules: numbers on the two releases do not compare, so the first number differs."""


def box_file(files: Files, wanted: str | None = None) -> str:
    """Return the name of the box file to take: the one nearest to the released one by default.

    Raises:
        InputError: it is not there.
    """
    there = [name for name in BOX_FILES if name in files]
    if wanted is not None and wanted not in there:
        raise InputError(f"there is no box file {wanted!r}, only {', '.join(there) or 'none'}")
    if not there:
        raise InputError(f"a release needs a box file, one of {', '.join(BOX_FILES)}")
    return wanted or there[0]


def segment_file(files: Files) -> str:
    """Return the name of the file of segments to take: `seg`, from which the others were made.

    Raises:
        InputError: there is none.
    """
    for name in SEGMENT_FILES:
        if name in files:
            return name
    raise InputError(f"a release needs a file of segments, one of {', '.join(SEGMENT_FILES)}")


def faithful_release(folder: Path, files: Files, boxes: str) -> Release:
    """Return what the public loader gives for one box file of a folder (R14).

    Raises:
        InputError: see `read_official`.
    """
    names = {"boxes": f"{boxes}.json", "segments": f"{segment_file(files)}.json"}
    sizes = size_file(files)
    names |= {"sizes": f"{sizes}.json"} if sizes else {}
    found = read_official(
        folder / names["boxes"],
        folder / names["segments"],
        folder / f"{sizes}.json" if sizes else None,
    )
    return replace(found, version=FAITHFUL_VERSION, settings={**found.settings, **names})
