"""A frame store of two videos, 6 s each: wide "v1" and upright "v2"."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.frames import cut_frames

FPS = 8


@pytest.fixture(scope="session")
def store(coded_video, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    times_s = [n / FPS for n in range(6 * FPS)]
    cut_frames(coded_video(times_s).path, folder, "v1")
    cut_frames(coded_video(times_s, quarter_turns=1).path, folder, "v2")
    return folder
