"""Video mAP: are the right actions found at the right places and times?

Tubes of one action are ranked over all videos and matched to the true tubes of that action in their
video (`matching`); the average precision of each action that has a true tube is taken
(`average_precision`) and averaged. Two forms of IoU are in use (`tube_overlap`), so each metric
names its own: `video_map_volume@0.5` and `video_map_act@0.5`; `@mean` is the plain mean over the
thresholds.

What nothing is known about is neither right nor wrong. A tube's boxes are left aside at seconds
that only clips which are not scored hold, and where it is only by such clips that its action is
true; so is a tube that has no other boxes. With `unlabelled_tube_seconds = ignored`, so is a tube
that lies where its action is true and has no box. Tubes that answer the question of one clip stand
in the setting of `queries` only (R27): whoever asked had told the system what happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dataset_builder.predictions import TubePrediction
from stg_model.evaluation.average_precision import (
    Detections,
    Ints,
    MeanAveragePrecision,
    mean_average_precision,
)
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.matching import Pairs, match
from stg_model.evaluation.measures import Case, MeanOfMeasures, Measure, Scored
from stg_model.evaluation.pools import check_pool
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth
from stg_model.evaluation.tube_overlap import flatten, tube_ious
from stg_model.evaluation.tubes import TrueTube, content_key, predicted_tubes, true_tubes

FORMS = {"volume": "video mAP (volume)", "act": "video mAP (ACT)"}
"""Heading of each form of IoU."""


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    which = [*(f"{threshold:g}" for threshold in settings.tube_iou_thresholds), "mean"]
    return {
        f"video_map_{form}@{name}": f"{heading}@{name}"
        for form, heading in FORMS.items()
        for name in which
    }


def score(case: Case) -> Scored:
    """Score the tubes of one system.

    Raises:
        UndefinedMetricError: there are no true tubes, or what the system wrote makes no tubes, or
            it did not choose among the actions that the settings ask for.
        InputError: a tube names a clip that is not of its action in its video, or a heatmap cannot
            be read.
    """
    check_pool(case)
    true = true_tubes(case.truths)
    if not true:
        raise UndefinedMetricError("no scored frame of the release has a box")
    said = predicted_tubes(case)
    unasked = [tube for tube in said if tube.clip_id is None]
    if said and not unasked:
        raise UndefinedMetricError(
            "all tubes answer the question of a clip (clip_id): they tell where an action is, not "
            "that it is there"
        )
    judged = judged_tubes(unasked, case)
    actions = sorted({tube.action_id for tube in true})
    with_truth = set(actions)
    found = sorted((tube for tube in judged if tube.action_id in with_truth), key=content_key)
    measures: dict[str, Measure] = {}
    per_action: dict[str, dict[str, float | None]] = {}
    curves = {}
    for form, maps in _maps(found, true, actions, case).items():
        names = [f"video_map_{form}@{t:g}" for t in case.settings.tube_iou_thresholds]
        measures |= dict(zip(names, maps, strict=True))
        for name, one in zip(names, maps, strict=True):
            per_action[name] = one.per_action(actions)
            curves[name] = one.curves(actions)
        areas = np.array([[per_action[name][a] for a in actions] for name in names], float)
        measures[f"video_map_{form}@mean"] = MeanOfMeasures(maps)
        per_action[f"video_map_{form}@mean"] = dict(
            zip(actions, areas.mean(axis=0).tolist(), strict=True)
        )
    counts = {
        "true_tubes": len(true),
        "tubes": len(said),
        "tubes_answering_a_clip": len(said) - len(unasked),
        "tubes_left_aside": len(unasked) - len(judged),
        "tubes_of_actions_without_truth": len(judged) - len(found),
    }
    return Scored(measures, counts, per_action, curves)


def judged_tubes(tubes: Sequence[TubePrediction], case: Case) -> list[TubePrediction]:
    """Return the tubes of which something is known to be right or wrong; see the module's text.

    Args:
        tubes: of the scored videos.
        case: what is true, and the rule `unlabelled_tube_seconds`.
    """
    truth_of = {truth.video_id: truth for truth in case.truths}
    known: dict[tuple[str, str], tuple[set[int], set[int]]] = {}
    found = []
    for tube in tubes:
        key = tube.video_id, tube.action_id
        if key not in known:
            known[key] = _unknown_seconds(truth_of[tube.video_id], tube.action_id, case.settings)
        unscored, unlabelled = known[key]
        if not tube.boxes.keys() <= unscored | unlabelled:
            boxes = {second: box for second, box in tube.boxes.items() if second not in unscored}
            found.append(tube if len(boxes) == len(tube.boxes) else replace(tube, boxes=boxes))
    return found


def _unknown_seconds(
    truth: VideoTruth, action_id: str, settings: EvaluationSettings
) -> tuple[set[int], set[int]]:
    """Return the seconds whose boxes are left aside, and those where the action has no box."""
    scored, unscored = _seconds(truth.clips)
    mine = [clip for clip in truth.clips if clip.action_id == action_id]
    my_scored, my_unscored = _seconds(mine)
    unlabelled = set()
    if settings.unlabelled_tube_seconds == "ignored":
        unlabelled = my_scored.difference(*(clip.boxes for clip in mine if clip.is_scored))
    return unscored - scored | my_unscored - my_scored, unlabelled


def _seconds(clips: Iterable[TrueClip]) -> tuple[set[int], set[int]]:
    """Return the seconds of the clips that are scored, and those of the others."""
    held: dict[bool, set[int]] = {True: set(), False: set()}
    for clip in clips:
        held[clip.is_scored] |= clip.seconds
    return held[True], held[False]


def _maps(
    found: Sequence[TubePrediction],
    true: Sequence[TrueTube],
    actions: Sequence[str],
    case: Case,
) -> dict[str, list[MeanAveragePrecision]]:
    """Return, by form of IoU, video mAP at each threshold; `found` in the order of keys."""
    settings = case.settings
    video_of = {video_id: index for index, video_id in enumerate(case.video_ids)}
    action_of = {action_id: index for index, action_id in enumerate(actions)}
    videos_D, actions_D = _indices(found, video_of, action_of)
    videos_T, actions_T = _indices(true, video_of, action_of)
    n_true_AV = np.zeros((len(actions), len(video_of)))
    np.add.at(n_true_AV, (actions_T, videos_T), 1)
    ious = tube_ious(
        flatten(actions_D * len(video_of) + videos_D, [tube.boxes for tube in found]),
        flatten(
            actions_T * len(video_of) + videos_T,
            [{**dict.fromkeys(tube.unlabelled), **tube.boxes} for tube in true],
        ),
        settings.unlabelled_tube_seconds,
    )
    scores_D = np.array([tube.score for tube in found], float)
    maps: dict[str, list[MeanAveragePrecision]] = {}
    for form, ious_P in (("volume", ious.volume_P), ("act", ious.act_P)):
        pairs = Pairs(ious.predicted_P, ious.true_P, ious_P)
        for threshold in settings.tube_iou_thresholds:
            is_true_D = match(pairs, scores_D, threshold, settings)
            detections = Detections(actions_D, videos_D, scores_D, is_true_D)
            maps.setdefault(form, []).append(
                mean_average_precision(detections, n_true_AV, settings)
            )
    return maps


def _indices(
    tubes: Sequence[TubePrediction] | Sequence[TrueTube],
    video_of: Mapping[str, int],
    action_of: Mapping[str, int],
) -> tuple[Ints, Ints]:
    """Return the index of each tube's video and action, both (K,)."""
    videos_K = np.array([video_of[tube.video_id] for tube in tubes], np.int64)
    actions_K = np.array([action_of[tube.action_id] for tube in tubes], np.int64)
    return videos_K, actions_K
