"""The tubes of both sides: where an action happens, second by second, from its start to its end.

A true tube is a scored clip with its boxes. A predicted tube is a tube record of the file; a file
without any gets those that its seconds and points imply, one for each run of an action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from dataset_builder.predictions import TubePrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case
from stg_model.evaluation.regions import region_boxes
from stg_model.evaluation.truth import PointKey, VideoTruth


@dataclass(frozen=True, slots=True)
class TrueTube:
    """A scored clip with at least one box; nothing says where it is at its `unlabelled` seconds."""

    video_id: str
    action_id: str
    boxes: Mapping[int, Box]
    unlabelled: frozenset[int]


def true_tubes(truths: tuple[VideoTruth, ...]) -> list[TrueTube]:
    """Return the true tubes in the order of videos and clips; clips without a box have none."""
    return [
        TrueTube(truth.video_id, clip.action_id, clip.boxes, clip.seconds - clip.boxes.keys())
        for truth in truths
        for clip in truth.clips
        if clip.is_scored and clip.boxes
    ]


def predicted_tubes(case: Case) -> list[TubePrediction]:
    """Return what the system says of the scored videos, as tubes.

    The tube records of the file (`file_tubes`); where it has none, `implied_tubes`.

    Raises:
        UndefinedMetricError: there are no tube records, nor what implies tubes.
        InputError: a tube names a clip that is not of its action in its video, or a heatmap cannot
            be read (`region = mask`).
    """
    return file_tubes(case) if case.predictions.tubes else implied_tubes(case)


def file_tubes(case: Case) -> list[TubePrediction]:
    """Return the tube records of the scored videos, without boxes past the end of their video.

    Raises:
        InputError: a tube names a clip that is not of its action in its video.
    """
    _check_clips(case)
    n_seconds = {truth.video_id: truth.n_seconds for truth in case.truths}
    found = []
    for tube in case.predictions.tubes:
        end = n_seconds.get(tube.video_id, 0)
        if max(tube.boxes) < end:
            found.append(tube)
        elif kept := {second: box for second, box in tube.boxes.items() if second < end}:
            found.append(replace(tube, boxes=kept))
    return found


def content_key(
    tube: TubePrediction,
) -> tuple[str, str, tuple[tuple[int, float, float, float, float], ...], str]:
    """Return all that a tube says but its score: what decides between equal scores."""
    boxes = ((s, box.x1, box.y1, box.x2, box.y2) for s, box in sorted(tube.boxes.items()))
    return tube.video_id, tube.action_id, tuple(boxes), tube.clip_id or ""


def implied_tubes(case: Case) -> list[TubePrediction]:
    """Return the tubes that second and point records imply, by video and first second.

    A run is seconds that name one action, one after the other or with up to `tube_gap_s` seconds
    between them that do not. Its tube has the region of each of its seconds that has one, and
    nothing in between; a run without any region is no tube. It is ranked by the mean (`tube_score`:
    or the largest) of its seconds' scores of that action.

    Raises:
        UndefinedMetricError: there are no second records, or no regions, or a second that names an
            action does not score it.
        InputError: a heatmap cannot be read (`region = mask`).
    """
    if not case.predictions.seconds:
        raise UndefinedMetricError("the predictions hold no tube records and no second records")
    runs = _runs(case)
    regions = _regions(case, {key for run in runs for key in run})
    if runs and not regions:
        raise UndefinedMetricError(
            "the predictions hold no tube records, and no region where a second names an action"
        )
    rank: Callable[[list[float]], float] = fmean if case.settings.tube_score == "mean" else max
    return [
        TubePrediction(
            video_id=run[0][0],
            action_id=run[0][2],
            score=rank([_score(case, key) for key in run]),
            boxes={key[1]: regions[key] for key in run if key in regions},
        )
        for run in runs
        if not regions.keys().isdisjoint(run)
    ]


def _check_clips(case: Case) -> None:
    """Refuse tubes that name a clip which is not of their action in their video."""
    action_of = {t.video_id: {c.clip_id: c.action_id for c in t.clips} for t in case.truths}
    named = {clip_id for mine in action_of.values() for clip_id in mine}
    for tube in case.predictions.tubes:
        if tube.clip_id is None or (tube.video_id not in action_of and tube.clip_id not in named):
            continue  # a video that is not scored: so are its clips
        if action_of.get(tube.video_id, {}).get(tube.clip_id) != tube.action_id:
            raise InputError(
                f"predictions of {case.predictions.system.name!r}: a tube of action "
                f"{tube.action_id!r} in video {tube.video_id!r} names clip {tube.clip_id!r}, but "
                "the release has no clip of that id with this video and action; name one of its "
                "clips, or none"
            )


def _runs(case: Case) -> list[list[PointKey]]:
    """Return the keys of each run's seconds, the runs by video and first second."""
    n_seconds = {truth.video_id: truth.n_seconds for truth in case.truths}
    said = sorted(
        (video_id, second, record.action_id)
        for (video_id, second), record in case.predictions.seconds.items()
        if record.action_id is not None and second < n_seconds.get(video_id, 0)
    )
    latest: dict[tuple[str, str], list[PointKey]] = {}
    runs = []
    for key in said:
        video_id, second, action_id = key
        run = latest.get((video_id, action_id))
        if run is None or second - run[-1][1] > case.settings.tube_gap_s + 1:
            run = latest[video_id, action_id] = []
            runs.append(run)
        run.append(key)
    return runs


def _regions(case: Case, keys: set[PointKey]) -> dict[PointKey, Box]:
    """Return the regions of these records alone: heatmaps cost time."""
    points = {key: found for key, found in case.predictions.points.items() if key in keys}
    return region_boxes(replace(case, predictions=replace(case.predictions, points=points)))


def _score(case: Case, key: PointKey) -> float:
    """Return the score that a second gives to the action that it names."""
    video_id, second, action_id = key
    found = case.predictions.seconds[video_id, second].scores.get(action_id)
    if found is None:
        raise UndefinedMetricError(
            f"the predictions hold no tube records, and second {video_id}/{second} names "
            f"{action_id!r} without a score for it, which would rank its tube"
        )
    return found
