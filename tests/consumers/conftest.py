"""What we write, read back by the libraries it is written for.

They live in an environment of their own (`make test-consumers`); elsewhere these modules are left
out of the collection, so that nothing is skipped.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_builder.build import write_built_release
from dataset_builder.commands.exporting import EXPORTS, PICTURE_EXPORTS
from dataset_builder.release import Release, read_release
from tests.dataset_builder.exporters.pictured import pictured_release

collect_ignore_glob = [] if importlib.util.find_spec("mlcroissant") else ["test_*.py"]

# Before the library is imported: nothing here may ask the network.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the frame store of the release; it is filled by `release_folder`."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def release_folder(make_snapshot, store, tmp_path_factory) -> Path:
    """Return the folder of a built release of twelve clips, whose pictures lie in `store`."""
    folder = tmp_path_factory.mktemp("built") / "release"
    write_built_release(folder, pictured_release(make_snapshot(n_clips=12), store))
    return folder


@pytest.fixture(scope="session")
def release(release_folder: Path) -> Release:
    """Return the release as its folder says."""
    return read_release(release_folder)


@pytest.fixture
def exported(release, store, tmp_path) -> Callable[..., Path]:
    """Export the release: `exported("coco", pictures=True) -> folder`."""

    def export(format_name: str, *, pictures: bool = False) -> Path:
        folder = tmp_path / format_name
        folder.mkdir()
        if pictures:
            PICTURE_EXPORTS[format_name](release, folder, store)
        else:
            EXPORTS[format_name](release, folder)
        return folder

    return export
