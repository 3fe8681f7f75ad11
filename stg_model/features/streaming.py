"""Frames of a video in blocks, so that an hour of video needs no more memory than a minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dataset_builder import frames
from dataset_builder.errors import VideoError
from dataset_builder.video_readers import Damage, choose_reader, read_with_pyav
from dataset_builder.video_survey import Survey, survey_video

BLOCK_FRAMES = 256
"""Frames of 224 x 224 pixels read at once: 39 MB."""


def frames_in_blocks(
    path: Path, times_s: np.ndarray, size: tuple[int, int], n_block: int = BLOCK_FRAMES
) -> Iterator[np.ndarray]:
    """Yield the frames shown nearest to some times, a block at a time.

    decord decodes ahead without bound while its caller works, so it is opened anew for each block;
    PyAV waits, and would have to decode from the start again.

    Args:
        path: the video.
        times_s: (n,) seconds, rising.
        size: (width, height) of the frames in pixels.
        n_block: frames of a block; the last may be shorter.

    Yields:
        (frames, height, width, 3) uint8, RGB, upright.

    Raises:
        VideoError: the file cannot be read, or shows nothing at one of the times.
    """
    survey = survey_video(path)
    if choose_reader(survey, times_s.tolist()).reader == "pyav":
        yield from _from_pyav(survey, times_s, size, n_block)
        return
    for start in range(0, len(times_s), n_block):
        yield frames.read_frames_at(path, times_s[start : start + n_block].tolist(), size)


def _from_pyav(
    survey: Survey, times_s: np.ndarray, size: tuple[int, int], n_block: int
) -> Iterator[np.ndarray]:
    damage = Damage(survey)
    shown = read_with_pyav(survey, times_s.tolist(), size, damage)
    for start in range(0, len(times_s), n_block):
        block: list[np.ndarray] = []
        for wanted in range(start, min(start + n_block, len(times_s))):
            frame = next(shown, None)
            if frame is None or frame.wanted != wanted:
                what = damage.first or f"ends at {survey.duration_s:.2f} s"
                raise VideoError(
                    f"{survey.path}: {what}, so it shows nothing at {times_s[wanted]:g} s; "
                    "get the video again"
                )
            block.append(frame.image)
        yield np.stack(block)
