"""Videos that say which frame is which, in the containers and codecs that people have.

Each frame holds moving noise under 12 black or white bars, its number; the largest is 4,095. What a
player shows when is not taken from how the video was made, but read from one plain pass of PyAV.
"""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import PIL.Image

WIDTH, HEIGHT, FPS, BITS = 640, 360, 24, 12
MILLISECOND = Fraction(1, 1000)
CUT_FROM_S = 7.3
"""Where the cut begins that copies packets: between two key frames, so an edit list hides some."""

X264 = {"preset": "veryfast", "g": "48"}
OPEN_GOP = {**X264, "x264-params": "open-gop=1:scenecut=0:bframes=3:b-adapt=0"}


@dataclass(frozen=True)
class Kind:
    """How a video is made.

    `quarter_turns` (counter-clockwise) is how a player turns the stored picture. With `cut_from_s`
    the packets of a longer video are copied from there on.
    """

    suffix: str
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: X264)
    is_even: bool = True
    start_s: float = 0.0
    quarter_turns: int = 0
    cut_from_s: float = 0.0


KINDS = {
    "H.264 MP4": Kind(".mp4"),
    "H.264 Matroska": Kind(".mkv"),
    "H.264 MP4, uneven": Kind(".mp4", is_even=False),
    "H.264 MP4, starts late": Kind(".mp4", start_s=1.5),
    "H.264 MP4, open GOP": Kind(".mp4", options=OPEN_GOP),
    "H.264 MP4, turned": Kind(".mp4", quarter_turns=1),
    "H.264 MP4, edit list": Kind(".mp4", cut_from_s=CUT_FROM_S),
    "H.264 MPEG-TS": Kind(".ts"),
    "VP9 WebM": Kind(".webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "48"}),
    "AV1 MP4": Kind(".mp4", "libsvtav1", {"preset": "8", "g": "48"}),
}


def write_video(path: Path, kind: Kind, seconds: int) -> None:
    """Write a video of some seconds; an edit list wants the ffmpeg program."""
    encoded = path.with_name(f"whole{path.suffix}") if kind.cut_from_s else path
    # As root SVT-AV1 gives the thread that calls it real-time priority; it ends with this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_encode, encoded, kind, round(seconds + kind.cut_from_s)).result()
    if kind.cut_from_s:
        cut = ["ffmpeg", "-v", "error", "-ss", str(kind.cut_from_s), "-i", str(encoded)]
        subprocess.run([*cut, "-c", "copy", str(path)], check=True)
        encoded.unlink()


def _encode(path: Path, kind: Kind, seconds: int) -> None:
    rng = np.random.default_rng(0)
    small = PIL.Image.fromarray(rng.integers(0, 255, (23, 80, 3), dtype=np.uint8))
    noise = np.asarray(small.resize((2 * WIDTH, HEIGHT)))
    times_s = np.arange(seconds * FPS) / FPS
    if not kind.is_even:
        times_s[1:] += rng.uniform(-0.4, 0.4, len(times_s) - 1) / FPS
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind.codec, rate=FPS, options=kind.options)
        assert isinstance(stream, av.VideoStream)
        is_upright = kind.quarter_turns % 2 == 0
        stream.width, stream.height = (WIDTH, HEIGHT) if is_upright else (HEIGHT, WIDTH)
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        if kind.quarter_turns:
            stream.set_display_rotation(90 * kind.quarter_turns)
        for number, time_s in enumerate(times_s):
            picture = np.rot90(_picture(noise, number), -kind.quarter_turns)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round((time_s + kind.start_s) * 1000), MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _picture(noise: npt.NDArray[np.uint8], number: int) -> npt.NDArray[np.uint8]:
    offset = number * 3 % WIDTH
    picture = noise[:, offset : offset + WIDTH].copy()
    for bit in range(BITS):
        left, right = (edge * WIDTH // BITS for edge in (bit, bit + 1))
        picture[: HEIGHT // 4, left:right] = 255 * (number >> (BITS - 1 - bit) & 1)
    return picture


def read_number(grey: npt.NDArray[np.uint8]) -> int:
    """Return the number that an upright picture (height, width) spells, at any size."""
    height, width = grey.shape
    middles = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    return int("".join(str(int(grey[: height // 5, x].mean() > 127)) for x in middles), 2)


def numbers_by_second(path: Path, kind: Kind) -> list[int]:
    """Return the number shown nearest to each whole second after the first presented frame."""
    shown: list[tuple[float, int]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            grey = np.rot90(frame.to_ndarray(format="gray"), kind.quarter_turns)
            assert frame.time is not None
            shown.append((frame.time, read_number(grey)))
    times_s = np.array([time_s for time_s, _ in shown]) - shown[0][0]
    numbers = [number for _, number in shown]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise ValueError(f"{path}: its frames do not spell their numbers; the test video is bad")
    end_s = times_s[-1] + 1 / FPS
    seconds = range(int(np.ceil(round(end_s, 3))))
    return [numbers[int(np.abs(times_s - second).argmin())] for second in seconds]
