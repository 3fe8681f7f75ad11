"""Write a release as one self-contained HTML page (`dataset_builder.report.html`).

Everything comes from the release, what `verify` says of it and, where there is one, the release
that it is compared with; equal input gives equal bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.changes import Changes, box_ious
from dataset_builder.errors import InputError
from dataset_builder.release import Release
from dataset_builder.report.agreement import MOST_DISTANCE, agreement
from dataset_builder.report.by_action import action_rows
from dataset_builder.report.by_person import people
from dataset_builder.report.contents import contents
from dataset_builder.report.drawing import draw
from dataset_builder.report.examples import frame_sets, tube_strips
from dataset_builder.report.html import TEMPLATES, fill
from dataset_builder.report.intervals import REPLICATES, VideoBootstrap
from dataset_builder.report.pictures import Pictures
from dataset_builder.report.places import frame_places
from dataset_builder.settings import BuildSettings
from dataset_builder.verify import Verification
from dataset_builder.version_steps import step_text, version_step

MOST_FINDINGS = 20
"""Findings of one code that are listed."""
MOST_CHANGES = 12
"""Changed rows of one table that are listed."""

Links = Sequence[tuple[str, str]]

_BROKEN = frozenset(
    {
        "frame_without_clip",
        "frame_twice",
        "answer_without_frame",
        "box_without_frame",
        "tube_without_clip",
    }
)
"""Findings with which a release cannot be drawn."""


def write_page(
    path: Path,
    outcome: Verification,
    *,
    pictures: Pictures | None = None,
    changes: Changes | None = None,
    links: Links = (),
) -> None:
    """Write the page of a release.

    Args:
        path: of the HTML file; an existing one is replaced.
        outcome: the release and what was found when it was verified.
        pictures: of the frames; plain frames are drawn where it is None.
        changes: since the release's parent.
        links: text and address of the pages beside it.

    Raises:
        InputError: a picture cannot be read, or records of the release name what it does not hold.
        OutputError: jinja2 is not installed.
    """
    text = render(outcome, pictures=pictures, changes=changes, links=links)
    with tables.replaced_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render(
    outcome: Verification,
    *,
    pictures: Pictures | None = None,
    changes: Changes | None = None,
    links: Links = (),
) -> str:
    """Return the page as text; see `write_page`."""
    release = drawable(outcome)
    places = frame_places(release)
    draws = VideoBootstrap([video.video_id for video in release.videos])
    sets = frame_sets(release, places, changes, has_pictures=pictures is not None)
    frames, tubes, gallery = draw(release, sets, tube_strips(release), pictures)
    return fill(
        TEMPLATES / "release",
        "page.html",
        release=release,
        contents=contents(release),
        agreement=agreement(release, places, draws),
        replicates=REPLICATES,
        most_distance=MOST_DISTANCE,
        actions=action_rows(release, places, draws),
        people=people(release),
        frame_sets=frames,
        has_points=bool(release.answers) or any(frame.mean for frame in release.frames),
        tubes=tubes,
        gallery=gallery,
        findings=_findings(outcome),
        n_findings=len(outcome.findings),
        not_checked=outcome.not_checked,
        changes=_changes(changes) if changes else None,
        settings=_settings(release),
        links=links,
    )


def drawable(outcome: Verification) -> Release:
    """Return the release.

    Raises:
        InputError: it could not be read, or its records name what it does not hold.
    """
    broken = [f for f in outcome.findings if f.code in _BROKEN]
    if outcome.release is None:
        raise InputError("; ".join(f.message for f in outcome.findings if f.code == "unreadable"))
    if broken:
        first = broken[0]
        raise InputError(
            f"{first.where}: {first.message}; such a release cannot be drawn, look with verify"
        )
    return outcome.release


def _findings(outcome: Verification) -> list[dict[str, Any]]:
    """Return the findings by code, most frequent first."""
    counts = Counter(finding.code for finding in outcome.findings)
    return [
        {
            "code": code,
            "count": count,
            "shown": [f for f in outcome.findings if f.code == code][:MOST_FINDINGS],
        }
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _settings(release: Release) -> list[tuple[str, str, bool]]:
    """Return name, value, and whether it is the default of each build setting."""
    usual = asdict(BuildSettings()) if release.derivation == "clicks" else release.settings
    return [
        (name, json.dumps(value), usual.get(name) == value)
        for name, value in sorted(release.settings.items())
    ]


def _changes(changes: Changes) -> dict[str, Any]:
    step = version_step(changes)
    ious = sorted(box_ious(changes))
    listed = []
    for name, table in changes.tables.items():
        rows = [
            (
                "/".join(map(str, row.key)),
                ", ".join(f"{c}: {_short(a)} → {_short(b)}" for c, (a, b) in row.values.items()),
            )
            for row in table.changed[:MOST_CHANGES]
        ]
        listed.append((name, table, rows))
    return {
        "before": changes.before,
        "after": changes.after,
        "step": step,
        "sentence": step_text(changes, step),
        "tables": listed,
        "n_moved": len(ious),
        "iou": (sum(ious) / len(ious), ious[0]) if ious else None,
    }


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
