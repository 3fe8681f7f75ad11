"""The pictures that docs/formats.md tells to make CVAT's task of are those of the seconds."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_builder.frames import cut_frames

PAGE = (Path(__file__).parents[3] / "docs/formats.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## CVAT\n")[1].split("\n## ")[0]
EVEN = [n / 24 for n in range(80)]


@pytest.fixture
def video(coded_video, tmp_path, monkeypatch):
    """A coded video of 24 frames a second as v1.mp4 in the folder where commands are run."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(coded_video(EVEN).path, "v1.mp4")
    return Path("v1.mp4")


def numbers(read_number) -> dict[str, int]:
    """Return which frame each picture shows, by file name."""
    found = {}
    for path in sorted(Path("pictures").iterdir()):
        with Image.open(path) as picture:
            found[path.name] = read_number(np.asarray(picture.convert("RGB")))
    return found


@pytest.mark.usefixtures("video")
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_ffmpeg_as_documented_shows_the_frames_of_the_whole_seconds(read_number):
    (block,) = re.findall(r"```\n(mkdir .*?)```", SECTION, re.DOTALL)
    for line in block.splitlines():
        subprocess.run(shlex.split(line), check=True, capture_output=True)
    assert numbers(read_number) == {f"{n:06d}.jpg": 24 * n for n in range(4)}


def test_the_stores_pictures_are_copied_as_documented(video, read_number):
    cut_frames(video, Path("frames"), "v1")
    (code,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    exec(code, {})
    assert numbers(read_number) == {f"{n:06d}.jpg": 24 * n for n in range(4)}
