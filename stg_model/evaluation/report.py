"""Score systems on a release and say what the scores stand on.

`evaluate` is the Python way, `stg-model evaluate` the same on the command line. A metric that a
system's predictions do not define is absent with its reason, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from dataset_builder.errors import InputError
from dataset_builder.predictions import Predictions, System
from dataset_builder.release import Release
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.pointing import score_pointing
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.spatio_temporal import score_iou_pointing
from stg_model.evaluation.temporal import score_alignment
from stg_model.evaluation.truth import VideoTruth, read_truth, true_boxes

Score = TypeVar("Score")

METRICS = {
    "pointing": "pointing",
    "iou_pointing": "IoU+Pointing",
    "iou_pointing_micro": "IoU+P. micro",
    "temporal_iou": "temporal IoU",
    "temporal_iod": "temporal IoD",
    "mof": "MoF",
}
"""The metrics of a row, by the name they have in JSON, with their heading in the table."""


@dataclass(frozen=True, slots=True)
class SystemReport:
    """One row: what one system scored.

    Attributes:
        system: who predicted.
        kind: `submitted` or `baseline`.
        metrics: value of each of `METRICS`, None where it is not defined.
        missing: the reason for each None.
        counts: what the values were taken over, and which records were left aside.
    """

    system: System
    kind: str
    metrics: Mapping[str, float | None]
    missing: Mapping[str, str]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """The scores of some systems on one release under one set of rules.

    `counts` says what of the release was scored.
    """

    release_name: str
    release_version: str
    release_digest: str
    settings: EvaluationSettings
    counts: Mapping[str, int]
    systems: tuple[SystemReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "release": {
                "name": self.release_name,
                "version": self.release_version,
                "digest": self.release_digest,
            },
            "settings": asdict(self.settings),
            "settings_digest": self.settings.digest,
            "counts": dict(self.counts),
            "systems": [
                {
                    "name": row.system.name,
                    "kind": row.kind,
                    "n_frames": self.counts["frames_with_box"],
                    **row.metrics,
                    "missing": dict(row.missing),
                    "counts": dict(row.counts),
                    "system": asdict(row.system),
                }
                for row in self.systems
            ],
        }

    def to_text(self) -> str:
        """Return the report as a table with its rules, counts and reasons, for a terminal."""
        cells = [["system", *METRICS.values()]]
        for row in self.systems:
            name = f"{row.system.name} (baseline)" if row.kind == "baseline" else row.system.name
            values = (row.metrics[metric] for metric in METRICS)
            cells.append([name, *("-" if v is None else f"{v:.4f}" for v in values)])
        lines = [
            f"release {self.release_name} {self.release_version}, sha256 {self.release_digest}",
            f"scored: {_counts(self.counts)}",
            "",
            *_aligned(cells),
            "",
            f"rules, sha256 {self.settings.digest}:",
            *(f"  {name} = {rule}" for name, rule in asdict(self.settings).items()),
            "",
        ]
        for row in self.systems:
            lines.append(f"{row.system.name}: {_counts(row.counts)}")
            for reason in dict.fromkeys(row.missing.values()):
                absent = [METRICS[name] for name, why in row.missing.items() if why == reason]
                lines.append(f"  no {', '.join(absent)}: {reason}")
        return "\n".join(lines)


def evaluate(
    release: Release,
    predictions: Predictions,
    settings: EvaluationSettings | None = None,
    baselines: Sequence[Predictions] = (),
) -> Report:
    """Score a system, and baselines beside it, on a release.

    Records of videos that are not scored, and of seconds past a video's end, are left aside and
    counted.

    Raises:
        InputError: the release has nothing to score, or none of a system's records is about it.
    """
    settings = settings or EvaluationSettings()
    truths = read_truth(release, settings.clips)
    action_ids = frozenset(action.action_id for action in release.actions)
    systems = [(predictions, "submitted"), *((baseline, "baseline") for baseline in baselines)]
    return Report(
        release_name=release.name,
        release_version=release.version,
        release_digest=release.digest,
        settings=settings,
        counts=_truth_counts(truths),
        systems=tuple(_score(found, kind, truths, action_ids) for found, kind in systems),
    )


def _score(
    predictions: Predictions,
    kind: str,
    truths: tuple[VideoTruth, ...],
    action_ids: frozenset[str],
) -> SystemReport:
    counts = _record_counts(predictions, truths, action_ids)
    metrics: dict[str, float | None] = dict.fromkeys(METRICS)
    missing: dict[str, str] = {}

    def attempt(score: Callable[[], Score], *names: str) -> Score | None:
        try:
            return score()
        except UndefinedMetricError as reason:
            missing.update(dict.fromkeys(names, str(reason)))
            return None

    pointing = attempt(lambda: score_pointing(true_boxes(truths), predictions.points), "pointing")
    if pointing:
        metrics["pointing"] = pointing.accuracy
        counts |= {"frames_hit": pointing.n_hits, "frames_without_point": pointing.n_missing}
    spatial = attempt(
        lambda: score_iou_pointing(truths, predictions), "iou_pointing", "iou_pointing_micro"
    )
    if spatial:
        metrics |= {"iou_pointing": spatial.macro, "iou_pointing_micro": spatial.micro}
        counts |= {
            "seconds_scored": spatial.n_seconds,
            "seconds_ignored": spatial.n_ignored,
            "seconds_without_record": spatial.n_missing,
        }
    temporal = attempt(
        lambda: score_alignment(truths, predictions.seconds), "temporal_iou", "temporal_iod", "mof"
    )
    if temporal:
        metrics |= {
            "temporal_iou": temporal.iou,
            "temporal_iod": temporal.iod,
            "mof": temporal.mof,
        }
        counts |= {
            "clips_aligned": temporal.n_clips,
            "seconds_aligned": temporal.n_seconds,
            "seconds_aligned_without_record": temporal.n_missing,
            "videos_too_short_to_align": temporal.n_left_out,
        }
    return SystemReport(predictions.system, kind, metrics, missing, counts)


def _truth_counts(truths: Sequence[VideoTruth]) -> dict[str, int]:
    clips = [clip for truth in truths for clip in truth.clips if clip.is_scored]
    n_boxes = sum(len(clip.boxes) for clip in clips)
    return {
        "videos": len(truths),
        "clips": len(clips),
        "seconds": sum(truth.n_seconds for truth in truths),
        "frames_with_box": n_boxes,
        "frames_without_box": sum(len(clip.seconds) for clip in clips) - n_boxes,
    }


def _record_counts(
    predictions: Predictions, truths: Sequence[VideoTruth], action_ids: frozenset[str]
) -> dict[str, int]:
    """Count the records that no metric reads; refuse predictions that are about other videos."""
    n_seconds = {truth.video_id: truth.n_seconds for truth in truths}
    keys = [*predictions.seconds, *((video_id, s) for video_id, s, _ in predictions.points)]
    n_other = sum(video_id not in n_seconds for video_id, _ in keys)
    if keys and n_other == len(keys):
        raise InputError(
            f"predictions of {predictions.system.name!r}: none of the {len(keys)} records is about "
            f"a scored video (the first is {keys[0][0]!r}, the release has {min(n_seconds)!r}); "
            "are they for another release?"
        )
    named = [record.action_id for record in predictions.seconds.values() if record.action_id]
    named += [action_id for _, _, action_id in predictions.points]
    return {
        "records": len(keys),
        "records_of_other_videos": n_other,
        "records_past_the_end": sum(second >= n_seconds.get(v, second + 1) for v, second in keys),
        "records_of_unknown_actions": sum(action_id not in action_ids for action_id in named),
    }


def _counts(counts: Mapping[str, int]) -> str:
    """Return the counts as text, without those that are zero."""
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items() if n)


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table: first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
