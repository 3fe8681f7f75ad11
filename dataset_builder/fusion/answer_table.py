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

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset_builder.geometry import COORDINATE_DECIMALS
from dataset_builder.snapshot import AnswerRow, FrameRow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Asked = tuple[FrameRow, Sequence[AnswerRow]]
"""A frame and its answers."""

FRAMES_AT_ONCE = 8_192
"""Frames whose clicks are compared with one another at a time."""


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
        """Yield `(frames, rows)` for each number N of clicks that occurs, N rising, in parts.

        `frames` (F,) are some frames with N clicks and `rows` (F, N) the places of their clicks in
        the arrays, so that `places_c2[rows]` is (F, N, 2).
        """
        counts_f = self.counts_f()
        starts_f = np.cumsum(counts_f) - counts_f
        for n in np.unique(counts_f[counts_f > 0]):
            all_frames = np.flatnonzero(counts_f == n)
            for start in range(0, len(all_frames), FRAMES_AT_ONCE):
                frames = all_frames[start : start + FRAMES_AT_ONCE]
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


def diagonals(sizes: Sequence[tuple[int, int]] | Ints) -> Floats:
    """Return each frame's width and height in diagonals, (F, 2): what turns fractions into them."""
    pixels = np.asarray(sizes, dtype=np.float64).reshape(-1, 2)
    shapes: Floats = pixels / np.sqrt(pixels[:, :1] ** 2 + pixels[:, 1:] ** 2)
    return shapes


def answer_table(asked: Iterable[Asked]) -> AnswerTable:
    """Arrange the answers of frames, which come one by one in the order of their keys.

    Points are rounded here (R20).
    """
    sizes, frames, people, flat = array("i"), array("q"), array("q"), array("d")
    numbers: dict[str, int] = {}
    for index, (frame, answers) in enumerate(asked):
        sizes.extend((frame.width, frame.height))
        for answer in answers:
            point = answer.point
            frames.append(index)
            people.append(numbers.setdefault(answer.annotator_id, len(numbers)))
            flat.append(round(point.x, COORDINATE_DECIMALS) if point else -1.0)
            flat.append(round(point.y, COORDINATE_DECIMALS) if point else -1.0)
    # Views, not copies: these arrays are what grows with the project.
    frames_a, people_a = np.frombuffer(frames, np.int64), np.frombuffer(people, np.int64)
    places_a2 = np.frombuffer(flat).reshape(-1, 2)
    order_j = _by_what_they_said(frames_a, people_a, places_a2, len(numbers))
    rank_j = np.argsort(order_j)
    annotators_a = rank_j[people_a]
    order_a = np.lexsort((places_a2[:, 1], places_a2[:, 0], annotators_a, frames_a))
    annotators_a, places_a2 = annotators_a[order_a], places_a2[order_a]
    is_click_a = places_a2[:, 0] >= 0
    shapes_f2 = diagonals(np.array(sizes))
    places_a2 *= shapes_f2[frames_a]
    places_a2 *= is_click_a[:, None]
    ids = tuple(numbers)
    return AnswerTable(
        tuple(ids[number] for number in order_j),
        frames_a,
        annotators_a,
        is_click_a,
        places_a2,
        len(shapes_f2),
    )


def _by_what_they_said(frames_a: Ints, people_a: Ints, places_a2: Floats, n_people: int) -> Ints:
    """Return people's numbers in the order of their answers, compared one after the other."""
    steps_a2 = np.rint(places_a2 * 10**COORDINATE_DECIMALS)
    steps_a2 += 10**COORDINATE_DECIMALS  # "not visible" is at -1
    # Unsigned numbers whose bytes stand in the order of the numbers.
    said_a3 = np.empty((len(frames_a), 3), dtype=">u4")
    said_a3[:, 0], said_a3[:, 1:] = frames_a, steps_a2
    # Somebody who answered twice (a falsified release) must have one order too.
    order_a = np.lexsort((steps_a2[:, 1], steps_a2[:, 0], frames_a, people_a))
    ends_j = np.cumsum(np.bincount(people_a, minlength=n_people))
    said = [mine.tobytes() for mine in np.split(said_a3[order_a], ends_j[:-1])]
    return np.array(sorted(range(n_people), key=said.__getitem__), dtype=np.int64)
