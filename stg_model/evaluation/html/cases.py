"""Which frames the page shows, and what each system says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataset_builder.domain import Video
from dataset_builder.geometry import Box, distance
from dataset_builder.predictions import PointPrediction
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.measures import Case
from stg_model.evaluation.regions import region_ious
from stg_model.evaluation.truth import PointKey

N_EVEN = 6
"""Frames shown whatever the systems say of them."""

N_EXTREME = 3
"""Best and worst frames of each submitted system."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one system says of one frame, and how far it is from the truth.

    Attributes:
        record: None where the system has no point there.
        is_hit: its point lies in the box.
        iou: of its region (`region` of the rules) and the true box, None where it has no region.
        distance: from its point to the middle of the true box, as a fraction of the diagonal.
    """

    record: PointPrediction | None
    is_hit: bool
    iou: float | None
    distance: float | None


@dataclass(frozen=True, slots=True)
class FrameCase:
    """One frame with a box: key, true box, and the answers in the order of the systems."""

    key: PointKey
    box: Box
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class CaseSet:
    """Frames that are shown together, and how they were chosen."""

    title: str
    chosen: str
    cases: tuple[FrameCase, ...]


def case_sets(
    boxes: Sequence[tuple[PointKey, Box]],
    systems: Sequence[PageSystem],
    videos: Sequence[Video],
) -> list[CaseSet]:
    """Return frames at even distances, then the best and the worst of each system.

    Args:
        boxes: the true boxes of the scored frames.
        systems: those whose answers are known.
        videos: the release's, for the shape of a frame.

    Raises:
        InputError: a heatmap cannot be read (`region = mask`).
    """
    shapes = {video.video_id: (video.width, video.height) for video in videos}
    boxes = sorted(boxes, key=lambda pair: pair[0])
    answers = [_answers(system.case, boxes, shapes) for system in systems if system.case]
    cases = [
        FrameCase(key, box, tuple(found[index] for found in answers))
        for index, (key, box) in enumerate(boxes)
    ]
    n_even = min(N_EVEN, len(cases))
    even = tuple(cases[(2 * n + 1) * len(cases) // (2 * n_even)] for n in range(n_even))
    sets = [
        CaseSet(
            "A look at the frames",
            f"{n_even} of the {len(cases):,} frames with a box, at even distances in the order of "
            "video and second, whatever the systems say of them.",
            even,
        )
    ]
    if len(systems) > 1:
        sets.append(_disputed(cases))
    for index, system in enumerate(systems):
        sets += _extremes(index, system.name, cases)
    return [found for found in sets if found.cases]


def _answers(
    case: Case, boxes: Sequence[tuple[PointKey, Box]], shapes: Mapping[str, tuple[int, int]]
) -> list[Answer]:
    """Return what a system says of each box's frame; `shapes` are the videos' width and height."""
    ious = region_ious(case, boxes).tolist()
    found = []
    for (key, box), iou in zip(boxes, ious, strict=True):
        record = case.predictions.points.get(key)
        if record is None:
            found.append(Answer(None, False, None, None))
            continue
        away = distance(record.point, box.centre, *shapes[key[0]])
        is_hit = box.contains(record.point)
        found.append(Answer(record, is_hit, None if math.isnan(iou) else iou, away))
    return found


def _extremes(index: int, name: str, cases: Sequence[FrameCase]) -> list[CaseSet]:
    """Return the frames that a system places best and worst, each of another clip's action."""
    said = [case for case in cases if case.answers[index].record is not None]
    has_regions = any(case.answers[index].iou is not None for case in said)
    measure = "by the IoU with the true box, then " if has_regions else ""
    order = sorted(said, key=lambda case: _place(case.answers[index]))
    worst = _of_different_actions(order[::-1])
    best = _of_different_actions([case for case in order if case not in worst])
    how = (
        f"{measure}by the distance of the point from the middle of the true box; one frame of an "
        f"action in a video, among the {len(said):,} frames for which the system has a point."
    )
    return [
        CaseSet(f"Best of {name}", f"Chosen {how}", best),
        CaseSet(f"Worst of {name}", f"Chosen {how}", worst),
    ]


def _disputed(cases: Sequence[FrameCase]) -> CaseSet:
    """Return the frames on which the systems lie furthest apart, each of another clip's action."""
    said = [case for case in cases if all(a.record is not None for a in case.answers)]
    order = sorted(said, key=_range, reverse=True)
    return CaseSet(
        "Where the systems differ most",
        "Chosen by the distances of the points from the middle of the true box: the largest of a "
        "frame minus the smallest; one frame of an action in a video, among the "
        f"{len(said):,} frames for which every system has a point.",
        _of_different_actions(order),
    )


def _range(case: FrameCase) -> float:
    distances = [a.distance for a in case.answers if a.distance is not None]
    return max(distances) - min(distances)


def _place(found: Answer) -> tuple[float, float]:
    """Return what ranks an answer, the best first."""
    assert found.distance is not None
    return -(found.iou or 0.0), found.distance


def _of_different_actions(order: Sequence[FrameCase]) -> tuple[FrameCase, ...]:
    """Return the first `N_EXTREME` frames, one of each action in each video."""
    first: dict[tuple[str, str], FrameCase] = {}
    for case in order:
        first.setdefault((case.key[0], case.key[2]), case)
    return tuple(first.values())[:N_EXTREME]
