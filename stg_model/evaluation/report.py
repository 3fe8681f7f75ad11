"""Score systems on a release and say what the scores stand on.

`evaluate` is the Python way, `stg-model evaluate` the same on the command line. A metric that a
system's predictions do not define is absent with its reason, never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dataset_builder.errors import InputError
from dataset_builder.predictions import Predictions
from dataset_builder.release import Release
from stg_model.evaluation import (
    frame_regions,
    given_time,
    iou_pointing,
    pointing,
    queries,
    temporal,
    video_map,
)
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.frame_sizes import check_frame_sizes
from stg_model.evaluation.intervals import (
    Interval,
    IntervalSettings,
    percentile_interval,
    replicates,
)
from stg_model.evaluation.measures import Case, Floats, Scored, value_of
from stg_model.evaluation.people import PEOPLE, people_report
from stg_model.evaluation.pools import to_video_pools
from stg_model.evaluation.results import Report, SystemReport
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import VideoTruth, read_truth

SCORERS = (pointing, frame_regions, iou_pointing, temporal, video_map, queries, given_time)
"""Each has `metrics(settings)`, headings by name, and `score(case)`: all of them, or a reason."""


def metrics_of(settings: EvaluationSettings) -> dict[str, str]:
    """Return the metrics of a row, by the name they have in JSON, with their headings."""
    return {name: label for scorer in SCORERS for name, label in scorer.metrics(settings).items()}


def evaluate(
    release: Release,
    predictions: Predictions,
    settings: EvaluationSettings | None = None,
    baselines: Sequence[Predictions] = (),
    intervals: IntervalSettings | None = None,
) -> Report:
    """Score a system on a release, with baselines and what people reach beside it.

    `intervals` says how to make them; without it there are none. People stand in the last row,
    where the release holds their answers.

    Records of videos that are not scored, and of seconds past a video's end, are left aside and
    counted.

    Raises:
        InputError: the release has nothing to score, none of a system's records is about it, it
            saw frames of another shape (`check_frame_sizes`), or it bears a baseline's name or that
            of the people.
    """
    return evaluate_all(release, [predictions], settings, baselines, intervals)


def evaluate_all(
    release: Release,
    submitted: Sequence[Predictions],
    settings: EvaluationSettings | None = None,
    baselines: Sequence[Predictions] = (),
    intervals: IntervalSettings | None = None,
) -> Report:
    """Score several systems, and baselines beside them, on a release; see `evaluate`."""
    settings = settings or EvaluationSettings()
    truths = read_truth(release, settings.clips)
    systems = [(found, "submitted") for found in submitted]
    systems += [(found, "baseline") for found in baselines]
    names = Counter([*(found.system.name for found, _ in systems), PEOPLE.name])
    for name, n in names.items():
        if n > 1:
            raise InputError(f"{n} systems are named {name!r}; give each a name of its own")
    for found, _ in systems:
        check_frame_sizes(release, found)
    rows = [_score(Case(truths, release.actions, found, settings), kind) for found, kind in systems]
    people = people_report(release, truths, settings, metrics_of(settings))
    rows += [people] if people else []
    return Report(
        release_name=release.name,
        release_version=release.version,
        release_digest=release.digest,
        settings=settings,
        headings=metrics_of(settings),
        counts=_truth_counts(truths),
        systems=tuple(_with_intervals(row, len(truths), intervals) for row in rows),
        intervals=intervals,
        left_out=release.left_out,
    )


def _with_intervals(
    row: SystemReport, n_videos: int, settings: IntervalSettings | None
) -> SystemReport:
    """Return the row with the intervals of its metrics, taken over resampled videos."""
    if settings is None:
        return row
    values = replicates(row.scored.measures, n_videos, settings, row.system.name)
    found = {name: _interval(row, values, name, settings) for name in values}
    return replace(row, intervals=found, replicates=values)


def _interval(
    row: SystemReport, values: Mapping[str, Floats], name: str, settings: IntervalSettings
) -> Interval | None:
    """Return the interval of one metric, within 0..1 as all of them are."""
    value = row.metrics[name]
    if value is None:
        return None
    found = percentile_interval(value, values[name], settings.level)
    return found and Interval(*(min(max(end, 0.0), 1.0) for end in (found.low, found.high)))


def _score(case: Case, kind: str) -> SystemReport:
    counts = _record_counts(case)
    if case.settings.pool == "video":
        predictions, anew = to_video_pools(case.truths, case.predictions)
        case, counts = replace(case, predictions=predictions), counts | anew
    missing: dict[str, str] = {}
    parts: list[Scored] = []
    for scorer in SCORERS:
        try:
            parts.append(scorer.score(case))
        except UndefinedMetricError as reason:
            missing.update(dict.fromkeys(scorer.metrics(case.settings), str(reason)))
    whole = Scored(
        {name: measure for part in parts for name, measure in part.measures.items()},
        {name: count for part in parts for name, count in part.counts.items()},
        {name: values for part in parts for name, values in part.per_action.items()},
        {name: curves for part in parts for name, curves in part.curves.items()},
    )
    metrics = {
        name: value_of(whole.measures[name], len(case.truths)) if name in whole.measures else None
        for name in metrics_of(case.settings)
    }
    return SystemReport(
        system=case.predictions.system,
        kind=kind,
        metrics=metrics,
        missing=missing,
        counts=counts | dict(whole.counts),
        n_actions={
            name: sum(value is not None for value in values.values())
            for name, values in whole.per_action.items()
        },
        scored=whole,
    )


def _truth_counts(truths: Sequence[VideoTruth]) -> dict[str, int]:
    clips = [clip for truth in truths for clip in truth.clips if clip.is_scored]
    n_boxes = sum(len(clip.boxes) for clip in clips)
    return {
        "videos": len(truths),
        "actions": len({clip.action_id for clip in clips}),
        "clips": len(clips),
        "seconds": sum(truth.n_seconds for truth in truths),
        "frames_with_box": n_boxes,
        "frames_without_box": sum(len(clip.seconds) for clip in clips) - n_boxes,
    }


def _record_counts(case: Case) -> dict[str, int]:
    """Count the records that no metric reads; refuse predictions that are about other videos."""
    predictions = case.predictions
    action_ids = {action.action_id for action in case.actions}
    n_seconds = {truth.video_id: truth.n_seconds for truth in case.truths}
    keys = [*predictions.seconds, *((video_id, s) for video_id, s, _ in predictions.points)]
    keys += [(tube.video_id, max(tube.boxes)) for tube in predictions.tubes]
    n_other = sum(video_id not in n_seconds for video_id, _ in keys)
    if keys and n_other == len(keys):
        raise InputError(
            f"predictions of {predictions.system.name!r}: none of the {len(keys)} records is about "
            f"a scored video (the first is {keys[0][0]!r}, the release has {min(n_seconds)!r}); "
            "are they for another release?"
        )
    named = [record.action_id for record in predictions.seconds.values() if record.action_id]
    named += [action_id for _, _, action_id in predictions.points]
    named += [tube.action_id for tube in predictions.tubes]
    return {
        "records": len(keys),
        "records_of_other_videos": n_other,
        "records_past_the_end": sum(second >= n_seconds.get(v, second + 1) for v, second in keys),
        "records_of_unknown_actions": sum(action_id not in action_ids for action_id in named),
    }
