"""How far the aligned seconds of a video's clips are their true ones: IoU and IoD.

G are the true and D the aligned seconds: IoU = |G n D| / |G u D|, IoD = |G n D| / |D|, 0 where D is
empty. What G and D are is named by `alignment_match`:

- `positions`: for each clip, its seconds and those of its position;
- `best_same_action`: as spans, the clip and the best of the aligned spans of its action, for IoU
  and IoD apart (public code after Lea et al., ICRA 2016; it divides by the hull of two spans, which
  is their union where they meet, and reads labels by frame, so that two runs of one action that
  touch are one, while here they are two);
- `action_seconds`: not clip by clip but action by action, all seconds of both.

With `alignment_positions = all` the background counts as well: its true segments are the seconds in
no clip between the start of one clip and that of the next, where there are any. Clips that are not
scored keep their place in the order and are compared with nothing. A second that two clips share
counts for the one that it was aligned to; spans keep theirs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueSecond, VideoTruth


@dataclass(frozen=True, slots=True)
class Overlap:
    """IoU and IoD of one clip, action or background segment; `action_id` None is background."""

    action_id: str | None
    iou: float
    iod: float


def overlaps(
    truth: VideoTruth,
    true_seconds: Sequence[TrueSecond],
    held: Sequence[range],
    settings: EvaluationSettings,
) -> list[Overlap]:
    """Return what is averaged over a video: its scored clips or actions, and background.

    By hand: "cut" is true at [0, 4) and [6, 10) and aligned at [0, 1) and [3, 8): IoU 1/4 and 2/7,
    IoD 1 and 2/5. Taken together, 4 of ten seconds are shared and 6 are aligned.

    >>> from stg_model.evaluation.truth import TrueClip
    >>> clips = (TrueClip("c", "cut", frozenset(range(4)), {}),
    ...          TrueClip("d", "cut", frozenset(range(6, 10)), {}))
    >>> truth = VideoTruth("v", 10, clips)
    >>> held = [range(0), range(0, 1), range(1, 3), range(3, 8), range(8, 10)]
    >>> found = overlaps(truth, truth.by_second(), held, EvaluationSettings())
    >>> [(round(one.iou, 3), one.iod) for one in found]
    [(0.25, 1.0), (0.286, 0.4)]
    >>> together = EvaluationSettings(alignment_match="action_seconds")
    >>> [(one.iou, round(one.iod, 3)) for one in overlaps(truth, truth.by_second(), held, together)]
    [(0.4, 0.667)]

    Args:
        truth: a video whose clips were aligned.
        true_seconds: what is true of each of its seconds.
        held: the seconds of each position: background, first clip, background, ..., background.
        settings: `alignment_match` and `alignment_positions`.
    """
    positions = [2 * i + 1 for i, clip in enumerate(truth.clips) if clip.is_scored]
    segments: list[list[int]] = []
    if settings.alignment_positions == "all":
        segments = _background_segments(truth, true_seconds)
    if settings.alignment_match == "positions":
        found = [_clips_overlap(truth, held, [position]) for position in positions]
        pairs = zip(segments, held[::2], strict=False)
        return found + [_overlap(None, {*true}, {*run}) for true, run in pairs if true]
    runs_of: dict[str, list[range]] = {}
    positions_of: dict[str, list[int]] = {}
    for index, clip in enumerate(truth.clips):
        runs_of.setdefault(clip.action_id, []).append(held[2 * index + 1])
        if clip.is_scored:
            positions_of.setdefault(clip.action_id, []).append(2 * index + 1)
    if settings.alignment_match == "action_seconds":
        found = [_clips_overlap(truth, held, mine) for mine in positions_of.values()]
        background = {second for true in segments for second in true}
        aligned = {second for run in held[::2] for second in run}
        return found + ([_overlap(None, background, aligned)] if background else [])
    clips = [truth.clips[position // 2] for position in positions]
    found = [_span_overlap(c.action_id, sorted(c.seconds), runs_of[c.action_id]) for c in clips]
    return found + [_span_overlap(None, true, held[::2]) for true in segments if true]


def _background_segments(truth: VideoTruth, true_seconds: Sequence[TrueSecond]) -> list[list[int]]:
    """Return the seconds in no clip before the first clip's start, the second's, ..., the end."""
    starts = [min(clip.seconds) for clip in truth.clips]
    segments: list[list[int]] = [[] for _ in range(len(starts) + 1)]
    for second, true in enumerate(true_seconds):
        if not true.actions:
            segments[bisect_right(starts, second)].append(second)
    return segments


def _clips_overlap(truth: VideoTruth, held: Sequence[range], positions: Sequence[int]) -> Overlap:
    """Compare the true and the aligned seconds of some clips of one action, taken together."""
    mine = [truth.clips[position // 2] for position in positions]
    true = {second for clip in mine for second in clip.seconds}
    aligned = {second for position in positions for second in held[position]}
    for index, other in enumerate(truth.clips):
        if 2 * index + 1 not in positions and not true.isdisjoint(other.seconds):
            true -= other.seconds.intersection(held[2 * index + 1])
    return _overlap(mine[0].action_id, true, aligned)


def _overlap(action_id: str | None, true: set[int], aligned: set[int]) -> Overlap:
    shared = len(true & aligned)
    return Overlap(action_id, shared / max(len(true | aligned), 1), shared / max(len(aligned), 1))


def _span_overlap(action_id: str | None, true: Sequence[int], runs: Iterable[range]) -> Overlap:
    """Compare a true segment with the best of some aligned runs, as spans."""
    start, end = true[0], true[-1] + 1
    ious, iods = [0.0], [0.0]
    for run in runs:
        if run:
            shared = min(end, run.stop) - max(start, run.start)
            ious.append(shared / (max(end, run.stop) - min(start, run.start)))
            iods.append(shared / len(run))
    return Overlap(action_id, max(ious), max(iods))
