"""A robust release with a parent built in paper mode, verified and compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import pytest

from dataset_builder.build import build_release, write_built_release
from dataset_builder.changes import Changes, compare_releases
from dataset_builder.release import Release
from dataset_builder.report.pictures import small_jpeg
from dataset_builder.settings import BuildSettings
from dataset_builder.verify import Verification, verify_release


class Red:
    """A red picture of every frame; counts what it was asked."""

    def __init__(self):
        self.asked = []

    def jpeg(self, video_id, second):
        self.asked.append((video_id, second))
        return small_jpeg(PIL.Image.new("RGB", (640, 480), (255, 0, 0)))


@dataclass(frozen=True)
class Shown:
    """Two release folders, what verify says of the second, and what changed."""

    parent: Path
    folder: Path
    outcome: Verification
    changes: Changes

    @property
    def release(self) -> Release:
        return self.outcome.release


@pytest.fixture(scope="session")
def shown(make_snapshot, tmp_path_factory) -> Shown:
    folder = tmp_path_factory.mktemp("shown")
    snapshot = make_snapshot(n_clips=18, not_visible=0.1)
    settings = BuildSettings(mode="robust", tube_gap="filled_linearly")
    for version, chosen in (("1.0.0", BuildSettings()), ("2.0.0", settings)):
        release = build_release(snapshot, name="demo", version=version, settings=chosen)
        write_built_release(folder / version, release)
    paths = folder / "1.0.0", folder / "2.0.0"
    return Shown(*paths, verify_release(paths[1]), compare_releases(*paths))


@pytest.fixture
def red() -> Red:
    return Red()
