"""Whether a release of GroundingYouTube's published files is what these files give (R19).

Given the files, everything is derived anew and compared row by row. Without them a repaired release
still holds enough to check what its rules say of each box: the side that `side_cut` put in place
follows from the box's left side and the mean click.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dataset_builder.domain import frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.findings import Finding, frame_name
from dataset_builder.geometry import COORDINATE_DECIMALS, Box
from dataset_builder.importers.grounding_youtube import AS_PUBLISHED
from dataset_builder.official.files import read_folder, write_files
from dataset_builder.official.imported import is_imported, read_imported
from dataset_builder.official.releases import faithful_release
from dataset_builder.official.repaired import REPAIRED, UNICODE, ZERO_LENGTH, repaired_release
from dataset_builder.official.repairs import CLIPPED, INVERTED, SIDE_CUT, estimated_right
from dataset_builder.release import Consensus, Release

_KNOWN = {AS_PUBLISHED, SIDE_CUT, INVERTED, CLIPPED, ZERO_LENGTH, UNICODE}
_NEAR_PX = 1e-6


def is_official(release: Release) -> bool:
    """Whether a release says that it was made of the published files."""
    return release.derivation != "clicks" and release.settings.get("rule") in (
        AS_PUBLISHED,
        REPAIRED,
    )


def official_findings(
    release: Release, published: Path | None, not_checked: list[str]
) -> Iterator[Finding]:
    """Yield what differs from the published files, or what the release itself contradicts.

    Raises:
        InputError: `published` holds neither the files nor what `import-official` made of them.
    """
    said = f"points and boxes: derivation is {release.derivation!r}, "
    if not is_official(release):
        if not release.answers:
            not_checked.append(
                said + "they were given from outside and there are no clicks to derive them from"
            )
        return
    if release.settings["rule"] == REPAIRED:
        yield from _rule_findings(release)
    if published is not None:
        yield from _derived_findings(release, published)
        return
    given = "sides that no rule moved, means, and why frames have no box"
    not_checked.append(
        f"{said}of which the release alone does not tell {given}: pass the published files "
        "as --published"
    )


def _derived_findings(release: Release, published: Path) -> Iterator[Finding]:
    derived = _derived(release, published)
    if release.derivation != derived.derivation:
        message = f"says {release.derivation!r}, the files give {derived.derivation!r}"
        yield Finding("derivation_differs", "manifest.json", message)
    for name in ("settings", "left_out"):
        found, expected = getattr(release, name), getattr(derived, name)
        if dict(found) != dict(expected):
            names = sorted(n for n in {*found, *expected} if found.get(n) != expected.get(n))
            message = f"{name}: {', '.join(names)} differ from what the files give"
            yield Finding("source_differs", "manifest.json", message)
    for what, found, expected in _tables(release, derived):
        yield from _row_findings(what, found, expected)


def _derived(release: Release, published: Path) -> Release:
    name = str(release.settings.get("boxes", "")).removesuffix(".json")
    with tempfile.TemporaryDirectory() as temporary:
        folder = published
        if is_imported(published):
            folder = Path(temporary)
            write_files(folder, read_imported(published).values())
        files = read_folder(folder)
        if name not in files:
            raise InputError(f"{published}: has no file {name}.json, which the release was made of")
        if release.settings["rule"] == REPAIRED:
            return repaired_release(files, name).release
        return faithful_release(folder, files, name)


def _tables(
    release: Release, derived: Release
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield the rows of both by their name, table by table."""
    for what, field in (("video", "videos"), ("action", "actions"), ("clip", "clips")):
        both = (getattr(r, field) for r in (release, derived))
        found, expected = ({getattr(row, f"{what}_id"): row for row in rows} for rows in both)
        yield what, found, expected
    found, expected = (
        {frame_name((f.clip_id, f.second)): f for f in r.frames} for r in (release, derived)
    )
    yield "frame", found, expected
    found, expected = (
        {frame_name(key): (box, r.rules[key]) for key, box in r.boxes.items()}
        for r in (release, derived)
    )
    yield "box", found, expected


