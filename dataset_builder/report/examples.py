"""Which frames and tubes the page shows: some whatever they are, and those to look at first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from dataset_builder.changes import Changes, moved_boxes
from dataset_builder.geometry import Box, box_iou
from dataset_builder.release import Consensus, Release, Tube
from dataset_builder.release_tables import FrameKey
from dataset_builder.report.places import FramePlaces

T = TypeVar("T")

N_EVEN = 9
N_FURTHEST = 6
N_OF_A_REASON = 2
N_OF_A_RULE = 2
N_OTHER = 6
N_TUBES = 4
MOST_SECONDS = 12


@dataclass(frozen=True, slots=True)
class FrameSet:
    """Frames that are shown together, how they were chosen, and a second box of some of them."""

    title: str
    chosen: str
    frames: tuple[Consensus, ...]
    others: Mapping[FrameKey, Box] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TubeStrip:
    """A tube, and the seconds of it that are shown: all between its ends, or some of them."""

    tube: Tube
    seconds: tuple[int, ...]


def frame_sets(
    release: Release, places: FramePlaces, changes: Changes | None, *, has_pictures: bool
) -> list[FrameSet]:
    """Return the frames to show, in sets; a set without frames is left out.

    Args:
        release: whose frames.
        places: of their clicks.
        changes: since the release's parent, where there is one.
        has_pictures: else a frame of which nothing is known is not shown.
    """
    boxed = [f for f in release.frames if _key(f) in release.boxes]
    even = evenly(boxed, N_EVEN)
    beside = {(clip_id, second): box for (clip_id, second, _), box in release.beside.items()}
    sets = [
        FrameSet(
            "A look at the frames",
            f"{len(even)} of the {len(boxed):,} frames with a box, at even distances in the order "
            "of clip and second, whatever people said.",
            tuple(even),
            beside,
        )
    ]
    order = np.argsort(-places.distance_f, kind="stable").tolist()
    frames = tuple(release.frames)
    furthest = [frames[i] for i in order if not np.isnan(places.distance_f[i])]
    sets.append(
        FrameSet(
            "Where people differ most",
            "The largest mean distance between two clicks; one frame of a clip.",
            tuple(_one_a_clip(furthest, N_FURTHEST)),
            beside,
        )
    )
    unboxed = [f for f in release.frames if f.reason and (has_pictures or f.mean)]
    sets.append(
        FrameSet(
            "Frames without a box",
            f"{N_OF_A_REASON} of each reason, at even distances.",
            _of_each({_key(f): f.reason for f in unboxed}, unboxed, N_OF_A_REASON),
        )
    )
    if len(set(release.rules.values())) > 1:
        sets.append(
            FrameSet(
                "Boxes by rule",
                f"{N_OF_A_RULE} of each rule, at even distances.",
                _of_each(release.rules, boxed, N_OF_A_RULE),
            )
        )
    sets.append(
        _furthest_apart(release, boxed, beside, "Where the rules differ most", "the one beside it")
    )
    if changes is not None:
        old = moved_boxes(changes)
        title = f"Where boxes moved most since {changes.before.title}"
        sets.append(_furthest_apart(release, boxed, old, title, "the one before"))
    return [found for found in sets if found.frames]


def _key(frame: Consensus) -> FrameKey:
    return frame.clip_id, frame.second


def _of_each(
    kinds: Mapping[FrameKey, str], frames: Sequence[Consensus], n: int
) -> tuple[Consensus, ...]:
    """Return n frames of each kind, in the order of kinds."""
    found: dict[str, list[Consensus]] = {}
    for frame in frames:
        found.setdefault(kinds[_key(frame)], []).append(frame)
    return tuple(frame for _, mine in sorted(found.items()) for frame in evenly(mine, n))


def _furthest_apart(
    release: Release,
    boxed: Sequence[Consensus],
    others: Mapping[FrameKey, Box],
    title: str,
    other: str,
) -> FrameSet:
    """Return the frames whose main box differs most from another."""
    known = [frame for frame in boxed if _key(frame) in others]
    ious = [box_iou(release.boxes[_key(frame)], others[_key(frame)]) for frame in known]
    order = sorted(range(len(known)), key=lambda index: ious[index])
    return FrameSet(
        title,
        f"The smallest IoU of the main box with {other} (dashed); one frame of a clip.",
        tuple(_one_a_clip((known[index] for index in order), N_OTHER)),
        others,
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
