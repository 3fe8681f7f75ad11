"""Temporal IoU and IoD by ordered alignment (MODEL.md 6.5): given the order, find the times.

The order of a video's clips is given, with background before, between and after them; the system's
scores of each second decide where each clip lies. The best alignment is found exactly: it maximises
the sum over seconds of the score of the position that holds the second. Every clip gets one second
or more, background may get none. (Log-probabilities would give the same alignment: the normaliser
of a second is the same for every path. Without a length model no other term exists.)

For each clip, G are its true and D its aligned seconds: IoU = |G n D| / |G u D|, IoD = |G n D| /
|D|, averaged over the clips of a video, then over videos. A second that two clips share counts for
the one that it was aligned to. MoF is the share of seconds that got a true action, or rightly
background; seconds that only clips which are not scored hold do not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset_builder.predictions import SecondPrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, Ratio, Scored, value_of
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueSecond, VideoTruth

Scores = npt.NDArray[np.float64]


def metrics(settings: EvaluationSettings) -> dict[str, str]:
    """Return the name in JSON and the heading of each metric of this module."""
    return {"temporal_iou": "temporal IoU", "temporal_iod": "temporal IoD", "mof": "MoF"}


def score(case: Case) -> Scored:
    """Align each video's clips by one system's scores; see `score_alignment`."""
    return _align_all(case.truths, case.predictions.seconds)


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


def align(scores_TM: Scores, shortest: Sequence[int]) -> npt.NDArray[np.intp]:
    """Cut T seconds into M consecutive runs so that the sum of their scores is largest.

    Args:
        scores_TM: score of giving second t to position m, (T seconds, M positions), finite.
        shortest: fewest seconds of each position, 0 or more.

    Returns:
        The M + 1 boundaries: position m holds seconds `[b[m], b[m + 1])`. Of equal alignments the
        one whose last positions begin earliest.

    Raises:
        ValueError: the shortest lengths do not fit into T seconds, or shapes disagree.

    >>> scores_TM = np.array([[2, 0], [1, 0], [0, 1], [0, 3]], dtype=float)
    >>> align(scores_TM, [1, 1]).tolist()
    [0, 2, 4]
    """
    n_seconds, n_positions = scores_TM.shape
    if len(shortest) != n_positions:
        raise ValueError(f"{n_positions} positions but {len(shortest)} shortest lengths")
    if sum(shortest) > n_seconds:
        raise ValueError(f"{n_positions} positions need {sum(shortest)} of {n_seconds} seconds")
    # best[t]: largest sum when the positions so far hold exactly the first t seconds.
    best = np.full(n_seconds + 1, -np.inf)
    best[0] = 0
    starts: list[npt.NDArray[np.intp]] = []
    for position, fewest in enumerate(shortest):
        total = np.concatenate([[0], np.cumsum(scores_TM[:, position])])
        gain = best - total  # what a run that starts here brings along
        largest = np.maximum.accumulate(gain)
        is_new = np.concatenate([[True], gain[1:] > largest[:-1]])
        start = np.maximum.accumulate(np.where(is_new, np.arange(n_seconds + 1), 0))
        until = n_seconds + 1 - fewest
        best = np.full(n_seconds + 1, -np.inf)
        best[fewest:] = total[fewest:] + largest[:until]
        starts.append(np.concatenate([np.zeros(fewest, dtype=np.intp), start[:until]]))
    boundaries = [n_seconds]
    for start in reversed(starts):
        boundaries.append(int(start[boundaries[-1]]))
    return np.array(boundaries[::-1])


def score_alignment(
    truths: Sequence[VideoTruth], seconds: Mapping[tuple[str, int], SecondPrediction]
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
    found = _align_all(truths, seconds)
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
    truths: Sequence[VideoTruth], seconds: Mapping[tuple[str, int], SecondPrediction]
) -> Scored:
    if not seconds:
        raise UndefinedMetricError("the predictions hold no second records")
    iou_V, iod_V, right_V, counted_V, aligned_V = np.zeros((5, len(truths)))
    n_clips = n_missing = n_left_out = 0
    for index, truth in enumerate(truths):
        if not truth.clips:
            continue
        if len(truth.clips) > truth.n_seconds:
            n_left_out += 1
            continue
        held = _align_video(truth, seconds)
        overlaps = _overlaps(truth, held)
        iou_V[index] = math.fsum(iou for iou, _ in overlaps) / len(overlaps)
        iod_V[index] = math.fsum(iod for _, iod in overlaps) / len(overlaps)
        aligned_V[index] = 1
        n_clips += len(overlaps)
        counted = _counted(truth)
        right_V[index] = _n_right(truth, held, counted)
        counted_V[index] = len(counted)
        n_missing += sum((truth.video_id, s) not in seconds for s in range(truth.n_seconds))
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
    )


def _align_video(
    truth: VideoTruth, seconds: Mapping[tuple[str, int], SecondPrediction]
) -> list[set[int]]:
    """Return the seconds that the alignment gives to each clip, in the clips' order."""
    actions = [clip.action_id for clip in truth.clips]
    scores = np.zeros((truth.n_seconds, 2 * len(actions) + 1))
    for second in range(truth.n_seconds):
        record = seconds.get((truth.video_id, second))
        if record is not None:
            scores[second, ::2] = _background(record)
            scores[second, 1::2] = [_score(record, action_id) for action_id in actions]
    shortest = [position % 2 for position in range(scores.shape[1])]
    bounds = align(scores, shortest).tolist()
    return [set(range(*bounds[m : m + 2])) for m in range(1, len(shortest), 2)]


def _score(record: SecondPrediction, action_id: str) -> float:
    if action_id not in record.scores:
        raise UndefinedMetricError(
            f"{record.video_id}/{record.second}: no score for {action_id!r}, an action of the video"
        )
    return record.scores[action_id]


def _background(record: SecondPrediction) -> float:
    if record.background is not None:
        return record.background
    scores = record.scores.values()
    if not scores or min(scores) < 0 or max(scores) > 1:
        raise UndefinedMetricError(
            f"{record.video_id}/{record.second}: no background score, and its default (1 - the "
            "best score) needs scores within 0..1"
        )
    return 1 - max(scores)


def _overlaps(truth: VideoTruth, held: Sequence[set[int]]) -> list[tuple[float, float]]:
    """Return (IoU, IoD) of each scored clip."""
    found = []
    for index, clip in enumerate(truth.clips):
        if not clip.is_scored:
            continue
        mine = held[index]
        given_away = {
            second
            for other, theirs in zip(truth.clips, held, strict=True)
            if other is not clip
            for second in clip.seconds & other.seconds & theirs
        }
        true = clip.seconds - given_away
        shared = len(true & mine)
        found.append((shared / len(true | mine), shared / len(mine)))
    return found


def _counted(truth: VideoTruth) -> dict[int, TrueSecond]:
    """Return the seconds of background and of scored clips."""
    scored = {second for clip in truth.clips if clip.is_scored for second in clip.seconds}
    by_second = enumerate(truth.by_second())
    return {second: true for second, true in by_second if second in scored or not true.actions}


def _n_right(truth: VideoTruth, held: Sequence[set[int]], counted: Mapping[int, TrueSecond]) -> int:
    """Count the seconds whose aligned label is a true one."""
    said = {s: clip.action_id for clip, mine in zip(truth.clips, held, strict=True) for s in mine}
    return sum(
        said[second] in true.actions if second in said else not true.actions
        for second, true in counted.items()
    )
