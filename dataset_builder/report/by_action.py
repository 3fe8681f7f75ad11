"""The actions of a release: how much there is of each, and how well people agree on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from dataset_builder.fusion.agreement import UNIMODAL
from dataset_builder.release import Release
from dataset_builder.report.agreement import MOST_DISTANCE, PERCENT
from dataset_builder.report.intervals import Mean, VideoBootstrap
from dataset_builder.report.places import FramePlaces


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action; distances and areas in percent, shares in 0..1, None where there is none.

    `strip` is where the distance and its interval lie on a line of `MOST_DISTANCE`, in percent.
    """

    name: str
    n_clips: int
    n_frames: int
    share_boxed: float | None
    distance: Mean
    strip: tuple[float, float, float] | None
    share_unimodal: float | None
    box_area: float | None


def action_rows(release: Release, places: FramePlaces, draws: VideoBootstrap) -> list[ActionRow]:
    """Return the actions that have a clip, those with most frames first."""
    clips = Counter(clip.action_id for clip in release.clips)
    action_of = {clip.clip_id: clip.action_id for clip in release.clips}
    frames = Counter(action_of[frame.clip_id] for frame in release.frames)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for frame in release.frames:
        if frame.agreement:
            labels[action_of[frame.clip_id]][frame.agreement] += 1
    areas: dict[str, list[float]] = defaultdict(list)
    for (clip_id, _), box in release.boxes.items():
        areas[action_of[clip_id]].append(PERCENT * box.area)
    distances = draws.means(
        PERCENT * places.distance_f, places.videos_f, places.actions_f, len(release.actions)
    )
    rows = []
    for action, distance in zip(release.actions, distances, strict=True):
        name = action.action_id
        if not clips[name]:
            continue
        mine, labelled = areas[name], labels[name]
        rows.append(
            ActionRow(
                action.description,
                clips[name],
                frames[name],
                len(mine) / frames[name] if frames[name] else None,
                distance,
                strip(distance),
                labelled[UNIMODAL] / labelled.total() if labelled else None,
                float(np.median(mine)) if mine else None,
            )
        )
    return sorted(rows, key=lambda row: (-row.n_frames, -row.n_clips, row.name))


def strip(found: Mean) -> tuple[float, float, float] | None:
    """Return the value, the begin and the width of the interval in percent of the line."""
    if found.value is None:
        return None
    low, high = found.interval or (found.value, found.value)
    value, low, high = (
        round(100 * min(x, MOST_DISTANCE) / MOST_DISTANCE, 1) for x in (found.value, low, high)
    )
    return value, low, round(high - low, 1)
