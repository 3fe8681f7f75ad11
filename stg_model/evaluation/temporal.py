"""Temporal IoU and IoD by ordered alignment: given the order, find the times.

The order of a video's clips is given, with background before, between and after them; the system's
scores of each second decide where each clip lies. The best alignment maximises the sum over seconds
of the score of the position that holds the second. Every clip gets one second or more, background
may get none (`decoder`: `alignment` has the exact form and the released one).

The scores are read as log-probabilities over the video's actions and background, up to a constant
of each second: a log-softmax would give the same alignment, since the normaliser of a second is the
same for every path. With `length_model = poisson` the scores of the positions' lengths are added.
Then the scale of the scores counts: probabilities or cosines are flat as log-probabilities, and the
lengths decide. All positions, clips and background, have one mean length, the video's seconds /
(2 x clips + 1); its value changes nothing, since the lengths sum to the same on every path.

The aligned seconds of each clip are compared with its true ones (`segment_overlap`): IoU and IoD,
averaged over the clips of a video, then over videos. MoF is the share of seconds that got a true
action, or rightly background; seconds that only clips which are not scored hold do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from dataset_builder.predictions import SecondPrediction
from stg_model.evaluation.alignment import align, align_as_released
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.length_models import poisson_scores
from stg_model.evaluation.measures import Case, Ratio, Scored, value_of
from stg_model.evaluation.segment_overlap import Overlap, overlaps
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueSecond, VideoTruth

Floats = npt.NDArray[np.float64]


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    return {"temporal_iou": "temporal IoU", "temporal_iod": "temporal IoD", "mof": "MoF"}


def score(case: Case) -> Scored:
    """Align each video's clips by one system's scores; see `score_alignment`."""
    return _align_all(case.truths, case.predictions.seconds, case.settings)


@dataclass(frozen=True, slots=True)
class TemporalScore:
    """The three measures and what they were taken over.

    `n_seconds` count for MoF; `n_missing` seconds have no record and took no side in the alignment;
    `n_left_out` videos have more clips than seconds, so that no order of them fits.
    """

    iou: float
    iod: float
    mof: float
    n_videos: int
    n_clips: int
    n_seconds: int
    n_missing: int
    n_left_out: int


def score_alignment(
    truths: Sequence[VideoTruth],
    seconds: Mapping[tuple[str, int], SecondPrediction],
    settings: EvaluationSettings | None = None,
) -> TemporalScore:
    """Align each video's clips by the system's scores and compare with their true seconds.

    By hand: "cut" is true at seconds 1 and 2 of five, the scores favour it at 2 and 3. Then
    G = {1, 2} and D = {2, 3}: IoU 1/3, IoD 1/2, and seconds 0, 2 and 4 of five are right.

    >>> from stg_model.evaluation.truth import TrueClip
    >>> truth = VideoTruth("v", 5, (TrueClip("c", "cut", frozenset({1, 2}), {}),))
    >>> said = {("v", s): SecondPrediction("v", s, None, {"cut": 0.9 if s in (2, 3) else 0.1}, 0.5)
    ...         for s in range(5)}
    >>> score = score_alignment([truth], said)
    >>> round(score.iou, 6), score.iod, score.mof
    (0.333333, 0.5, 0.6)

    Raises:
        UndefinedMetricError: the system names no actions, scores no clip's action at some second,
            or has no background score and scores outside 0..1.
    """
    found = _align_all(truths, seconds, settings or EvaluationSettings())
    iou, iod, mof = (value_of(found.measures[name], len(truths)) for name in found.measures)
    n_videos = sum(bool(t.clips) and len(t.clips) <= t.n_seconds for t in truths)
    return TemporalScore(
        iou=iou,
        iod=iod,
        mof=mof,
        n_videos=n_videos,
        n_clips=found.counts["clips_aligned"],
        n_seconds=found.counts["seconds_aligned"],
        n_missing=found.counts["seconds_aligned_without_record"],
        n_left_out=found.counts["videos_too_short_to_align"],
    )


def _align_all(
    truths: Sequence[VideoTruth],
    seconds: Mapping[tuple[str, int], SecondPrediction],
    settings: EvaluationSettings,
) -> Scored:
    if not seconds:
        raise UndefinedMetricError("the predictions hold no second records")
    iou_V, iod_V, right_V, counted_V, aligned_V = np.zeros((5, len(truths)))
    by_action: dict[str, list[Overlap]] = {}
    n_clips = n_missing = n_left_out = 0
    for index, truth in enumerate(truths):
        if not truth.clips:
            continue
        if len(truth.clips) > truth.n_seconds:
            n_left_out += 1
            continue
        held = _align_video(truth, seconds, settings)
        true_seconds = truth.by_second()
        found = overlaps(truth, true_seconds, held, settings)
        iou_V[index] = fmean(one.iou for one in found)
        iod_V[index] = fmean(one.iod for one in found)
        aligned_V[index] = 1
        n_clips += sum(clip.is_scored for clip in truth.clips)
        counted = _counted(truth, true_seconds)
        right_V[index] = _n_right(truth, held, counted)
        counted_V[index] = len(counted)
        n_missing += sum((truth.video_id, s) not in seconds for s in range(truth.n_seconds))
        for one in found:
            if one.action_id is not None:
                by_action.setdefault(one.action_id, []).append(one)
    if not aligned_V.any():
        raise UndefinedMetricError("no video of the release has clips that can be aligned")
    return Scored(
        {
            "temporal_iou": Ratio(iou_V, aligned_V),
            "temporal_iod": Ratio(iod_V, aligned_V),
            "mof": Ratio(right_V, counted_V),
        },
        {
            "clips_aligned": n_clips,
            "seconds_aligned": int(counted_V.sum()),
            "seconds_aligned_without_record": n_missing,
            "videos_too_short_to_align": n_left_out,
        },
        {
            "temporal_iou": {a: fmean(o.iou for o in by_action[a]) for a in sorted(by_action)},
            "temporal_iod": {a: fmean(o.iod for o in by_action[a]) for a in sorted(by_action)},
        },
    )


def _align_video(
    truth: VideoTruth,
    seconds: Mapping[tuple[str, int], SecondPrediction],
    settings: EvaluationSettings,
) -> list[range]:
    """Return the seconds of each position: background, first clip, background, ..., background."""
    actions = sorted({clip.action_id for clip in truth.clips})
    rows = np.zeros((truth.n_seconds, len(actions) + 1))  # a second without a record takes no side
    for second in range(truth.n_seconds):
        record = seconds.get((truth.video_id, second))
        if record is not None:
            rows[second] = [_background(record, actions), *_scores(record, actions)]
    column = {action_id: index for index, action_id in enumerate(actions, start=1)}
    columns = np.zeros(2 * len(truth.clips) + 1, dtype=int)
    columns[1::2] = [column[clip.action_id] for clip in truth.clips]
    lengths_ML = None
    if settings.length_model == "poisson":
        table = poisson_scores(truth.n_seconds / len(columns), truth.n_seconds + 1)
        lengths_ML = np.broadcast_to(table, (len(columns), len(table)))
    decode = align if settings.decoder == "exact" else align_as_released
    shortest = [position % 2 for position in range(len(columns))]
    bounds = decode(rows[:, columns], shortest, lengths_ML).tolist()
    return [range(*bounds[m : m + 2]) for m in range(len(columns))]


def _scores(record: SecondPrediction, actions: Sequence[str]) -> list[float]:
    try:
        return [record.scores[action_id] for action_id in actions]
    except KeyError as missing:
        raise UndefinedMetricError(
            f"{record.video_id}/{record.second}: no score for {missing}, an action of the video"
        ) from missing


def _background(record: SecondPrediction, actions: Sequence[str]) -> float:
    """Return the background's score, by default 1 - the best score of the video's own actions."""
    if record.background is not None:
        return record.background
    scores = [record.scores[action_id] for action_id in actions if action_id in record.scores]
    if not scores or min(scores) < 0 or max(scores) > 1:
        raise UndefinedMetricError(
            f"{record.video_id}/{record.second}: no background score, and its default (1 - the "
            "best score) needs scores within 0..1"
        )
    return 1 - max(scores)


def _counted(truth: VideoTruth, true_seconds: Sequence[TrueSecond]) -> dict[int, TrueSecond]:
    """Return the seconds of background and of scored clips."""
    scored = {second for clip in truth.clips if clip.is_scored for second in clip.seconds}
    by_second = enumerate(true_seconds)
    return {second: true for second, true in by_second if second in scored or not true.actions}


def _n_right(truth: VideoTruth, held: Sequence[range], counted: Mapping[int, TrueSecond]) -> int:
    """Count the seconds whose aligned label is a true one."""
    runs = zip(truth.clips, held[1::2], strict=True)
    said = {second: clip.action_id for clip, run in runs for second in run}
    return sum(
        said[second] in true.actions if second in said else not true.actions
        for second, true in counted.items()
    )
