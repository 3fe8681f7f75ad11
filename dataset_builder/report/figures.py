"""The figures of a release's page as one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dataset_builder.changes import Changes, box_ious
from dataset_builder.release import Release, counts_of
from dataset_builder.report.agreement import agreement
from dataset_builder.report.by_action import action_rows
from dataset_builder.report.by_person import people
from dataset_builder.report.contents import contents
from dataset_builder.report.intervals import LEVEL, REPLICATES, Mean, VideoBootstrap
from dataset_builder.report.page import drawable
from dataset_builder.report.places import FramePlaces, frame_places
from dataset_builder.verify import Verification
from dataset_builder.version_steps import step_text, version_step


def figures(outcome: Verification, changes: Changes | None = None) -> dict[str, Any]:
    """Return what the page of a release shows, as values that JSON holds.

    Distances, areas and the agreement's values are in percent, as on the page; shares are 0..1; an
    interval is the 95 % one over videos, None where it cannot be told.

    Raises:
        InputError: the release could not be read, or its records name what it does not hold.
    """
    release = drawable(outcome)
    places = frame_places(release)
    draws = VideoBootstrap([video.video_id for video in release.videos])
    shown = contents(release)
    return {
        "name": release.name,
        "version": release.version,
        "release_sha256": release.digest,
        "derivation": release.derivation,
        "licence": release.licence or None,
        "counts": counts_of(release),
        "left_out": dict(release.left_out),
        "funnel": {title: [asdict(stage) for stage in stages] for title, stages in shown.funnel},
        "contents": dict(shown.figures),
        "splits": [asdict(split) for split in shown.splits],
        "intervals": {"level": LEVEL, "replicates": REPLICATES},
        "agreement": _agreement(release, places, draws),
        "actions": [
            {
                "name": row.name,
                "clips": row.n_clips,
                "frames": row.n_frames,
                "share_with_box": row.share_boxed,
                "distance": _mean(row.distance),
                "share_unimodal": row.share_unimodal,
                "box_area": row.box_area,
            }
            for row in action_rows(release, places, draws)
        ],
        "people": _people(release),
        "findings": dict(sorted(Counter(finding.code for finding in outcome.findings).items())),
        "not_checked": list(outcome.not_checked),
        "changes": _changes(changes) if changes else None,
    }


def _agreement(
    release: Release, places: FramePlaces, draws: VideoBootstrap
) -> dict[str, Any] | None:
    found = agreement(release, places, draws)
    if found is None:
        return None
    rows = {row.name: _mean(row.found) | {"meaning": row.meaning} for row in found.rows}
    return rows | {name: {"value": value} for name, value in found.closeness}


def _mean(found: Mean) -> dict[str, Any]:
    interval = None if found.interval is None else list(found.interval)
    return {"value": found.value, "n": found.n, "interval": interval}


def _people(release: Release) -> list[Mapping[str, Any]]:
    found = people(release)
    return [
        {
            "annotator_id": row.annotator_id,
            "answers": row.n_answers,
            "clicks": row.n_clicks,
            "visibility_accuracy": row.visibility_accuracy,
            "scale": row.scale,
            "distance": row.distance,
        }
        for row in (found.rows if found else ())
    ]


def _changes(changes: Changes) -> dict[str, Any]:
    step = version_step(changes)
    ious = box_ious(changes)
    return {
        "since": changes.before.title,
        "sentence": step_text(changes, step),
        "boxes_moved": len(ious),
        "mean_iou": sum(ious) / len(ious) if ious else None,
        "lowest_iou": min(ious, default=None),
        "tables": {
            name: {
                "before": table.n_before,
                "after": table.n_after,
                "added": len(table.added),
                "removed": len(table.removed),
                "changed": len(table.changed),
                "compared_by": table.compared_by,
            }
            for name, table in changes.tables.items()
        },
    }
