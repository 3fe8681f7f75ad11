"""Given a video, an action and its time, where is it: gt_vIoU (MODEL.md 6.6, R27)?

The questions of `queries`, with the true seconds told. The box of a second is that of the tube that
answers the question, else that of the point record of the action at that second; a second with
neither has IoU 0. The IoUs are averaged over the seconds of a clip that have a true box, then over
the clips that have one. No second of background is asked, so a system that only localises has this
metric too.
"""

from __future__ import annotations

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
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import PointKey


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    return {"gt_viou": "gt_vIoU"}


def score(case: Case) -> Scored:
    """Ask one system for the place of every scored clip that has a box.

    Raises:
        UndefinedMetricError: no scored clip has a box, or the system says no box at all.
        InputError: a tube names a clip of another video or action.
    """
    boxes = _point_boxes(case)
    tubes = case.predictions.tubes
    if not boxes and not tubes:
        raise UndefinedMetricError("the predictions hold no boxes and no tubes")
    answer_of = answers(case.truths, tubes)
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
    if not found:
        raise UndefinedMetricError("no scored frame of the release has a box")
    counts = {"asked_frames_without_predicted_box": n_missing}
    return scored_questions({"gt_viou": found}, len(case.truths), counts)


def _point_boxes(case: Case) -> dict[PointKey, Box]:
    points = case.predictions.points.items()
    return {key: record.box for key, record in points if record.box is not None}
