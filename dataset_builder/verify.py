"""Is a release what it says? Digests, tables, references, and every number derived anew.

Each difference is one finding with a code, so that a script can count them:

    the folder     file_differs file_unexpected unreadable counts_differ content_differs
                   settings_unreadable derivation_differs
    the parent     parent_differs version_not_later version_too_small changes_missing
                   changes_differ
    splits         video_in_two_splits split_differs
    who points     frame_without_clip second_outside_clip frame_twice answer_without_frame
                   answer_twice too_many_answers assisted_answer box_without_frame tube_without_clip
    from answers   n_answers_differs n_clicks_differs n_not_visible_differs mean_differs
                   peak_differs spread_differs p_visible_differs agreement_differs
                   n_agreeing_differs robust_differs robust_rule_differs scale_differs
                   kept_differs reason_differs box_differs box_missing box_unexpected rule_differs
                   beside_differs annotator_differs
    from boxes     tube_differs tube_missing tube_unexpected
    from tables    compat_differs compat_missing text_differs text_missing
    from files     source_differs frame_differs frame_missing frame_unexpected and likewise video_,
                   action_, clip_, box_

A release whose boxes came from outside (`derivation` other than `clicks`) is checked as far as it
can be (`verify_official`), and `not_checked` says what could not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.errors import GeometryError, InputError
from dataset_builder.findings import Finding, frame_name
from dataset_builder.fusion.boxes import UNION_MARGIN, main_rule
from dataset_builder.fusion.consensus import FusedFrame, Fusion, fuse
from dataset_builder.fusion.tubes import UNLABELLED, tubes_of
from dataset_builder.release import Consensus, Release, read_unchecked
from dataset_builder.settings import BuildSettings, read_settings
from dataset_builder.snapshot import FrameRow, answers_by_frame
from dataset_builder.verify_folder import (
    compat_findings,
    content_findings,
    count_findings,
    file_findings,
    parent_findings,
    text_findings,
)
from dataset_builder.verify_official import is_official, official_findings
from dataset_builder.verify_references import reference_findings, split_findings

__all__ = ["Finding", "Verification", "verify_release"]

_DERIVED = (
    "n_answers",
    "n_clicks",
    "n_not_visible",
    "mean",
    "peak",
    "spread",
    "p_visible",
    "agreement",
    "n_agreeing",
    "robust",
    "robust_rule",
    "scale",
    "kept",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome; `release` is None where the folder could not be read as one."""

    release: Release | None
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Whether nothing differs."""
        return not self.findings


def verify_release(
    path: Path, *, parent: Path | None = None, published: Path | None = None
) -> Verification:
    """Check a release folder.

    Args:
        path: the release.
        parent: the folder of the release that it names as its parent, to check that too.
        published: GroundingYouTube's files or their import, to derive a release of them anew.

    Raises:
        InputError: the folder has no list of digests, so it is no release at all.
    """
    findings = list(file_findings(path))
    try:
        release = read_unchecked(path)
    except InputError as error:
        findings.append(Finding("unreadable", path.name, str(error)))
        return Verification(None, tuple(findings), ("everything that the tables hold",))
    not_checked: list[str] = []
    findings += count_findings(path, release)
    findings += content_findings(path, not_checked)
    findings += parent_findings(path, release, parent, not_checked)
    findings += split_findings(release)
    findings += reference_findings(release)
    if release.derivation == "clicks":
        findings += _derived(release, not_checked)
    else:
        findings += _kept(release)
        findings += _given(release)
        findings += official_findings(release, published, not_checked)
    if published is not None and not is_official(release):
        message = "the release does not say that it was made of published files"
        findings.append(Finding("source_differs", "manifest.json", message))
    if release.left_out and not (published and is_official(release)):
        not_checked.append("left_out: what a release leaves out is not in it")
    findings += _tubes(release)
    findings += compat_findings(path, release)
    findings += text_findings(path, release, not_checked)
    return Verification(release, tuple(findings), tuple(not_checked))


def _kept(release: Release) -> Iterator[Finding]:
    for frame in release.frames:
        has_box = (frame.clip_id, frame.second) in release.boxes
        if frame.kept != has_box:
            message = f"frames table says kept = {frame.kept}, boxes table says {has_box}"
            yield Finding("kept_differs", frame_name((frame.clip_id, frame.second)), message)


def _given(release: Release) -> Iterator[Finding]:
    """Yield a finding where a release of given boxes has answers to derive them from."""
    if release.answers:
        n, said = len(release.answers), release.derivation
        message = f"says {said!r}, yet the release holds {n} answers"
        yield Finding("derivation_differs", "manifest.json", message)


def _derived(release: Release, not_checked: list[str]) -> Iterator[Finding]:
    try:
        settings = read_settings(release.settings)
        fusion = _fused_again(release, settings)
    except (InputError, GeometryError) as error:
        not_checked.append("points and boxes: the manifest's settings cannot be used")
        yield Finding("settings_unreadable", "manifest.json", str(error))
        return
    for frame, expected in zip(release.frames, fusion.frames, strict=True):
        yield from _frame_differences(frame, expected.consensus)
        yield from _box_differences((frame.clip_id, frame.second), release, expected)
    for key in sorted(release.rules):
        if release.rules[key] != main_rule(settings.mode):
            message = f"found {release.rules[key]}, the settings give {main_rule(settings.mode)}"
            yield Finding("rule_differs", frame_name(key), message)
    yield from _beside(release, fusion)
    yield from _annotators(release, fusion)
    if dict(release.agreement) != dict(fusion.agreement):
        message = _versus(dict(release.agreement), dict(fusion.agreement))
        yield Finding("agreement_differs", "manifest.json", message)


def _beside(release: Release, fusion: Fusion) -> Iterator[Finding]:
    """Compare the boxes beside the main ones."""
    expected = {
        (f.consensus.clip_id, f.consensus.second, UNION_MARGIN): f.paper_box
        for f in fusion.frames
        if f.paper_box is not None
    }
    for key in sorted({*release.beside, *expected}):
        found, derived = release.beside.get(key), expected.get(key)
        if found != derived:
            message = f"{key[2]}: {_versus(found, derived)}"
            yield Finding("beside_differs", frame_name(key[:2]), message)


def _annotators(release: Release, fusion: Fusion) -> Iterator[Finding]:
    found = {annotator.annotator_id: annotator for annotator in release.annotators}
    derived = {annotator.annotator_id: annotator for annotator in fusion.annotators}
    for name in sorted(found.keys() | derived.keys()):
        if found.get(name) != derived.get(name):
            message = _versus(found.get(name), derived.get(name))
            yield Finding("annotator_differs", name, message)


def _fused_again(release: Release, settings: BuildSettings) -> Fusion:
    frames = [
        FrameRow(
            frame.clip_id,
            frame.second,
            frame.timestamp_s,
            frame.image_sha256,
            frame.width,
            frame.height,
            frame.redundancy,
        )
        for frame in release.frames
    ]
    return fuse(frames, answers_by_frame(release.answers), settings)


def _frame_differences(frame: Consensus, expected: Consensus) -> Iterator[Finding]:
    for field in _DERIVED:
        found, derived = getattr(frame, field), getattr(expected, field)
        if found != derived:
            where = frame_name((frame.clip_id, frame.second))
            yield Finding(f"{field}_differs", where, _versus(found, derived))


def _box_differences(
    key: tuple[str, int], release: Release, expected: FusedFrame
) -> Iterator[Finding]:
    found, derived = release.boxes.get(key), expected.box
    if found is None and derived is not None:
        yield Finding("box_missing", frame_name(key), f"the answers give {derived}")
    elif found is not None and derived is None:
        message = f"the answers give no box ({expected.consensus.reason}), found {found}"
        yield Finding("box_unexpected", frame_name(key), message)
    elif found != derived:
        yield Finding("box_differs", frame_name(key), _versus(found, derived))


def _tubes(release: Release) -> Iterator[Finding]:
    found = {tube.tube_id: tube for tube in release.tubes}
    gap = release.settings.get("tube_gap", UNLABELLED)
    derived = {tube.tube_id: tube for tube in tubes_of(release.boxes, gap)}
    for tube_id in sorted(found.keys() | derived.keys()):
        if tube_id not in found:
            yield Finding("tube_missing", tube_id, "the clip has boxes but no tube")
        elif tube_id not in derived:
            yield Finding("tube_unexpected", tube_id, "no clip of this id has a box")
        elif found[tube_id] != derived[tube_id]:
            mine, theirs = found[tube_id].boxes, derived[tube_id].boxes
            seconds = [s for s in sorted({*mine, *theirs}) if mine.get(s) != theirs.get(s)]
            message = f"its boxes differ from those of the boxes table at seconds {seconds}"
            yield Finding("tube_differs", tube_id, message)


def _versus(found: object, derived: object) -> str:
    return f"found {found}, the answers give {derived}"
