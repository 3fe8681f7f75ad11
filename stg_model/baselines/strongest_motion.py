"""The place that changes most within a quarter of a second.

Two frames, at `s` and `s + 0.25` (at most the video's end), both 56x56 and grey; their absolute
difference, averaged over every square of 9x9 pixels (a sixth of the frame's sides; the edge is
repeated outward), is largest somewhere: the centre of that square is the answer. Where nothing
moved it is the frame's middle. Its box has half the frame's width and height round the point, cut
at the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from dataset_builder import console
from dataset_builder.errors import InputError
from dataset_builder.frames import probe_video, read_frames_at
from dataset_builder.fusion.boxes import union_box
from dataset_builder.geometry import Point
from dataset_builder.predictions import PointPrediction, Predictions, System
from dataset_builder.release import Release
from stg_model.baselines.queries import Query, frame_queries

SIDE_PX = 56
SQUARE_PX = 9
STEP_S = 0.25
HALF_A_SIDE = 0.25
"""Of the box, as a fraction of the frame's sides."""


def strongest_motion(
    release: Release, videos: Mapping[str, Path], clips: str = "all"
) -> Predictions:
    """Answer the frames of the release from their videos; it names no actions.

    Args:
        release: says which seconds of which videos.
        videos: the file of each video, by id.
        clips: `benchmark` reads the videos of benchmark clips only.

    Raises:
        InputError: a video is missing; it is named before any is read.
        VideoError: a video cannot be read.
    """
    queries = frame_queries(release, clips)
    by_video = {v: list(found) for v, found in groupby(queries, key=lambda query: query[0])}
    for video_id in by_video:
        if video_id not in videos:
            raise InputError(f"video {video_id!r} of release {release.name!r} has no file")
    points: dict[Query, PointPrediction] = {}
    for video_id in console.progress(by_video, "strongest motion"):
        seconds = sorted({second for _, second, _ in by_video[video_id]})
        places = dict(zip(seconds, motion_points(videos[video_id], seconds), strict=True))
        for query in by_video[video_id]:
            place = places[query[1]]
            box = union_box([place], HALF_A_SIDE, HALF_A_SIDE)
            points[query] = PointPrediction(*query, place, box)
    return Predictions(System(name="strongest motion", supervision="none"), points=points)


def motion_points(path: Path, seconds: list[int]) -> list[Point]:
    """Return where each second moves most."""
    end_s = probe_video(path).duration_s
    times = [time for second in seconds for time in (second, min(second + STEP_S, end_s))]
    frames = read_frames_at(path, times, (SIDE_PX, SIDE_PX)).astype(np.float64).mean(axis=-1)
    return [
        strongest(before, after) for before, after in zip(frames[::2], frames[1::2], strict=True)
    ]


def strongest(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> Point:
    """Return the centre of the pixel round which two grey images, both (rows, cols), differ most.

    Of equal places the first in reading order; the middle where they do not differ at all.
    """
    change = np.abs(after - before)
    if not change.any():
        return Point(0.5, 0.5)
    blurred = uniform_filter(change, SQUARE_PX, mode="nearest")
    row, col = np.unravel_index(np.argmax(blurred), blurred.shape)
    return Point((float(col) + 0.5) / change.shape[1], (float(row) + 0.5) / change.shape[0])
