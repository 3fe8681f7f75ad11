"""Given a video, an action and its time, where is it: gt_vIoU (R27)?

The questions of `queries`, with the true seconds told. The box of a second is that of the tube
record that answers the question, else the box of the region (`regions`) that the point record of
the action states at that second; a second with neither has IoU 0. The IoUs are averaged over the
seconds of a clip that have a true box, then over the clips that have one. No second of background
is asked, so a system that only localises has this metric too.
"""

from __future__ import annotations

from dataclasses import replace

from dataset_builder.geometry import Box
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, Scored
from stg_model.evaluation.queries import (
    Answered,
    answers,
    mean_box_iou,
    questions,
    scored_questions,
)
from stg_model.evaluation.regions import region_boxes
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import PointKey, true_boxes
from stg_model.evaluation.tubes import file_tubes


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    return {"gt_viou": "gt_vIoU"}


def score(case: Case) -> Scored:
    """Ask one system for the place of every scored clip that has a box.

    Raises:
        UndefinedMetricError: no scored clip has a box, or the system states no region and no tube.
        InputError: a tube names a clip that is not of its action in its video, or a heatmap cannot
            be read.
    """
    asked = true_boxes(case.truths)
    if not asked:
        raise UndefinedMetricError("no scored frame of the release has a box")
    boxes = _regions(case, {key for key, _ in asked})
    answer_of = answers(case.truths, file_tubes(case))
    found: list[Answered] = []
    n_missing = 0
    for video, truth, clip in questions(case.truths):
        if not clip.boxes:
            continue
        tube = answer_of.get(clip.clip_id)
        keys = {second: (truth.video_id, second, clip.action_id) for second in clip.boxes}
        said = {second: boxes[key] for second, key in keys.items() if key in boxes}
        said |= tube.boxes if tube else {}
        n_missing += len(clip.boxes.keys() - said.keys())
        value = mean_box_iou(clip.boxes, said, sorted(clip.boxes))
        found.append(Answered(video, clip.action_id, value))
    counts = {"asked_frames_without_predicted_box": n_missing}
    return scored_questions({"gt_viou": found}, len(case.truths), counts)


def _regions(case: Case, asked: set[PointKey]) -> dict[PointKey, Box]:
    """Return the regions of the frames that are asked, and of no others: heatmaps cost time."""
    predictions, region = case.predictions, case.settings.region
    stated = (p.box or (region == "mask" and p.heatmap) for p in predictions.points.values())
    if not predictions.tubes and not any(stated):
        raise UndefinedMetricError(
            f"the predictions hold no tube records and no regions (region = {region})"
        )
    points = {key: found for key, found in predictions.points.items() if key in asked}
    return region_boxes(replace(case, predictions=replace(predictions, points=points)))
