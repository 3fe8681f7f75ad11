"""Which frames and tubes the page shows: some whatever they are, and those to look at first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dataset_builder.geometry import box_iou
from dataset_builder.release import Consensus, Release, Tube
from dataset_builder.report.places import FramePlaces

T = TypeVar("T")

N_EVEN = 9
N_FURTHEST = 6
N_OF_A_REASON = 2
N_BESIDE = 3
N_TUBES = 4
MOST_SECONDS = 12


@dataclass(frozen=True, slots=True)
class FrameSet:
    """Frames that are shown together, and how they were chosen."""

    title: str
    chosen: str
    frames: tuple[Consensus, ...]


@dataclass(frozen=True, slots=True)
class TubeStrip:
    """A tube, and the seconds of it that are shown: all between its ends, or some of them."""

    tube: Tube
    seconds: tuple[int, ...]


def frame_sets(release: Release, places: FramePlaces) -> list[FrameSet]:
    """Return the frames to show, in sets; a set without frames is left out."""
    boxed = [f for f in release.frames if (f.clip_id, f.second) in release.boxes]
    even = evenly(boxed, N_EVEN)
    sets = [
        FrameSet(
            "A look at the frames",
            f"{len(even)} of the {len(boxed):,} frames with a box, at even distances in the order "
            "of clip and second, whatever people said.",
            tuple(even),
        )
    ]
    order = np.argsort(-places.distance_f, kind="stable").tolist()
    furthest = [release.frames[i] for i in order if not np.isnan(places.distance_f[i])]
    sets.append(
        FrameSet(
            "Where people differ most",
            "The largest mean distance between two clicks; one frame of a clip.",
            tuple(_one_a_clip(furthest, N_FURTHEST)),
        )
    )
    sets.append(_without_box(release))
    if release.beside:
        sets.append(_beside(release, boxed))
    return [found for found in sets if found.frames]


def _without_box(release: Release) -> FrameSet:
    by_reason: dict[str, list[Consensus]] = {}
    for frame in release.frames:
        if frame.reason:
            by_reason.setdefault(frame.reason, []).append(frame)
    chosen = [f for _, mine in sorted(by_reason.items()) for f in evenly(mine, N_OF_A_REASON)]
    return FrameSet(
        "Frames without a box",
        f"{N_OF_A_REASON} of each reason, at even distances.",
        tuple(chosen),
    )


def _beside(release: Release, boxed: Sequence[Consensus]) -> FrameSet:
    """Return the frames whose main box differs most from one that stands beside it."""
    others = {(clip_id, second): box for (clip_id, second, _), box in release.beside.items()}
    ious = [
        (box_iou(release.boxes[f.clip_id, f.second], others[f.clip_id, f.second]), i, f)
        for i, f in enumerate(boxed)
        if (f.clip_id, f.second) in others
    ]
    ordered = (frame for _, _, frame in sorted(ious, key=lambda found: found[:2]))
    return FrameSet(
        "Where the rules differ most",
        "The smallest IoU of the main box with the one beside it; one frame of a clip.",
        tuple(_one_a_clip(ordered, N_BESIDE)),
    )


def tube_strips(release: Release) -> list[TubeStrip]:
    """Return tubes at even distances, those with a gap before those without."""
    tubes = [tube for tube in release.tubes if len(tube.boxes) > 1]
    with_gap = [t for t in tubes if t.filled_seconds or len(_span(t)) > len(t.boxes)]
    chosen = evenly(with_gap, N_TUBES // 2)
    names = {tube.tube_id for tube in with_gap}
    chosen += evenly([t for t in tubes if t.tube_id not in names], N_TUBES - len(chosen))
    return [TubeStrip(tube, tuple(evenly(_span(tube), MOST_SECONDS))) for tube in chosen]


def _span(tube: Tube) -> range:
    return range(min(tube.boxes), max(tube.boxes) + 1)


def evenly(items: Sequence[T], n: int) -> list[T]:
    """Return n of the items at even distances, all where there are fewer.

    >>> evenly("abcdefghi", 3)
    ['b', 'e', 'h']
    """
    n = min(n, len(items))
    return [items[(2 * k + 1) * len(items) // (2 * n)] for k in range(n)]


def _one_a_clip(frames: Iterable[Consensus], n: int) -> list[Consensus]:
    first: dict[str, Consensus] = {}
    for frame in frames:
        first.setdefault(frame.clip_id, frame)
        if len(first) == n:
            break
    return list(first.values())
