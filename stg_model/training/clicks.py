"""Clips of a release that may be learned from, with their clicks on the regions' grid.

Whole videos are left out where one of their clips is scored (`is_benchmark`) or belongs to another
split: systems are compared on those, and thresholds found.

Legend: C clips of a batch, U seconds of a window, N regions of a frame (row-major).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dataset_builder.domain import Clip
from dataset_builder.errors import InputError
from dataset_builder.fusion.heatmap import heatmap
from dataset_builder.geometry import Point
from dataset_builder.release import Release
from stg_model.settings import FineTuningSettings
from stg_model.training.dataset import cut
from stg_model.training.inputs import Inputs
from stg_model.training.processes import Processes

POINTS_A_CELL = 16
"""Densities are summed over so many points across a region; sigma is often below its side."""


@dataclass(frozen=True, slots=True)
class AnsweredFrame:
    """The answers of one frame: `density_N` of its clicks sums to 1 (zeros without a click).

    `visible` is the share of clicks among the answers, 0..1.
    """

    second: int
    density_N: Tensor
    visible: float


@dataclass(frozen=True, slots=True)
class ClickedClip:
    """One clip, its video's actions (its own among them), and its answered frames by time."""

    clip: Clip
    description: str
    pool: tuple[str, ...]
    frames: tuple[AnsweredFrame, ...]


@dataclass(frozen=True, slots=True)
class ClickedWindow:
    """What a batch holds of a clip: a window of its video and the answered frames in it.

    `inputs_U` is None in a process that does not see this clip.
    """

    found: ClickedClip
    first: int
    frames: tuple[AnsweredFrame, ...]
    inputs_U: Tensor | None
    mask_U: Tensor | None


def videos_to_learn_from(release: Release, split: str) -> frozenset[str]:
    """Return the videos all of whose clips are of this split and none is scored.

    Raises:
        InputError: there is none; the splits that there are, are named.
    """
    refused = {c.video_id for c in release.clips if c.is_benchmark or c.split != split}
    videos = frozenset(clip.video_id for clip in release.clips) - refused
    if not videos:
        splits = sorted({clip.split for clip in release.clips})
        raise InputError(
            f"release {release.name} {release.version} has no video to learn from: none is wholly "
            f"of split {split!r} and unscored (it has the splits {', '.join(splits)}); see --split"
        )
    return videos


def clicked_clips(
    release: Release, videos: frozenset[str], side: int, sigma: float
) -> tuple[ClickedClip, ...]:
    """Return the clips of some videos that have answers, in the order of their ids.

    Args:
        release: where clips and answers come from.
        videos: whose clips are taken.
        side: regions across a frame.
        sigma: standard deviation of the Gaussian round a click, as a share of the diagonal.

    Raises:
        InputError: nobody clicked in these videos.
    """
    answers: defaultdict[tuple[str, int], list[Point | None]] = defaultdict(list)
    for answer in release.answers:
        answers[answer.clip_id, answer.second].append(answer.point)
    size_of = {(f.clip_id, f.second): (f.width, f.height) for f in release.frames}
    by_clip: defaultdict[str, list[AnsweredFrame]] = defaultdict(list)
    for key in sorted(answers):
        by_clip[key[0]].append(_frame(key[1], answers[key], size_of[key], side, sigma))
    descriptions = {action.action_id: action.description for action in release.actions}
    pools: defaultdict[str, set[str]] = defaultdict(set)
    for clip in release.clips:
        pools[clip.video_id].add(descriptions[clip.action_id])
    found = tuple(
        ClickedClip(
            clip,
            descriptions[clip.action_id],
            tuple(sorted(pools[clip.video_id])),
            tuple(by_clip[clip.clip_id]),
        )
        for clip in sorted(release.clips, key=lambda clip: clip.clip_id)
        if clip.video_id in videos and by_clip[clip.clip_id]
    )
    if not any(frame.visible for one in found for frame in one.frames):
        raise InputError(f"release {release.name} {release.version}: no click in these videos")
    return found


class ClickedClips:
    """Draws windows of clips; like narrated batches, by the seed and the step alone."""

    def __init__(
        self,
        clips: Sequence[ClickedClip],
        inputs: Mapping[str, Inputs],
        settings: FineTuningSettings,
        seed: int,
        processes: Processes,
    ) -> None:
        self.clips, self.inputs, self.settings, self.seed = clips, inputs, settings, seed
        self.n_clips = processes.shared(min(settings.clips, len(clips)), "fine_tuning.clips")
        self.own = processes.own

    def batch(self, step: int) -> list[ClickedWindow]:
        """Return a step's windows; those of other processes come without their pictures."""
        rng = np.random.default_rng([self.seed, step, 1])
        chosen = rng.choice(len(self.clips), self.n_clips, replace=False).tolist()
        shares = rng.random(self.n_clips).tolist()
        own = set(range(self.n_clips)[self.own])
        return [
            self._window(self.clips[number], share, place in own)
            for place, (number, share) in enumerate(zip(chosen, shares, strict=True))
        ]

    def _window(self, found: ClickedClip, share: float, is_own: bool) -> ClickedWindow:
        n_seconds = self.settings.window_s
        first = first_of(found, n_seconds, share)
        inputs_F = self.inputs[found.clip.video_id]
        end = min(first + n_seconds, len(inputs_F))
        inside = tuple(frame for frame in found.frames if first <= frame.second < end)
        if not is_own:
            return ClickedWindow(found, first, inside, None, None)
        return ClickedWindow(found, first, inside, *cut(inputs_F, first, n_seconds))


def first_of(found: ClickedClip, n_seconds: int, share: float) -> int:
    """Return a window's first second: the clip in its middle, or a part of a longer clip.

    Args:
        found: the clip.
        n_seconds: length of the window.
        share: 0..1, which part of a clip longer than the window.
    """
    first, last = found.frames[0].second, found.frames[-1].second
    longer = last + 1 - first - n_seconds
    if longer > 0:
        return first + min(int(share * (longer + 1)), longer)
    return first + longer // 2


def _frame(
    second: int,
    points: Sequence[Point | None],
    size: tuple[int, int],
    side: int,
    sigma: float,
) -> AnsweredFrame:
    clicks = [point for point in points if point is not None]
    density_N = torch.zeros(side * side)
    if clicks:
        fine = heatmap(clicks, size, grid=(side * POINTS_A_CELL,) * 2, sigma=sigma)
        cells = fine.reshape(side, POINTS_A_CELL, side, POINTS_A_CELL).sum((1, 3))
        density_N = torch.from_numpy(cells).float().flatten()
    return AnsweredFrame(second, density_N, len(clicks) / len(points))


def side_of(n_regions: int) -> int:
    """Return how many regions a frame has across.

    Raises:
        InputError: they form no square.
    """
    side = math.isqrt(n_regions)
    if side * side != n_regions:
        raise InputError(f"fine-tuning needs a square grid of regions, the encoder has {n_regions}")
    return side
