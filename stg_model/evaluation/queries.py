"""Given a video and an action, when and where is it (R27)?

The setting of VidSTG and HC-STVG: every scored clip asks for its action in its video. The answer is
the tube that names the clip, else the best-scored tube of that action in that video that names no
clip (`tubes`: records of the file, or made of its seconds and points). Of a tube only its span
counts, from its first second to its last, and its boxes:

- tIoU: seconds in both spans / seconds in either;
- vIoU: sum of the box IoUs at the seconds in both spans / seconds of the hull of both spans. Where
  the spans meet, the hull is their union; where they do not, vIoU is 0;
- vIoU@R: share of the questions whose vIoU is above R.

A second of the answer without a box has IoU 0, and so has a question without an answer. A clip
without any box cannot be asked where: it counts for tIoU alone. Seconds of a clip without a box,
beside others with one, are left out of vIoU or count as 0 (`unlabelled_tube_seconds`).

The system is told the action, so it does not matter among which actions it chose, unless its tubes
are made of seconds for which it had to choose one.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from dataset_builder.geometry import Box, box_iou
from dataset_builder.predictions import TubePrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, Ratio, Scored
from stg_model.evaluation.pools import check_pool
from stg_model.evaluation.regions import IOU_DECIMALS
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth
from stg_model.evaluation.tubes import content_key, predicted_tubes

Span = tuple[int, int]
"""Half-open `[first, last + 1)`, in whole seconds or in frames."""


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    shares = {_share_name(r): f"vIoU@{r:g}" for r in settings.query_iou_thresholds}
    return {"m_tiou": "m_tIoU", "m_viou": "m_vIoU", **shares}


@dataclass(frozen=True, slots=True)
class Answered:
    """What one metric gave one question: a number from 0 to 1."""

    video: int
    action_id: str
    value: float


def score(case: Case) -> Scored:
    """Ask one system for every scored clip.

    Raises:
        UndefinedMetricError: no scored clip has a box, or what the system wrote makes no tubes, or
            makes them of seconds whose actions were not chosen among those of the settings' pool.
        InputError: a tube names a clip that is not of its action in its video, or a heatmap cannot
            be read.
    """
    if not case.predictions.tubes:
        check_pool(case)
    tubes = predicted_tubes(case)
    answer_of = answers(case.truths, tubes)
    tious, vious = [], []
    for video, _, clip in questions(case.truths):
        tube = answer_of.get(clip.clip_id)
        tiou = span_iou(span_of(clip.seconds), span_of(tube.boxes)) if tube else 0.0
        tious.append(Answered(video, clip.action_id, tiou))
        if clip.boxes:
            viou = _clip_viou(clip, tube, case.settings) if tube else 0.0
            vious.append(Answered(video, clip.action_id, viou))
    if not vious:
        raise UndefinedMetricError("no scored frame of the release has a box")
    is_right = operator.gt if case.settings.iou_comparison == ">" else operator.ge
    values = {"m_tiou": tious, "m_viou": vious} | {
        _share_name(r): [Answered(v.video, v.action_id, float(is_right(v.value, r))) for v in vious]
        for r in case.settings.query_iou_thresholds
    }
    return scored_questions(
        values,
        len(case.truths),
        {
            "questions": len(tious),
            "questions_without_box": len(tious) - len(vious),
            "questions_without_answer": len(tious) - len(answer_of),
        },
    )


def span_iou(true: Span, said: Span) -> float:
    """Return the frames in both spans / the frames in either, 0..1.

    >>> span_iou((2, 6), (4, 8))
    0.3333333333333333
    """
    shared = max(0, min(true[1], said[1]) - max(true[0], said[0]))
    return shared / (true[1] - true[0] + said[1] - said[0] - shared)


def volume_iou(
    true: Span,
    said: Span,
    true_boxes: Mapping[int, Box],
    said_boxes: Mapping[int, Box],
    frames: Iterable[int],
) -> float:
    """Return vIoU: the sum of box IoUs over the frames in both spans / frames in their hull.

    By hand: the true span holds frames 0 to 3, the answer frames 2 to 5, with the true box at frame
    2 and one that half overlaps it at frame 3 (IoU 1/3): (1 + 1/3) / 6.

    >>> box, beside = Box(0, 0, 0.5, 0.5), Box(0.25, 0, 0.75, 0.5)
    >>> said = {2: box, 3: beside, 4: box, 5: box}
    >>> round(volume_iou((0, 4), (2, 6), dict.fromkeys(range(4), box), said, range(10)), 6)
    0.222222

    Args:
        true: when it is.
        said: when it is said to be.
        true_boxes: by frame; where one is missing, the frame adds 0.
        said_boxes: by frame; where one is missing, the frame adds 0.
        frames: those that are compared (a sample, or those that can be judged), each once.

    Returns:
        0..1, rounded to `regions.IOU_DECIMALS`; 0 where no frame is compared.
    """
    hull = min(true[0], said[0]), max(true[1], said[1])
    both = max(true[0], said[0]), min(true[1], said[1])
    compared = [frame for frame in frames if hull[0] <= frame < hull[1]]
    shared = (frame for frame in compared if both[0] <= frame < both[1])
    found = _sum_of_ious(true_boxes, said_boxes, shared) / max(len(compared), 1)
    return round(found, IOU_DECIMALS)


def mean_box_iou(
    true_boxes: Mapping[int, Box], said_boxes: Mapping[int, Box], frames: Sequence[int]
) -> float:
    """Return gt_vIoU: the mean box IoU over the true frames; a missing box has IoU 0.

    >>> box = Box(0, 0, 0.5, 0.5)
    >>> mean_box_iou({0: box, 1: box}, {1: box}, [0, 1])
    0.5
    """
    return round(_sum_of_ious(true_boxes, said_boxes, frames) / max(len(frames), 1), IOU_DECIMALS)


def answers(
    truths: Sequence[VideoTruth], tubes: Sequence[TubePrediction]
) -> dict[str, TubePrediction]:
    """Return the tube that answers each question, by clip id; clips without one are absent.

    Of tubes with equal scores the first by content is taken (`content_key`): the one that begins
    first, then by its boxes and other seconds. A tube that names one clip answers no other.
    """
    named: dict[str, TubePrediction] = {}
    best: dict[tuple[str, str], TubePrediction] = {}
    for tube in tubes:
        if tube.clip_id is None:
            key = tube.video_id, tube.action_id
            best[key] = _better(tube, best.get(key))
        else:
            named[tube.clip_id] = _better(tube, named.get(tube.clip_id))
    found = {
        clip.clip_id: named.get(clip.clip_id, best.get((truth.video_id, clip.action_id)))
        for _, truth, clip in questions(truths)
    }
    return {clip_id: tube for clip_id, tube in found.items() if tube is not None}


def questions(truths: Sequence[VideoTruth]) -> Iterator[tuple[int, VideoTruth, TrueClip]]:
    """Yield each scored clip with the index and the truth of its video."""
    for index, truth in enumerate(truths):
        for clip in truth.clips:
            if clip.is_scored:
                yield index, truth, clip


def scored_questions(
    values: Mapping[str, Sequence[Answered]], n_videos: int, counts: Mapping[str, int]
) -> Scored:
    """Return the mean of each metric over its questions, and over those of each action."""
    measures, per_action = {}, {}
    for name, found in values.items():
        video = np.array([one.video for one in found], dtype=np.intp)
        sums, asked = np.zeros((2, n_videos))
        np.add.at(sums, video, [one.value for one in found])
        np.add.at(asked, video, 1)
        measures[name] = Ratio(sums, asked)
        by_action: dict[str, list[float]] = {}
        for one in found:
            by_action.setdefault(one.action_id, []).append(one.value)
        per_action[name] = {action: fmean(mine) for action, mine in sorted(by_action.items())}
    return Scored(measures, counts, per_action)


def span_of(frames: Iterable[int]) -> Span:
    """Return the span from the first of some frames to the last."""
    held = sorted(frames)
    return held[0], held[-1] + 1


def _better(tube: TubePrediction, other: TubePrediction | None) -> TubePrediction:
    if other is None or tube.score > other.score:
        return tube
    if tube.score == other.score and content_key(tube) < content_key(other):
        return tube
    return other


def _clip_viou(clip: TrueClip, tube: TubePrediction, settings: EvaluationSettings) -> float:
    true, said = span_of(clip.seconds), span_of(tube.boxes)
    left_out = clip.seconds - clip.boxes.keys()
    if settings.unlabelled_tube_seconds == "background":
        left_out = frozenset()
    hull = range(min(true[0], said[0]), max(true[1], said[1]))
    frames = (second for second in hull if second not in left_out)
    return volume_iou(true, said, clip.boxes, tube.boxes, frames)


def _sum_of_ious(
    true_boxes: Mapping[int, Box], said_boxes: Mapping[int, Box], frames: Iterable[int]
) -> float:
    return sum(
        box_iou(true_boxes[frame], said_boxes[frame])
        for frame in frames
        if frame in true_boxes and frame in said_boxes
    )


def _share_name(threshold: float) -> str:
    return f"viou@{threshold:g}"
