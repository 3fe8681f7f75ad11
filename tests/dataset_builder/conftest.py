"""Number-coded videos, made with PyAV: every picture tells which frame it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

BITS = 12
WIDTH, HEIGHT = 192, 108
MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class CodedVideo:
    """A written video: `times_s[n]` is when frame number n is shown, from the first one."""

    path: Path
    times_s: Sequence[float]

    def number_at(self, second: float) -> int:
        """Return which frame is shown nearest to a time, the earlier of two."""
        return min(range(len(self.times_s)), key=lambda n: (abs(self.times_s[n] - second), n))


@dataclass(frozen=True)
class Recipe:
    """How a coded video is encoded."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    codec_options: dict[str, str] = field(default_factory=lambda: {"g": "24", "bf": "2"})
    start_s: float = 0.0
    quarter_turns: int = 0
    sample_aspect: Fraction | None = None


def draw_number(number: int, quarter_turns: int = 0) -> np.ndarray:
    """Return a picture of 12 black or white bars, the frame's number, most significant bit left.

    A grey band along the top tells up from down. `quarter_turns` (counter-clockwise) is how a
    player will turn the picture: it is stored turned the other way.
    """
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(BITS):
        if number >> (BITS - 1 - bit) & 1:
            picture[:, bit * WIDTH // BITS : (bit + 1) * WIDTH // BITS] = 255
    picture[: HEIGHT // 4] = 128
    return np.ascontiguousarray(np.rot90(picture, -quarter_turns))


def read_number(picture: np.ndarray) -> int:
    """Return the number of a picture of any size; a picture that is not upright is refused."""
    height, width = picture.shape[:2]
    grey = picture.astype(float).mean(axis=2)
    assert abs(grey[: height // 8].mean() - 128) < 25, "the grey band is not at the top"
    number = 0
    for bit in range(BITS):
        centre = (bit * 2 + 1) * width // (2 * BITS)
        value = grey[height // 2 :, centre - 1 : centre + 1].mean()
        assert abs(value - 127.5) > 60, f"bar {bit} is neither black nor white: {value}"
        number = number * 2 + int(value > 127.5)
    return number


def write_coded_video(path: Path, times_s: Sequence[float], recipe: Recipe) -> CodedVideo:
    """Encode frames 0, 1, 2... shown at these times (whole milliseconds)."""
    with av.open(str(path), "w") as container:
        first = draw_number(0, recipe.quarter_turns)
        stream = container.add_stream(recipe.codec, rate=24, options=recipe.codec_options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = first.shape[1], first.shape[0]
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        if recipe.sample_aspect:
            stream.codec_context.sample_aspect_ratio = recipe.sample_aspect
        if recipe.quarter_turns:
            stream.set_display_rotation(90 * recipe.quarter_turns)
        for number, time_s in enumerate(times_s):
            picture = draw_number(number, recipe.quarter_turns)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round((time_s + recipe.start_s) * 1000)
            frame.time_base = MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return CodedVideo(path, times_s)


@pytest.fixture(scope="session")
def coded_video(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CodedVideo]:
    """Make a coded video, or return the one made before: `coded_video(times_s, **recipe)`."""
    made: dict[str, CodedVideo] = {}

    def make(times_s: Sequence[float], **recipe: Any) -> CodedVideo:
        key = repr((times_s, sorted(recipe.items())))
        if key not in made:
            chosen = Recipe(**recipe)
            path = tmp_path_factory.mktemp("coded") / f"coded{chosen.suffix}"
            # As root SVT-AV1 gives the thread that calls it the highest real-time priority, which
            # later tests' servers and browsers would inherit. This thread ends with the video.
            with ThreadPoolExecutor(1) as pool:
                made[key] = pool.submit(write_coded_video, path, times_s, chosen).result()
        return made[key]

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real videos and annotations; skip where it is absent."""
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("SHARED_DATA", root / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set SHARED_DATA)")
    return folder


@pytest.fixture(scope="session", name="read_number")
def read_number_fixture() -> Callable[[np.ndarray], int]:
    """Read the number of a picture: `read_number(image)`."""
    return read_number
