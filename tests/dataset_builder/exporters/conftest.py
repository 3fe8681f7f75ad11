"""A release with everything in it, and one whose pictures are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.build import build_release
from tests.dataset_builder.exporters.pictured import pictured_release


@pytest.fixture(scope="session")
def full_release(make_snapshot):
    """Return a release of twelve clips, of which some share seconds of a video."""
    return build_release(make_snapshot(n_clips=12), name="demo", version="1.0.0", licence="CC0-1.0")


@pytest.fixture(scope="session")
def pictured(make_snapshot, tmp_path_factory) -> tuple[object, Path]:
    """Return the same release with a frame store that holds its pictures."""
    store = tmp_path_factory.mktemp("store")
    return pictured_release(make_snapshot(n_clips=12), store), store
