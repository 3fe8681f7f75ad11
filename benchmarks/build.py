"""How long a release of GroundingYouTube's size takes, and how much memory: `build`, whole.

A snapshot with 26,987 frames and five answers each is generated, then `dataset-builder build` runs
on one core as a program of its own, so that start-up, reading, heatmap peaks, all tables and all
digests are inside the measured time. A second run at ten times the size shows what grows how.

    python benchmarks/build.py [--frames N] [--times 10] [--mode robust] [--json]
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from dataset_builder.domain import Action, Clip, Segment, Video, clip_id_for, frame_seconds
from dataset_builder.geometry import Point
from dataset_builder.snapshot import AnswerRow, FrameRow, write_snapshot

N_ACTIONS, N_PEOPLE, REDUNDANCY, CLIPS_A_VIDEO = 512, 200, 5, 20
NOT_VISIBLE, ERROR = 0.2, 0.03
SHAPES = ((1920, 1080), (1280, 720), (640, 480))


@dataclass(frozen=True)
class Outcome:
    """One measured build."""

    frames: int
    answers: int
    seconds: float
    cpu_seconds: float
    peak_mb: float


def write_generated_snapshot(path: Path, n_frames: int, rng: np.random.Generator) -> int:
    """Write a snapshot with this many frames, in clips of 1 to 10 s; return the answers' count."""
    actions = [Action(f"action-{i}", f"do thing {i}") for i in range(N_ACTIONS)]
    videos: list[Video] = []
    clips: list[Clip] = []
    frames: list[FrameRow] = []
    start_s = 0.0
    while len(frames) < n_frames:
        if len(clips) % CLIPS_A_VIDEO == 0:
            name = f"video{len(videos):05d}"
            videos.append(Video(name, *SHAPES[len(videos) % len(SHAPES)], 3600.0, _sha(name)))
            start_s = 0.0
        length = min(int(rng.integers(1, 11)), n_frames - len(frames))
        segment = Segment(start_s, start_s + length)
        start_s += length + 3
        action_id = actions[int(rng.integers(N_ACTIONS))].action_id
        clip_id = clip_id_for(videos[-1].video_id, segment, action_id)
        clips.append(Clip(clip_id, videos[-1].video_id, action_id, segment))
        for second in frame_seconds(segment)[0]:
            image = _sha(f"{clip_id}/{second}")
            size = (videos[-1].width, videos[-1].height)
            frames.append(FrameRow(clip_id, second, float(second), image, *size, REDUNDANCY))
    answers = [answer for frame in frames for answer in _answers(frame, rng)]
    write_snapshot(
        path,
        snapshot_id="generated",
        videos=videos,
        actions=actions,
        clips=clips,
        frames=frames,
        answers=answers,
    )
    return len(answers)


def _answers(frame: FrameRow, rng: np.random.Generator) -> list[AnswerRow]:
    people = rng.integers(N_PEOPLE) + np.arange(REDUNDANCY)
    places = np.clip(rng.random(2) + rng.normal(0, ERROR, (REDUNDANCY, 2)), 0, 1)
    visible = rng.random(REDUNDANCY) >= NOT_VISIBLE
    return [
        AnswerRow(
            frame.clip_id,
            frame.second,
            f"person-{person}",
            Point(float(x), float(y)) if is_visible else None,
            ms_taken=1500,
        )
        for person, (x, y), is_visible in zip(people, places, visible, strict=True)
    ]


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def measure(folder: Path, n_frames: int, mode: str) -> Outcome:
    """Generate a snapshot and build it once, on one core where the system can say so."""
    snapshot, release = folder / f"snapshot-{n_frames}", folder / f"release-{n_frames}"
    # In a process of its own: the system counts what this one holds as the peak of its children.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as generating:
        rng = np.random.default_rng(0)
        n_answers = generating.submit(write_generated_snapshot, snapshot, n_frames, rng).result()
    command = [sys.executable, "-m", "dataset_builder.cli", "build", str(snapshot), str(release)]
    command += ["--name", "generated", "--version", "1.0.0", "--set", f"mode={mode}", "--json"]
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"build failed with status {status}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    cpu_seconds = round(usage.ru_utime + usage.ru_stime, 2)
    return Outcome(n_frames, n_answers, round(seconds, 2), cpu_seconds, round(kilobytes / 1024, 1))


@click.command()
@click.option("--frames", default=26_987, show_default=True, help="Frames of the release.")
@click.option("--times", default=10, show_default=True, help="How many times as large; 1: no more.")
@click.option("--mode", type=click.Choice(["paper", "robust"]), default="paper", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def main(*, frames: int, times: int, mode: str, as_json: bool) -> None:
    """Build generated releases on one core and print time and memory."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    click.echo(f"{'frames':>8} {'answers':>9} {'seconds':>8} {'CPU s':>7} {'peak MB':>8}")
    outcomes = []
    for size in (frames, times * frames)[: 1 if times == 1 else 2]:
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(measure(Path(folder), size, mode))
        outcome = outcomes[-1]
        click.echo(
            f"{outcome.frames:>8,} {outcome.answers:>9,} {outcome.seconds:>8.2f} "
            f"{outcome.cpu_seconds:>7.2f} {outcome.peak_mb:>8.1f}"
        )
    one, last = outcomes[0], outcomes[-1]
    ratios = {
        name: round(getattr(last, name) / getattr(one, name), 2)
        for name in ("frames", "seconds", "cpu_seconds", "peak_mb")
    }
    load = round(os.getloadavg()[0], 1)
    click.echo("ratios: " + ", ".join(f"{name} {ratio}" for name, ratio in ratios.items()))
    click.echo(f"load {load}")
    if as_json:
        more = {"times": asdict(last), "ratios": ratios, "load": load}
        click.echo(json.dumps(asdict(one) | more))


if __name__ == "__main__":
    main()
