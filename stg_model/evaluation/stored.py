"""Reports that were written as JSON, read back and checked, so that they can stand in a table.

Whatever is wrong with a file is said in one line: it may come from another program, or another
version of this one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from dataset_builder import json_fields, tables
from dataset_builder.errors import InputError
from dataset_builder.predictions import System
from stg_model.evaluation.intervals import Interval, IntervalSettings
from stg_model.evaluation.report import metrics_of
from stg_model.evaluation.results import KINDS, TRUTH_COUNTS, Report, SystemReport
from stg_model.evaluation.settings import EvaluationSettings

ROUNDING = 1e-9
"""A sum of shares may lie so far above 1."""

_DIGEST = re.compile(r"[0-9a-f]{64}|")


def read_report(path: Path) -> Report:
    """Read a report that was written as JSON.

    Raises:
        InputError: it is no report, one made by another version of the rules, or one that no
            evaluation writes: a value beyond 0..1, an interval inside out, an unknown metric.
    """
    found = tables.read_json(path, check_text=True)
    try:
        if not isinstance(found, dict) or not {"systems", "settings_digest"} <= found.keys():
            raise InputError("expected the JSON report that stg-model evaluate --output writes")
        return _report_from(found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _report_from(found: dict[str, Any]) -> Report:
    release = json_fields.field(found, "release", dict)
    digest = json_fields.field(release, "digest", str)
    if not _DIGEST.fullmatch(digest):
        raise InputError(f"digest of the release must be a SHA-256, got {digest!r:.80}")
    settings = _settings_from(json_fields.field(found, "settings", dict))
    if settings.digest != found["settings_digest"]:
        raise InputError("settings_digest is not that of its settings; evaluate again")
    counts = _counts(found, "counts")
    if counts.keys() != set(TRUTH_COUNTS):
        raise InputError(f"counts must be {', '.join(TRUTH_COUNTS)}, got {', '.join(counts):.80}")
    headings = _headings(found, settings)
    rows = json_fields.field(found, "systems", list)
    if not rows:
        raise InputError("a report needs a system")
    return Report(
        release_name=json_fields.field(release, "name", str),
        release_version=json_fields.field(release, "version", str),
        release_digest=digest,
        settings=settings,
        headings=headings,
        counts=counts,
        systems=tuple(_row_from(row, headings, counts) for row in rows),
        intervals=_interval_settings(found),
        left_out=_counts(found, "left_out"),
    )


def _settings_from(found: dict[str, Any]) -> EvaluationSettings:
    known = {f.name for f in fields(EvaluationSettings)}
    if found.keys() != known:
        names = ", ".join(sorted(found.keys() ^ known))
        raise InputError(f"made by another version of the rules ({names:.80}); evaluate again")
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in found.items()
    }
    return EvaluationSettings(**values)


def _headings(found: dict[str, Any], settings: EvaluationSettings) -> dict[str, str]:
    headings: dict[str, str] = {}
    for entry in json_fields.field(found, "metrics", list):
        _object(entry, "a metric")
        name = json_fields.field(entry, "name", str)
        headings[name] = json_fields.field(entry, "heading", str)
    known = metrics_of(settings).keys()
    unlike = [*sorted(headings.keys() - known), *sorted(known - headings.keys())]
    if unlike:
        raise InputError(f"metrics are not those of its settings ({', '.join(unlike):.80})")
    return headings


def _interval_settings(found: dict[str, Any]) -> IntervalSettings | None:
    if found.get("intervals") is None:
        return None
    made = json_fields.field(found, "intervals", dict)
    return IntervalSettings(
        json_fields.field(made, "replicates", int),
        json_fields.number(made.get("level"), "level of the intervals"),
        json_fields.field(made, "seed", int),
        json_fields.field(made, "method", str),
    )


def _row_from(
    row: object, headings: Mapping[str, str], truth_counts: Mapping[str, int]
) -> SystemReport:
    row = _object(row, "a system")
    system = _system_from(json_fields.field(row, "system", dict))
    try:
        if row.get("name") != system.name:
            raise InputError(f"its row is named {row.get('name')!r:.80}")
        if row.get("n_frames") != truth_counts["frames_with_box"]:
            raise InputError(f"n_frames must be frames_with_box, got {row.get('n_frames')!r:.80}")
        kind = json_fields.field(row, "kind", str)
        if kind not in KINDS:
            raise InputError(f"kind must be one of {', '.join(KINDS)}, got {kind!r:.80}")
        metrics = {name: _value(row, name) for name in headings}
        missing = json_fields.field(row, "missing", dict)
        for name, reason in missing.items():
            if metrics.get(name, 0) is not None or not isinstance(reason, str):
                raise InputError(f"missing needs a text for a metric without a value, got {name!r}")
        return SystemReport(
            system=system,
            kind=kind,
            metrics=metrics,
            missing=missing,
            counts=_counts(row, "counts"),
            n_actions=_known(_counts(row, "n_actions"), "n_actions", headings),
            intervals=_intervals(row, headings),
        )
    except InputError as error:
        raise InputError(f"system {system.name!r:.80}: {error}") from error


def _system_from(found: dict[str, Any]) -> System:
    unknown = found.keys() - {f.name for f in fields(System)}
    if unknown:
        raise InputError(f"a system has no {', '.join(sorted(unknown)):.80}")
    if not found.get("name"):
        raise InputError("a system needs a name")
    return System(**{name: json_fields.field(found, name, str) for name in found})


def _value(row: dict[str, Any], name: str) -> float | None:
    if name not in row:
        raise InputError(f"has no {name}")
    return None if row[name] is None else _share(row[name], name)


def _intervals(row: dict[str, Any], headings: Mapping[str, str]) -> dict[str, Interval | None]:
    found = _known(json_fields.field(row, "intervals", dict), "intervals", headings)
    intervals: dict[str, Interval | None] = {}
    for name, ends in found.items():
        intervals[name] = None
        if ends is not None:
            low, high = json_fields.numbers(found, name, 2)
            intervals[name] = Interval(_share(low, name), _share(high, name))
            if low > high:
                raise InputError(f"interval of {name} must rise, got {low}..{high}")
    return intervals


def _share(value: object, what: str) -> float:
    found = json_fields.number(value, what)
    if not -ROUNDING <= found <= 1 + ROUNDING:
        raise InputError(f"{what} must lie within 0..1, got {found}")
    return found


def _counts(record: dict[str, Any], name: str) -> dict[str, int]:
    found: dict[str, int] = json_fields.field(record, name, dict)
    for what, n in found.items():
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise InputError(f"{name} of {what!r:.80} must be a whole number from 0, got {n!r:.80}")
    return found


def _known(found: dict[str, Any], what: str, headings: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(found.keys() - headings.keys())
    if unknown:
        raise InputError(f"{what} of unknown metrics ({', '.join(unknown):.80})")
    return found


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{what} must be an object, got {value!r:.80}")
    return value
