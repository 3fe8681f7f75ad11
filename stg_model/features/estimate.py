"""What an extraction will take, said before it starts: disk and time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataset_builder.console import progress
from dataset_builder.errors import VideoError
from dataset_builder.video_survey import survey_video
from stg_model.features.encoder import Encoder

SAMPLE_S = 8
"""Seconds of the first video that are read twice, the second time by the clock."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of some videos: how many, their length, and what one second of them takes."""

    n_videos: int
    length_s: float
    bytes_per_s: float
    seconds_per_s: float

    def text(self, n_processes: int) -> str:
        """Return one line for people.

        >>> Estimate(2, 5400, 51_200, 0.1).text(2)
        '2 videos, 1 h 30 min: about 0.28 GB and 4 min 30 s in 2 processes'
        """
        size = f"about {self.length_s * self.bytes_per_s / 1e9:.2g} GB"
        took = _duration(self.length_s * self.seconds_per_s / n_processes)
        where = f"{n_processes} processes" if n_processes > 1 else "one process"
        videos = "1 video" if self.n_videos == 1 else f"{self.n_videos} videos"
        return f"{videos}, {_duration(self.length_s)}: {size} and {took} in {where}"


def estimated(videos: Mapping[str, Path], encoder: Encoder) -> Estimate | None:
    """Time a few seconds of the first readable video; None where there is none."""
    lengths_s = dict(_lengths(videos))
    for video_id, length_s in lengths_s.items():
        path, seconds = videos[video_id], np.arange(max(1, min(SAMPLE_S, int(length_s))))
        try:
            encoder.read(path, seconds[:1], length_s)  # first calls are slow
            began = time.perf_counter()
            values = encoder.read(path, seconds, length_s)
        except VideoError:
            continue
        spent_s, n = time.perf_counter() - began, len(seconds)
        return Estimate(len(videos), sum(lengths_s.values()), values.nbytes / n, spent_s / n)
    return None


def _lengths(videos: Mapping[str, Path]) -> Iterator[tuple[str, float]]:
    """Yield the length of each readable video, seconds; nothing is decoded for it."""
    for video_id, path in progress(videos.items(), "lengths", len(videos)):
        with contextlib.suppress(VideoError):
            yield video_id, survey_video(path).duration_s


def _duration(seconds: float) -> str:
    """Return a length of time in its two largest units.

    >>> _duration(59.6), _duration(3660), _duration(200_000)
    ('1 min', '1 h 1 min', '2 d 7 h')
    """
    whole = round(seconds)
    units = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    parts = []
    for size, name in units:
        count, whole = divmod(whole, size)
        parts.append((count, name))
    first = next((i for i, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{n} {name}" for n, name in parts[first : first + 2] if n) or "0 s"
