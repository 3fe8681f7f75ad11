"""How fast, how right and how large is cutting a video to one frame a second?

    python benchmarks/frames.py [--seconds 90] [--json]

Makes a number-coded H.264 video (640x360, 24 fps), cuts all its seconds in a process of its own,
and reads each number back from the stored JPEGs. Beside it stands one pass of the ffmpeg program
over the same video, where it is installed: it decodes the same frames and writes as many JPEGs.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import click
import numpy as np
import PIL.Image

from dataset_builder.frames import cut_frames, image_path, read_frames_at

WIDTH, HEIGHT, FPS, BITS = 640, 360, 24, 12


@click.command()
@click.option("--seconds", default=90, show_default=True, help="Length of the video.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line.")
def main(seconds: int, as_json: bool) -> None:
    """Measure `cut_frames`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = folder / "coded.mp4"
        write_coded_video(video, seconds)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            cut_s, peak_mb, wrong = pool.apply(cut_and_check, (video, folder / "store"))
        ffmpeg_s = time_ffmpeg(video, folder)
        small_s = time_small_reads(video, seconds)
    result = {
        "ratio_to_ffmpeg": None if ffmpeg_s is None else round(cut_s / ffmpeg_s, 2),
        "wrong_frames": wrong,
        "peak_mb": round(peak_mb),
        "video_s": seconds,
        "cut_s": round(cut_s, 2),
        "times_real_time": round(seconds / cut_s, 1),
        "read_150_small_s": round(small_s, 3),
    }
    if as_json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:<18} {'-' if value is None else value}")
    if ffmpeg_s is None:
        print("no ffmpeg program on this machine: no ratio", file=sys.stderr)


def write_coded_video(path: Path, seconds: int) -> None:
    """Encode moving noise under 12 bars that spell the frame's number."""
    rng = np.random.default_rng(0)
    small = PIL.Image.fromarray(rng.integers(0, 255, (23, 80, 3), dtype=np.uint8))
    noise = np.asarray(small.resize((2 * WIDTH, HEIGHT)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(seconds * FPS):
            offset = number * 3 % WIDTH
            picture = noise[:, offset : offset + WIDTH].copy()
            for bit in range(BITS):
                left, right = (edge * WIDTH // BITS for edge in (bit, bit + 1))
                picture[: HEIGHT // 4, left:right] = 255 * (number >> (BITS - 1 - bit) & 1)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def read_number(path: Path) -> int:
    """Return the number that a stored JPEG spells."""
    with PIL.Image.open(path) as image:
        bars = np.asarray(image.convert("L"))[: HEIGHT // 5]
    middles = [(2 * bit + 1) * WIDTH // (2 * BITS) for bit in range(BITS)]
    return int("".join(str(int(bars[:, x].mean() > 127)) for x in middles), 2)


def cut_and_check(video: Path, store: Path) -> tuple[float, float, int]:
    """Cut a video; return seconds taken, memory added at the peak (MB), and wrong frames."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    cut = cut_frames(video, store, "coded")
    took = time.perf_counter() - started
    peak_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    wrong = sum(
        read_number(image_path(store, frame.image_sha256)) != frame.second * FPS
        for frame in cut.frames
    )
    return took, peak_mb, wrong


def time_ffmpeg(video: Path, folder: Path) -> float | None:
    """Return the seconds that ffmpeg takes for as many JPEGs, None where it is not installed."""
    if shutil.which("ffmpeg") is None:
        return None
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-vf", "fps=1", "-q:v", "3"]
    started = time.perf_counter()
    subprocess.run([*command, str(folder / "%05d.jpg")], check=True)
    return time.perf_counter() - started


def time_small_reads(video: Path, seconds: int) -> float:
    """Return the seconds that 150 pictures of 56x56 take, as features want them."""
    times = np.linspace(0, seconds - 1, 150).tolist()
    started = time.perf_counter()
    read_frames_at(video, times, (56, 56))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
