"""Timelines of a few videos: what is true, what each system says, and whether its point is right.

Places along the time are percentages of the video, so that a line is as wide as the page allows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dataset_builder.predictions import Predictions
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.results import Report
from stg_model.evaluation.truth import VideoTruth

CHOSEN_BY = ("iou_pointing", "mof", "temporal_iou", "pointing")
"""Metrics that rank the videos; the first that the first system has."""

N_SHOWN, N_SHOWN_OF_MANY, MANY = 2, 1, 4
"""Videos shown of the best, of the middle and of the worst; fewer of four systems or more."""

N_COLOURS = 8
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTER_FITS, LINE_FITS = 2.5, 1.0
"""Percents of the width that a letter needs, and a line round a bar."""

TICKS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of one line: place in percent, class of its colour, letter, and what it says."""

    x: float
    width: float
    y: float
    height: float
    style: str
    letter: str
    text: str


@dataclass(frozen=True, slots=True)
class Track:
    """One line of a timeline under its name; `kind` is truth, said or points."""

    name: str
    kind: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """One video: why it is shown, what the metric says of it, its lines and its actions."""

    video_id: str
    rank: str
    value: float
    n_seconds: int
    tracks: tuple[Track, ...]
    legend: tuple[tuple[str, str, str], ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Timelines:
    """The chosen videos, and the metric and system that chose them."""

    heading: str
    chooser: str
    n_videos: int
    videos: tuple[Timeline, ...]


def timelines(
    report: Report,
    systems: Sequence[PageSystem],
    truths: Sequence[VideoTruth],
    names: Mapping[str, str],
) -> Timelines | None:
    """Return the best, middle and worst videos; None where no metric ranks them."""
    submitted = [(s, s.case.predictions) for s in systems if s.case is not None]
    ranked = _ranked([system for system, _ in submitted], truths)
    if ranked is None:
        return None
    metric, values = ranked
    order = sorted(values, key=lambda index: (-values[index], truths[index].video_id))
    ranks = chosen_ranks(len(order), N_SHOWN if len(submitted) < MANY else N_SHOWN_OF_MANY)
    videos = tuple(
        _timeline(truths[index], f"{rank + 1} of {len(order)}", values[index], submitted, names)
        for rank, index in ((rank, order[rank]) for rank in ranks)
    )
    return Timelines(report.headings[metric], submitted[0][0].name, len(order), videos)


def chosen_ranks(n: int, n_shown: int) -> list[int]:
    """Return the ranks of the best, the middle and the worst of n, from 0, rising.

    >>> chosen_ranks(9, 2), chosen_ranks(9, 1), chosen_ranks(3, 2)
    ([0, 1, 4, 5, 7, 8], [0, 4, 8], [0, 1, 2])
    """
    middle = n // 2
    ranks = [*range(n_shown), *range(middle, middle + n_shown), *range(n - n_shown, n)]
    return sorted({rank for rank in ranks if 0 <= rank < n})


def runs(said: Iterable[tuple[int, str | None]]) -> list[tuple[int, int, str]]:
    """Return `(first second, one past the last, action)` of equal neighbours.

    >>> runs([(0, "cut"), (1, "cut"), (2, None), (4, "cut")])
    [(0, 2, 'cut'), (4, 5, 'cut')]
    """
    found: list[tuple[int, int, str]] = []
    for second, action_id in said:
        if action_id is None:
            continue
        if found and found[-1][1:] == (second, action_id):
            found[-1] = (found[-1][0], second + 1, action_id)
        else:
            found.append((second, second + 1, action_id))
    return found


def _ranked(
    systems: Sequence[PageSystem], truths: Sequence[VideoTruth]
) -> tuple[str, dict[int, float]] | None:
    """Return the first metric that ranks videos, and its value in each that defines it."""
    for metric in CHOSEN_BY if systems else ():
        measure = systems[0].row.scored.measures.get(metric)
        if measure is not None:
            values = measure.values(np.eye(len(truths))).tolist()
            return metric, {i: v for i, v in enumerate(values) if not math.isnan(v)}
    return None


def _timeline(
    truth: VideoTruth,
    rank: str,
    value: float,
    said: Sequence[tuple[PageSystem, Predictions]],
    names: Mapping[str, str],
) -> Timeline:
    whole = range(truth.n_seconds)
    answers = {
        system.name: runs((s, _said(found, truth.video_id, s)) for s in whole)
        for system, found in said
    }
    own = list(dict.fromkeys(clip.action_id for clip in truth.clips))
    others = sorted({a for mine in answers.values() for *_, a in mine} - set(own))
    legend = tuple(
        (LETTERS[n % len(LETTERS)], f"a{n % N_COLOURS + 1}", names.get(action_id, action_id))
        for n, action_id in enumerate([*own, *others])
    )
    paint = _Paint(truth.n_seconds, dict(zip([*own, *others], legend, strict=True)))
    tracks = [Track("truth", "truth", paint.clips(truth))]
    for system, found in said:
        if answers[system.name]:
            bars = tuple(paint.bar(*run) for run in answers[system.name])
            tracks.append(Track(system.name, "said", bars))
        if found.points:
            tracks.append(Track(system.name, "points", paint.points(truth, found)))
    return Timeline(
        truth.video_id, rank, value, truth.n_seconds, tuple(tracks), legend, paint.ticks()
    )


def _said(found: Predictions, video_id: str, second: int) -> str | None:
    record = found.seconds.get((video_id, second))
    return record.action_id if record else None


@dataclass(frozen=True, slots=True)
class _Paint:
    """Turns seconds of one video into bars."""

    n_seconds: int
    legend: Mapping[str, tuple[str, str, str]]

    def bar(self, start: int, end: int, action_id: str, note: str = "") -> Bar:
        """Return the bar of seconds start..end-1."""
        letter, style, name = self.legend[action_id]
        width = self._percent(end - start)
        text = f"{name}, {start} to {end} s{note}"
        style += "" if width >= LINE_FITS else " thin"
        shown = letter if width >= LETTER_FITS else ""
        return Bar(self._percent(start), width, 0, 100, style, shown, text)

    def clips(self, truth: VideoTruth) -> tuple[Bar, ...]:
        """Return the true clips; those that share seconds stand in lanes below each other."""
        ends: list[int] = []
        placed: list[tuple[int, Bar]] = []
        for clip in truth.clips:
            start, end = min(clip.seconds), max(clip.seconds) + 1
            lane = next((n for n, taken in enumerate(ends) if taken <= start), len(ends))
            ends[lane : lane + 1] = [end]
            note = "" if clip.is_scored else ", not scored"
            bar = self.bar(start, end, clip.action_id, note)
            style = bar.style if clip.is_scored else f"{bar.style} aside"
            placed.append((lane, replace(bar, style=style)))
        height = 100 / max(1, len(ends))
        return tuple(
            replace(bar, y=round(lane * height, 2), height=round(height, 2)) for lane, bar in placed
        )

    def points(self, truth: VideoTruth, found: Predictions) -> tuple[Bar, ...]:
        """Return the seconds with a box by whether the point lies in it: full bars, half bars."""
        seen: dict[str, list[tuple[int, str]]] = {}
        for second, true in enumerate(truth.by_second()):
            for action_id, boxes in true.boxes.items():
                record = found.points.get((truth.video_id, second, action_id))
                is_hit = record is not None and any(b.contains(record.point) for b in boxes)
                state = "in the box" if is_hit else "outside" if record else "no point"
                seen.setdefault(action_id, []).append((second, state))
        bars = []
        for action_id, states in sorted(seen.items()):
            for start, end, state in runs(states):
                bar = self.bar(start, end, action_id, f": {state}")
                hit = state == "in the box"
                y, height, style = (0, 100, "hit") if hit else (60, 40, "miss")
                bars.append(replace(bar, y=y, height=height, style=style, letter=""))
        return tuple(sorted(bars, key=lambda bar: bar.x))

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Return the places of some round seconds along the line."""
        step = next((s for s in TICKS_S if self.n_seconds / s <= MOST_TICKS), TICKS_S[-1])
        return tuple((self._percent(s), f"{s} s") for s in range(0, self.n_seconds, step))

    def _percent(self, seconds: float) -> float:
        return round(100 * seconds / self.n_seconds, 3)
