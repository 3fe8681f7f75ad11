"""One video of any length: its seconds are read, scored and placed block by block.

What was read waits in a temporary file, since a label may need all scores of the video first
(Otsu's tau) and a place needs its label. Memory holds one block, and for each second of the video
about 2 kB of what is said in the end.

Legend: F seconds of the video, J actions, G side of the heat map.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from dataset_builder import frames
from dataset_builder.console import progress
from dataset_builder.domain import Action
from dataset_builder.predictions import PointPrediction, SecondPrediction
from stg_model.features.encoder import Encoder
from stg_model.features.store import VideoFeatures, whole_seconds
from stg_model.inference.grounding import (
    VideoScores,
    heat_at,
    no_heat,
    point_predictions,
    score_video,
    second_predictions,
    smoothed,
    warn_of_unheard,
)
from stg_model.training.checkpoint import Checkpoint

BLOCK_S = 64
"""Seconds read and scored at once, up to a whole roll-out window."""

SEQUENTIAL_BYTES = 32_000_000
"""Decoding begins anew with each block, for many videos at their first frame, so what is read at
once are as many seconds as so many bytes of features: all of most videos."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """What is said of one video: each second, and where, for those that name an action.

    `heat` is (points, G, G) float16 in 0..1, what each point was read from; None where it was not
    asked for or there is no point.
    """

    seconds: list[SecondPrediction]
    points: list[PointPrediction]
    heat: np.ndarray | None = None


def ground_streamed(
    checkpoint: Checkpoint,
    path: Path,
    video_id: str,
    actions: Sequence[Action],
    *,
    with_heat: bool = False,
) -> Grounded:
    """Say what happens when and where in one video, as if it had been scored whole.

    Raises:
        VideoError: the video cannot be read, or is cut off.
    """
    inference = checkpoint.settings.inference
    warn_of_unheard(checkpoint, video_id, actions)
    with tempfile.TemporaryFile() as file:
        stored = _StoredBlocks(file)
        n_past = stored.fill(checkpoint.encoder, path, _block_s(checkpoint))
        block_scores = [
            score_video(_unsmoothed(checkpoint), features, actions, with_heat=False)
            for _, features in stored.blocks(video_id)
        ]
        similarity_FJ = smoothed(
            np.concatenate([scores.similarity_FJ for scores in block_scores]), inference.smoothing_s
        )
        first = block_scores[0]
        whole = VideoScores(
            video_id, first.actions, similarity_FJ, no_heat(), first.unheard, n_past
        )
        seconds = second_predictions(whole, inference.background_threshold)
        placed = list(_placed(checkpoint, stored, whole, seconds, with_heat=with_heat))
    heat = [one.heat for one in placed if one.heat is not None]
    points = [point for one in placed for point in one.points]
    return Grounded(seconds, points, np.concatenate(heat) if heat else None)


def _placed(
    checkpoint: Checkpoint,
    stored: _StoredBlocks,
    whole: VideoScores,
    seconds: Sequence[SecondPrediction],
    *,
    with_heat: bool,
) -> Iterator[Grounded]:
    """Yield the points of each block, for what its seconds name; `whole` has their scores."""
    action_of = {action.action_id: action for action in whole.actions}
    number = {action.action_id: j for j, action in enumerate(whole.actions)}
    for start, features in progress(stored.blocks(whole.video_id), "place", total=stored.n_blocks):
        labelled = seconds[start : start + len(features.values)]
        named = [(s.second - start, s.action_id) for s in labelled if s.action_id is not None]
        if not named:
            continue
        asked = [action_of[action_id] for action_id in sorted({one for _, one in named})]
        scores = score_video(_unsmoothed(checkpoint), features, asked)
        found = point_predictions(scores, named, checkpoint.settings.inference)
        heat = heat_at(scores, found) if with_heat else None
        points = [
            replace(
                point,
                second=start + point.second,
                score=float(whole.similarity_FJ[start + point.second, number[point.action_id]]),
            )
            for point in found
        ]
        yield Grounded([], points, heat)


class _StoredBlocks:
    """Features in a file, in blocks of one length."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._n_block, self._n, self._n_past = file, 1, 0, 0
        self._shape: tuple[int, ...] = ()
        self._dtype = np.dtype(np.uint8)

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return math.ceil(self._n / self._n_block)

    def fill(self, encoder: Encoder, path: Path, n_block: int) -> int:
        """Read a video into the file; returns how many of its seconds begin after its end.

        Raises:
            VideoError: the video cannot be read, or is cut off.
        """
        probe = frames.probe_video(path, whole=True)
        n_seconds, self._n_past = whole_seconds(probe.duration_s)
        self._n, self._n_block = n_seconds + self._n_past, n_block
        (one,) = encoder.read(path, np.arange(1), probe.duration_s)
        n_block = max(n_block, SEQUENTIAL_BYTES // one.nbytes)
        starts = range(0, self._n, n_block)
        for start in progress(starts, "read", total=len(starts)):
            seconds = np.arange(start, min(start + n_block, self._n))
            values = encoder.read(path, seconds, probe.duration_s)
            self._shape, self._dtype = values.shape[1:], values.dtype
            self._file.write(np.ascontiguousarray(values).data)
        return self._n_past

    def blocks(self, video_id: str) -> Iterator[tuple[int, VideoFeatures]]:
        """Yield each block with its first second; the last tells how much of it is past the end."""
        n_values = math.prod(self._shape)
        for start in range(0, self._n, self._n_block):
            n_seconds = min(self._n_block, self._n - start)
            self._file.seek(start * n_values * self._dtype.itemsize)
            data = self._file.read(n_seconds * n_values * self._dtype.itemsize)
            values = np.frombuffer(bytearray(data), self._dtype).reshape(n_seconds, *self._shape)
            n_past = max(0, start + n_seconds - (self._n - self._n_past))
            yield start, VideoFeatures(video_id, "", values, n_past)


def _block_s(checkpoint: Checkpoint) -> int:
    window = checkpoint.settings.inference.window_s
    return max(1, BLOCK_S // window) * window


def _unsmoothed(checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint without smoothing, which would see the ends of each block."""
    settings = checkpoint.settings
    inference = replace(settings.inference, smoothing_s=1)
    return replace(checkpoint, settings=replace(settings, inference=inference))
