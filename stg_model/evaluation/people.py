"""What people reach: each answer scored against the box that the other answers of its frame make.

A model cannot be asked for more than people agree on, so this row stands beside every system on a
release that was made of clicks. Leave one out: the release's own rule makes a box of the others'
clicks, and the answer that was left out is scored as a system's would be.

- A frame is compared when it has more clicks than the rule needs, so that the others make a box
  whoever is left out. Frames with just enough clicks are counted and left aside: of these, only
  the answers "not visible" could be compared.
- "Not visible" is a miss, as a frame without a point is for a system.
- A frame's score is the mean over its answers, so that every frame weighs alike.

A box never grows when a click is left out, so the figures lean to the low side.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dataset_builder.errors import InputError
from dataset_builder.fusion.boxes import UNION_MARGIN, union_box
from dataset_builder.geometry import Point, box_iou
from dataset_builder.predictions import System
from dataset_builder.release import Release
from dataset_builder.settings import BuildSettings, read_settings
from dataset_builder.snapshot import AnswerRow, answers_by_frame
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import (
    Floats,
    MeanOfRatios,
    Measure,
    Ratio,
    Scored,
    divide,
    value_of,
)
from stg_model.evaluation.regions import IOU_DECIMALS
from stg_model.evaluation.results import SystemReport
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import VideoTruth

PEOPLE = System("people", supervision="each answer against the others of its frame")
ONLY_CLICKS = "people clicked in single frames: they gave no times, no scores and no masks"
_COMPARISONS = {">": operator.gt, ">=": operator.ge}


def people_report(
    release: Release,
    truths: Sequence[VideoTruth],
    settings: EvaluationSettings,
    headings: Iterable[str],
) -> SystemReport | None:
    """Return the row of the people whose clicks the release was made of.

    Args:
        release: holds the answers, and the rule that made its boxes of them.
        truths: of `read_truth`; answers on frames of their scored clips are compared.
        settings: as for `score_people`.
        headings: the names of all metrics of a row (`report.metrics_of`).

    Returns:
        The row, each metric that people do not define missing with the reason; None where the
        release has no answers or its boxes were not made of them.
    """
    if release.derivation != "clicks" or not release.answers:
        return None
    reason = ONLY_CLICKS
    try:
        found = score_people(release, truths, settings)
    except UndefinedMetricError as error:
        found, reason = Scored({}), str(error)
    metrics = {
        name: value_of(found.measures[name], len(truths)) if name in found.measures else None
        for name in headings
    }
    missing = {name: reason for name, value in metrics.items() if value is None}
    return SystemReport(PEOPLE, "people", metrics, missing, found.counts, scored=found)


def score_people(
    release: Release, truths: Sequence[VideoTruth], settings: EvaluationSettings
) -> Scored:
    """Score every answer against the box of the others.

    Pointing: the click lies in the closed box. Frame IoU share: the box that the release's rule
    makes of this click alone overlaps the box of the others; not defined for `region = mask`.
    `pointing_average`, `iou_comparison` and `frame_iou_threshold` hold as for a system.

    Raises:
        UndefinedMetricError: the boxes were made by a rule or setting that is not known here, or no
            frame has enough clicks.
    """
    try:
        build = read_settings(release.settings)
    except InputError as error:
        raise UndefinedMetricError(f"how the boxes were made cannot be read: {error}") from error
    strange = sorted(set(release.rules.values()) - {UNION_MARGIN})
    if build.mode != "paper" or strange:
        raise UndefinedMetricError(
            f"the release's boxes were made by {', '.join(strange) or build.mode}; boxes without "
            f"one answer are known for {UNION_MARGIN} only"
        )
    answers = answers_by_frame(release.answers)
    actions = sorted({clip.action_id for truth in truths for clip in truth.clips})
    row = {action_id: index for index, action_id in enumerate(actions)}
    frames_AV = np.zeros((len(actions), len(truths)))
    hits_AV, overlaps_AV = np.zeros_like(frames_AV), np.zeros_like(frames_AV)
    n_answers = n_not_visible = n_left_aside = 0
    for clip_id, second, place in _scored_frames(truths, row):
        mine = answers.get((clip_id, second), [])
        clicks = _clicks(mine)
        if len(clicks) <= build.min_clicks:
            n_left_aside += 1
            continue
        hits, overlaps = _left_out(clicks, build, settings)
        frames_AV[place] += 1
        hits_AV[place] += hits / len(mine)
        overlaps_AV[place] += overlaps / len(mine)
        n_answers += len(mine)
        n_not_visible += len(mine) - len(clicks)
    if not n_answers:
        raise UndefinedMetricError(
            f"no scored frame has more than the {build.min_clicks} clicks that a box needs; "
            "without one of its answers it has no box"
        )
    measures: dict[str, Measure] = {"pointing": _pointing(hits_AV, frames_AV, settings)}
    per_action = {"pointing": _by_action(actions, hits_AV, frames_AV)}
    if settings.region == "box":
        name = f"frame_iou_share@{settings.frame_iou_threshold:g}"
        measures[name] = Ratio(overlaps_AV.sum(axis=0), frames_AV.sum(axis=0))
        per_action[name] = _by_action(actions, overlaps_AV, frames_AV)
    counts = {
        "frames_compared": int(frames_AV.sum()),
        "frames_left_aside": n_left_aside,
        "answers_compared": n_answers,
        "answers_not_visible": n_not_visible,
    }
    return Scored(measures, counts, per_action)


def _scored_frames(
    truths: Sequence[VideoTruth], row: dict[str, int]
) -> Iterator[tuple[str, int, tuple[int, int]]]:
    """Yield each frame with a box as `(clip_id, second, (row of its action, its video))`."""
    for column, truth in enumerate(truths):
        for clip in truth.clips:
            if clip.is_scored:
                for second in clip.boxes:
                    yield clip.clip_id, second, (row[clip.action_id], column)


def _clicks(answers: Sequence[AnswerRow]) -> list[Point]:
    return [answer.point.rounded() for answer in answers if answer.point]


def _left_out(
    clicks: Sequence[Point], build: BuildSettings, settings: EvaluationSettings
) -> tuple[int, int]:
    """Leave each click out once; return how many lie in, and overlap, the box of the others.

    By hand: three people click at x = .5 and one at .9, with a margin of .2. Each of the three lies
    in the others' box, which is wider than the box of their own click: (.7 - .3) / (1 - .3) = .57.
    The fourth lies outside of .3...7, and its own box .7..1 only touches it.

    >>> build = BuildSettings(margin_x=0.2, margin_y=0.2)
    >>> clicks = [Point(0.5, 0.5)] * 3 + [Point(0.9, 0.5)]
    >>> _left_out(clicks, build, EvaluationSettings(frame_iou_threshold=0.5))
    (3, 3)
    """
    is_right = _COMPARISONS[settings.iou_comparison]
    hits = overlaps = 0
    for index, click in enumerate(clicks):
        others = [*clicks[:index], *clicks[index + 1 :]]
        box = union_box(others, build.margin_x, build.margin_y)
        own = union_box([click], build.margin_x, build.margin_y)
        hits += box.contains(click)
        iou = round(box_iou(own, box), IOU_DECIMALS)
        overlaps += is_right(iou, settings.frame_iou_threshold)
    return hits, overlaps


def _pointing(hits_AV: Floats, frames_AV: Floats, settings: EvaluationSettings) -> Measure:
    if settings.pointing_average == "actions":
        return MeanOfRatios(hits_AV, frames_AV)
    return Ratio(hits_AV.sum(axis=0), frames_AV.sum(axis=0))


def _by_action(
    actions: Sequence[str], numerators_AV: Floats, frames_AV: Floats
) -> dict[str, float | None]:
    shares_A = divide(numerators_AV.sum(axis=1), frames_AV.sum(axis=1))
    return {
        action_id: None if np.isnan(share) else float(share)
        for action_id, share in zip(actions, shares_A, strict=True)
    }
