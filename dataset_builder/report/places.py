"""Where the clicks of each frame lie to each other, in diagonals of the frame.

Shape letters: F frames, N clicks of one frame, C clicks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset_builder.release import Release
from dataset_builder.snapshot import answers_by_frame

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FramePlaces:
    """For each frame of a release, in its order; NaN where a frame has too few clicks.

    Attributes:
        videos_f: index of its video.
        actions_f: index of its action.
        distance_f: mean distance between two of its clicks (two clicks or more).
        three_within_f: the radius within which some click has two others (three or more).
        is_agreed_f: 1 where all answers say the same of visibility, else 0 (two answers or more).
    """

    videos_f: Ints
    actions_f: Ints
    distance_f: Floats
    three_within_f: Floats
    is_agreed_f: Floats


@dataclass(frozen=True, slots=True)
class PersonPlaces:
    """Where one person clicks against the others of the same frames.

    Attributes:
        n: clicks on frames that others clicked too.
        distance: mean distance from the mean of the others' clicks, None without any.
        offset: mean of `(right, down)` from there, None without any.
        not_visible: share of their answers that are "not visible".
        median_ms: median time to answer in milliseconds, None where it is not known.
    """

    n: int
    distance: float | None
    offset: tuple[float, float] | None
    not_visible: float
    median_ms: float | None


def frame_places(release: Release) -> FramePlaces:
    """Return the numbers of each frame."""
    video_of = {video.video_id: index for index, video in enumerate(release.videos)}
    action_of = {action.action_id: index for index, action in enumerate(release.actions)}
    clips = {clip.clip_id: clip for clip in release.clips}
    answers = answers_by_frame(release.answers)
    found = np.full((3, len(release.frames)), math.nan)
    for index, frame in enumerate(release.frames):
        mine = answers.get((frame.clip_id, frame.second), [])
        if len(mine) > 1:
            found[2, index] = len({answer.point is None for answer in mine}) == 1
        points = [(a.point.x * frame.width, a.point.y * frame.height) for a in mine if a.point]
        if len(points) > 1:
            diagonal = math.hypot(frame.width, frame.height)
            found[:2, index] = _frame_numbers(np.array(points) / diagonal)
    owners = [clips[frame.clip_id] for frame in release.frames]
    return FramePlaces(
        np.array([video_of[clip.video_id] for clip in owners], dtype=np.int64),
        np.array([action_of[clip.action_id] for clip in owners], dtype=np.int64),
        *found,
    )


def _frame_numbers(places_n2: Floats) -> tuple[float, float]:
    """Return the mean distance between two clicks, and the radius that holds three (or NaN).

    >>> _frame_numbers(np.array([[0.0, 0.0], [0.3, 0.4], [0.0, 0.0]]))
    (0.3333333333333333, 0.5)
    """
    n = len(places_n2)
    offsets = places_n2[:, None] - places_n2
    distances = np.sqrt((offsets**2).sum(axis=2))
    mean = float(distances.sum() / (n * (n - 1)))
    if n < 3:
        return mean, math.nan
    # Of each click's sorted distances the first is to itself.
    return mean, float(np.sort(distances, axis=1)[:, 2].min())


def person_places(release: Release) -> Mapping[str, PersonPlaces]:
    """Return what each person's answers say of them, by their id."""
    sizes = {(frame.clip_id, frame.second): (frame.width, frame.height) for frame in release.frames}
    offsets: dict[str, list[tuple[float, float]]] = {}
    for key, mine in answers_by_frame(release.answers).items():
        width, height = sizes[key]
        diagonal = math.hypot(width, height)
        clicks = [
            (a.annotator_id, a.point.x * width / diagonal, a.point.y * height / diagonal)
            for a in mine
            if a.point
        ]
        n = len(clicks)
        total_x, total_y = sum(x for _, x, _ in clicks), sum(y for _, _, y in clicks)
        for person, x, y in clicks if n > 1 else ():
            others = (total_x - x) / (n - 1), (total_y - y) / (n - 1)
            offsets.setdefault(person, []).append((x - others[0], y - others[1]))
    by_person: dict[str, list[tuple[bool, int | None]]] = {}
    for answer in release.answers:
        said = (answer.point is None, answer.ms_taken)
        by_person.setdefault(answer.annotator_id, []).append(said)
    return {
        person: _person(offsets.get(person, []), said) for person, said in sorted(by_person.items())
    }


def _person(
    offsets: list[tuple[float, float]], said: list[tuple[bool, int | None]]
) -> PersonPlaces:
    times = [ms for _, ms in said if ms is not None]
    not_visible = sum(hidden for hidden, _ in said) / len(said)
    median_ms = float(np.median(times)) if times else None
    if not offsets:
        return PersonPlaces(0, None, None, not_visible, median_ms)
    places = np.array(offsets)
    distance = float(np.sqrt((places**2).sum(axis=1)).mean())
    right, down = places.mean(axis=0).tolist()
    return PersonPlaces(len(offsets), distance, (right, down), not_visible, median_ms)
