"""The answers of many frames as arrays, in an order that depends on what was said and not on names.

Sums of floats depend on their order, and a person's pseudonym is another one in each release. Here
frames come by their key, and annotators by their own answers in the order of frames; two
annotators who said the same everywhere may swap places, which changes no sum. What is computed
from these arrays by `+ - * /`, square roots and `sums` is so the same to the
last bit for a snapshot and for the release that was made from it.

Shape letters, small at the end of names: F frames, A answers, C clicks, J annotators, N clicks of
one frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset_builder.geometry import COORDINATE_DECIMALS
from dataset_builder.snapshot import AnswerRow, FrameRow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """Answers in order of frame, then annotator.

    Attributes:
        annotators: ids by index.
        frames_a: index of each answer's frame, never falling.
        annotators_a: index of each answer's annotator.
        is_click_a: whether the answer is a click.
        places_a2: clicks in diagonals of their own frame, `(x width, y height) / diagonal`;
            zeros where the answer is "not visible".
        n_frames: frames, those without answers among them.
    """

    annotators: tuple[str, ...]
    frames_a: Ints
    annotators_a: Ints
    is_click_a: Bools
    places_a2: Floats
    n_frames: int


@dataclass(frozen=True, slots=True)
class Clicks:
    """The clicks of an `AnswerTable`; `places_c2` is in diagonals."""

    frames_c: Ints
    annotators_c: Ints
    places_c2: Floats
    n_frames: int
    n_annotators: int

    def counts_f(self) -> Ints:
        """Return how many clicks each frame has."""
        return np.bincount(self.frames_c, minlength=self.n_frames)

    def by_count(self) -> Iterator[tuple[Ints, Ints]]:
        """Yield `(frames, rows)` for each number N of clicks that occurs, N rising.

        `frames` (F,) are the frames with N clicks and `rows` (F, N) the places of their clicks in
        the arrays, so that `places_c2[rows]` is (F, N, 2).
        """
        counts_f = self.counts_f()
        starts_f = np.cumsum(counts_f) - counts_f
        for n in np.unique(counts_f[counts_f > 0]):
            frames = np.flatnonzero(counts_f == n)
            yield frames, starts_f[frames, None] + np.arange(n)


def sums(groups: Ints, values: NDArray[Any], n_groups: int) -> Floats:
    """Return the sum of each group's values, added one by one in the order given."""
    return np.bincount(groups, values, n_groups).astype(np.float64)


def clicks_of(table: AnswerTable) -> Clicks:
    """Return the answers that are clicks."""
    return Clicks(
        table.frames_a[table.is_click_a],
        table.annotators_a[table.is_click_a],
        table.places_a2[table.is_click_a],
        table.n_frames,
        len(table.annotators),
    )


def diagonals(sizes: Sequence[tuple[int, int]]) -> Floats:
    """Return each frame's width and height in diagonals, (F, 2): what turns fractions into them."""
    pixels = np.array(sizes, dtype=np.float64).reshape(-1, 2)
    shapes: Floats = pixels / np.sqrt(pixels[:, :1] ** 2 + pixels[:, 1:] ** 2)
    return shapes


def answer_table(
    frames: Sequence[FrameRow], answers: Mapping[tuple[str, int], Sequence[AnswerRow]]
) -> AnswerTable:
    """Arrange the answers of frames.

    Args:
        frames: in the order of their keys.
        answers: by `(clip_id, second)`; points are rounded here (R20).
    """
    said: dict[str, list[tuple[int, float, float]]] = {}
    for index, frame in enumerate(frames):
        for answer in answers.get((frame.clip_id, frame.second), ()):
            point = answer.point
            x = round(point.x, COORDINATE_DECIMALS) if point else -1.0
            y = round(point.y, COORDINATE_DECIMALS) if point else -1.0
            said.setdefault(answer.annotator_id, []).append((index, x, y))
    for mine in said.values():
        mine.sort()  # somebody who answered twice (a falsified release) must have one order too
    annotators = tuple(sorted(said, key=said.__getitem__))
    rows = sorted(
        (frame, number, x, y)
        for number, annotator_id in enumerate(annotators)
        for frame, x, y in said[annotator_id]
    )
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4)
    frames_a = columns[:, 0].astype(np.int64)
    is_click_a = columns[:, 2] >= 0
    shapes_f2 = diagonals([(frame.width, frame.height) for frame in frames])
    places_a2 = columns[:, 2:] * shapes_f2[frames_a] * is_click_a[:, None]
    return AnswerTable(
        annotators,
        frames_a,
        columns[:, 1].astype(np.int64),
        is_click_a,
        places_a2,
        len(frames),
    )
