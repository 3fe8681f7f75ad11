"""Names of files that come from a release's ids and digests."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from dataset_builder.errors import InputError


def below(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, its name with `/` between folders.

    Readers refuse such ids already (`row_checks`); releases made in memory come here too.

    Raises:
        InputError: the name leads out of the folder.
    """
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or "/" in parts or "\\" in name:
        raise InputError(f"{name!r} would not lie in {folder}; rename what it is named after")
    return folder / name
