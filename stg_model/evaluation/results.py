"""What an evaluation found: a `Report` of rows, one for each system, and its JSON.

The JSON holds everything that a table needs, so that reports can stand beside each other later
without their predictions (`stored.read_report`, `comparison.tabulate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dataset_builder.predictions import System
from stg_model.evaluation.intervals import Interval, IntervalSettings
from stg_model.evaluation.measures import Floats, Scored
from stg_model.evaluation.settings import EvaluationSettings

GROUPS = (
    ("where, given the action and the second", ("pointing", "frame_iou_share", "spatial_map")),
    ("when, given the order of the actions", ("temporal_iou", "temporal_iod", "mof")),
    (
        "what, where and when",
        ("iou_pointing", "iou_pointing_micro", "video_map_volume", "video_map_act"),
    ),
    ("where in the video, given the action", ("m_tiou", "m_viou", "viou", "gt_viou")),
)
"""The metrics by what they ask of a system, by their names without `@threshold`."""

KINDS = ("submitted", "baseline", "people")
TRUTH_COUNTS = (
    "videos", "actions", "clips", "seconds", "frames_with_box", "frames_without_box",
)  # fmt: skip
"""What a report counts of its release."""


@dataclass(frozen=True, slots=True)
class SystemReport:
    """One row: what one system scored.

    Attributes:
        system: who predicted.
        kind: one of `KINDS`; `people` is what a person reaches against the others.
        metrics: value of each of `metrics_of`, None where it is not defined.
        missing: the reason for each None.
        counts: what the values were taken over, and which records were left aside.
        n_actions: by metric, how many actions have something to find, where that is known.
        scored: measures, single actions and curves behind the values; not part of the JSON.
        intervals: by metric, None where too few videos define it; empty where none were asked for.
        replicates: by metric, its values over the resampled videos, (R,); not part of the JSON.
    """

    system: System
    kind: str
    metrics: Mapping[str, float | None]
    missing: Mapping[str, str]
    counts: Mapping[str, int]
    n_actions: Mapping[str, int] = field(default_factory=dict)
    scored: Scored = field(default_factory=lambda: Scored({}), compare=False, repr=False)
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)
    replicates: Mapping[str, Floats] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """The scores of some systems on one release under one set of rules.

    Attributes:
        release_name: of the release that says what is true.
        release_version: as in its manifest.
        release_digest: SHA-256 of its contents, empty where it was never written.
        settings: the rules.
        headings: the metrics of a row, by their name in JSON, as people read them.
        counts: what of the release was scored.
        systems: one row each.
        intervals: how the rows' intervals were made; None where none were asked for.
        left_out: what the making of the release left out, by reason.
    """

    release_name: str
    release_version: str
    release_digest: str
    settings: EvaluationSettings
    headings: Mapping[str, str]
    counts: Mapping[str, int]
    systems: tuple[SystemReport, ...]
    intervals: IntervalSettings | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

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
            "intervals": self.intervals and asdict(self.intervals),
            "metrics": [{"name": n, "heading": text} for n, text in self.headings.items()],
            "counts": dict(self.counts),
            "left_out": dict(self.left_out),
            "systems": [
                {
                    "name": row.system.name,
                    "kind": row.kind,
                    "n_frames": self.counts["frames_with_box"],
                    **row.metrics,
                    "intervals": {
                        name: found and [found.low, found.high]
                        for name, found in row.intervals.items()
                    },
                    "n_actions": dict(row.n_actions),
                    "missing": dict(row.missing),
                    "counts": dict(row.counts),
                    "system": asdict(row.system),
                }
                for row in self.systems
            ],
        }


def grouped(headings: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return the metrics by group, each group by its title; names of no group come last."""
    left = list(headings)
    found = []
    for title, families in GROUPS:
        mine = [name for family in families for name in left if name.split("@")[0] == family]
        found.append((title, mine))
        left = [name for name in left if name not in mine]
    return [(title, names) for title, names in [*found, ("other", left)] if names]


def rule_text(value: object) -> str:
    """Return the value of a setting as people write it: thresholds between commas."""
    return ",".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