def _row_findings(
    what: str, found: Mapping[str, Any], expected: Mapping[str, Any]
) -> Iterator[Finding]:
    for name in sorted({*found, *expected}):
        if name not in found:
            yield Finding(f"{what}_missing", name, f"the files give {expected[name]}")
        elif name not in expected:
            yield Finding(f"{what}_unexpected", name, f"the files do not give {found[name]}")
        elif found[name] != expected[name]:
            message = f"found {found[name]}, the files give {expected[name]}"
            yield Finding(f"{what}_differs", name, message)


def _rule_findings(release: Release) -> Iterator[Finding]:
    frames = {(f.clip_id, f.second): f for f in release.frames}
    lengths = {c.clip_id: len(frame_seconds(c.segment)[0]) for c in release.clips}
    for key, box in sorted(release.boxes.items()):
        frame = frames.get(key)
        if frame is None or key[0] not in lengths:
            continue  # told by `reference_findings`
        rules = release.rules[key].split("+")
        for message in _rule_problems(rules, box, frame, is_single=lengths[key[0]] == 1):
            yield Finding("rule_differs", frame_name(key), message)
        for message in _box_problems(rules, box, frame):
            yield Finding("box_differs", frame_name(key), message)


def _rule_problems(
    rules: list[str], box: Box, frame: Consensus, *, is_single: bool
) -> Iterator[str]:
    x1, y1, x2, y2 = box.x1 * frame.width, box.y1, box.x2 * frame.width, box.y2
    unknown = sorted({*rules} - _KNOWN)
    if unknown or (AS_PUBLISHED in rules and len(rules) > 1):
        yield f"{'+'.join(rules)!r} is no rule of repairs"
    if (ZERO_LENGTH in rules) != is_single:
        yield f"says {'+'.join(rules)!r}, the clip has {'one second' if is_single else 'more'}"
    # A landscape frame's width was cut as if it were the height.
    cut = frame.height - _NEAR_PX if frame.width > frame.height else math.inf
    if (INVERTED in rules) != (SIDE_CUT in rules and x1 > cut):
        yield f"says {'+'.join(rules)!r}, the left side stands at {x1:g} px"
    if (SIDE_CUT in rules) != (x2 > cut):
        yield f"says {'+'.join(rules)!r}, the right side stands at {x2:g} px"
    if CLIPPED in rules and not (x1 == 0 or y1 == 0 or box.x2 == 1 or y2 == 1):
        yield "says it was clipped, no side stands at the edge of the frame"


def _box_problems(rules: list[str], box: Box, frame: Consensus) -> Iterator[str]:
    width, height = frame.width, frame.height
    sides = (box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height)
    if any(abs(side - round(side)) > _NEAR_PX for side in sides):
        yield f"its sides are no whole pixels of the frame of {width}x{height} in which it was made"
    if SIDE_CUT not in rules or (CLIPPED in rules and box.x1 == 0):
        return
    if frame.mean is None:
        yield "its right side was repaired with a mean click, and the frame has none"
        return
    expected = _right_sides(sides[0], frame.mean.x, frame)
    if not any(abs(sides[2] - side) <= _NEAR_PX for side in expected):
        yield (
            f"its right side stands at {sides[2]:g} px, the left side and the mean click give "
            f"{max(expected)}"
        )


def _right_sides(x1: float, mean_x: float, frame: Consensus) -> set[int]:
    """Return where a repaired right side can stand: the stored mean is rounded, the rule floors."""
    error = 0.5 * 10**-COORDINATE_DECIMALS * frame.width + _NEAR_PX
    means = (mean_x * frame.width - error, mean_x * frame.width + error)
    low, high = (estimated_right(x1, mean) for mean in means)
    return {min(max(side, frame.height), frame.width) for side in range(low, high + 1)}
