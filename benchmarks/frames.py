"""How fast, how right and how large is cutting a video to one frame a second?

    python benchmarks/frames.py [--seconds 60] [--pairs 3] [--only "VP9 WebM"] [--json]

Makes number-coded videos (640x360, 24 fps) of many containers and codecs. Each is cut in turn by
`cut_frames`, in a process of its own, and by the ffmpeg program, which decodes the same frames and
writes as many JPEGs of like quality (`-vf fps=1 -q:v 2`). A ratio is ffmpeg's time divided by ours:
above 1 we are faster. Every number is read back from the stored JPEGs.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import PIL.Image
from coded_videos import KINDS, Kind, numbers_by_second, read_number, write_video

from dataset_builder.frames import cut_frames, image_path
from dataset_builder.video_readers import choose_reader
from dataset_builder.video_survey import survey_video


@dataclass(frozen=True)
class Row:
    """What was measured on one kind of video; seconds are medians, `picture_kb` means."""

    kind: str
    reader: str
    frames: int
    wrong_frames: int
    cut_s: float
    cut_cpu_s: float
    picture_kb: float
    peak_mb: float
    ffmpeg_s: float | None = None
    ffmpeg_cpu_s: float | None = None
    ffmpeg_picture_kb: float | None = None
    ratio_to_ffmpeg: float | None = None
    cpu_ratio_to_ffmpeg: float | None = None


@click.command()
@click.option("--seconds", default=60, show_default=True, help="Length of each video.")
@click.option("--pairs", default=3, show_default=True, help="Runs of each program, in turn.")
@click.option("--only", multiple=True, type=click.Choice(list(KINDS)), help="A kind; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line at the end.")
def main(*, seconds: int, pairs: int, only: Sequence[str], as_json: bool) -> None:
    """Measure `cut_frames`."""
    os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder prints its settings otherwise
    has_ffmpeg = shutil.which("ffmpeg") is not None
    kinds = {name: KINDS[name] for name in only or KINDS}
    if not has_ffmpeg:
        print("no ffmpeg program on this machine: no ratio, no edit list", file=sys.stderr)
        kinds = {name: kind for name, kind in kinds.items() if not kind.cut_from_s}
    heads = ("reader", "frames", "wrong", "s", "CPU s", "kB", "MB", "ffmpeg s", "CPU s", "kB")
    print(_line("", *heads, "ratio", "CPU ratio"))
    rows = []
    for name, kind in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            row = measure(Path(folder), name, kind, seconds, pairs if has_ffmpeg else 0)
        print(_line(*("-" if value is None else value for value in asdict(row).values())))
        rows.append(row)
    ratios = [row.ratio_to_ffmpeg for row in rows if row.ratio_to_ffmpeg is not None]
    result = {
        "ratio_to_ffmpeg": min(ratios, default=None),
        "wrong_frames": sum(row.wrong_frames for row in rows),
        "peak_mb": max(row.peak_mb for row in rows),
        "load": round(os.getloadavg()[0], 1),
    }
    print(", ".join(f"{key} {value}" for key, value in result.items()))
    if as_json:
        print(json.dumps({**result, "kinds": [asdict(row) for row in rows]}))


def measure(folder: Path, name: str, kind: Kind, seconds: int, pairs: int) -> Row:
    """Make a video and cut it with both programs in turn, `pairs` times; 0 leaves ffmpeg out."""
    video = folder / f"coded{kind.suffix}"
    write_video(video, kind, seconds)
    expected = numbers_by_second(video, kind)
    ours, theirs = [], []
    for number in range(max(1, pairs)):
        ours.append(_in_own_process(_cut, video, folder / f"store{number}", expected))
        if pairs:
            target = folder / f"ffmpeg{number}"
            target.mkdir()
            theirs.append(_in_own_process(_run_ffmpeg, video, target))
    row = Row(
        kind=name,
        reader=ours[0]["reader"],
        frames=len(expected),
        wrong_frames=max(run["wrong_frames"] for run in ours),
        cut_s=_median(run["wall_s"] for run in ours),
        cut_cpu_s=_median(run["cpu_s"] for run in ours),
        picture_kb=_picture_kb(folder / "store0"),
        peak_mb=max(run["peak_mb"] for run in ours),
    )
    if not pairs:
        return row
    both = list(zip(ours, theirs, strict=True))
    return replace(
        row,
        ffmpeg_s=_median(run["wall_s"] for run in theirs),
        ffmpeg_cpu_s=_median(run["cpu_s"] for run in theirs),
        ffmpeg_picture_kb=_picture_kb(folder / "ffmpeg0"),
        ratio_to_ffmpeg=_median(b["wall_s"] / a["wall_s"] for a, b in both),
        cpu_ratio_to_ffmpeg=_median(b["cpu_s"] / a["cpu_s"] for a, b in both),
    )


def _in_own_process(function: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _cut(video: Path, store: Path, expected: Sequence[int]) -> dict[str, Any]:
    """Cut a video; libraries are loaded before, as they are once for a folder of videos."""
    choose_reader(survey_video(video))
    before_mb = _peak_mb(resource.RUSAGE_SELF)
    started, cpu_started = time.perf_counter(), time.process_time()
    found = cut_frames(video, store, "coded")
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    peak_mb = _peak_mb(resource.RUSAGE_SELF) - before_mb
    numbers = {}
    for frame in found.frames:
        with PIL.Image.open(image_path(store, frame.image_sha256)) as image:
            numbers[frame.second] = read_number(np.asarray(image.convert("L")))
    wanted = dict(enumerate(expected))
    wrong = sum(numbers.get(s) != wanted.get(s) for s in numbers.keys() | wanted.keys())
    return {
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mb": round(peak_mb),
        "wrong_frames": wrong,
        "reader": found.reader,
    }


def _run_ffmpeg(video: Path, folder: Path) -> dict[str, Any]:
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-vf", "fps=1", "-q:v", "2"]
    started = time.perf_counter()
    subprocess.run([*command, str(folder / "%05d.jpg")], check=True)
    wall_s = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall_s": wall_s, "cpu_s": usage.ru_utime + usage.ru_stime}


def _peak_mb(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def _picture_kb(folder: Path) -> float:
    sizes = [path.stat().st_size for path in folder.rglob("*.jpg")]
    return round(sum(sizes) / len(sizes) / 1000, 1)


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 2)


def _line(name: object, *cells: object) -> str:
    return f"{name!s:<24}" + "".join(f"{cell!s:>10}" for cell in cells)


if __name__ == "__main__":
    main()
