"""Is a release what it says? Digests, tables, references, and every number derived anew.

Each difference is one finding with a code, so that a script can count them:

    the folder     file_differs unreadable counts_differ settings_unreadable derivation_differs
    who points     frame_without_clip second_outside_clip frame_twice answer_without_frame
                   answer_twice too_many_answers assisted_answer box_without_frame tube_without_clip
    from answers   n_answers_differs n_clicks_differs n_not_visible_differs mean_differs
                   peak_differs spread_differs p_visible_differs agreement_differs
                   n_agreeing_differs robust_differs robust_rule_differs scale_differs
                   kept_differs reason_differs box_differs box_missing box_unexpected rule_differs
                   beside_differs annotator_differs
    from boxes     tube_differs tube_missing tube_unexpected
    from tables    compat_differs compat_missing

A release whose boxes came from outside (`derivation` other than `clicks`) is checked as far as it
can be, and `not_checked` says what could not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.domain import frame_seconds
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.exporters.grounding_youtube import FOLDER, grounding_youtube_files
from dataset_builder.fusion.boxes import UNION_MARGIN, main_rule
from dataset_builder.fusion.consensus import FusedFrame, Fusion, fuse
from dataset_builder.fusion.tubes import UNLABELLED, tubes_of
from dataset_builder.release import Consensus, Release, counts_of, read_unchecked
from dataset_builder.settings import BuildSettings, read_settings
from dataset_builder.snapshot import FrameRow, answers_by_frame

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
class Finding:
    """One difference: its code, the file or record it is about, and what differs."""

    code: str
    where: str
    message: str


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


def verify_release(path: Path) -> Verification:
    """Check a release folder.

    Raises:
        InputError: the folder has no list of digests, so it is no release at all.
    """
    findings = [_file_finding(problem) for problem in tables.check_sums(path)]
    try:
        release = read_unchecked(path)
    except InputError as error:
        findings.append(Finding("unreadable", path.name, str(error)))
        return Verification(None, tuple(findings), ("everything that the tables hold",))
    findings += _counts(path, release)
    findings += _references(release)
    not_checked: list[str] = []
    if release.derivation == "clicks":
        findings += _derived(release, not_checked)
    else:
        findings += _kept(release)
        not_checked.append(_given(release, findings))
    if release.left_out:
        not_checked.append("left_out: what a release leaves out is not in it")
    findings += _tubes(release)
    findings += _compat(path, release)
    return Verification(release, tuple(findings), tuple(not_checked))


def _file_finding(problem: str) -> Finding:
    name, _, message = problem.partition(": ")
    return Finding("file_differs", name, message)


def _counts(path: Path, release: Release) -> Iterator[Finding]:
    stated = tables.read_json(path / "manifest.json").get("counts")
    for name, count in counts_of(release).items():
        found = stated.get(name) if isinstance(stated, Mapping) else None
        if found != count:
            message = f"manifest counts {found!r} {name}, the tables hold {count}"
            yield Finding("counts_differ", "manifest.json", message)


def _references(release: Release) -> Iterator[Finding]:
    yield from _frame_references(release)
    yield from _answer_references(release)
    frames = {(frame.clip_id, frame.second) for frame in release.frames}
    clips = {clip.clip_id for clip in release.clips}
    for key in {*release.boxes, *((c, second) for c, second, _ in release.beside)}:
        if key not in frames:
            yield Finding("box_without_frame", _name(key), "the frame is not in the frames table")
    for tube in release.tubes:
        if tube.clip_id not in clips:
            message = f"clip {tube.clip_id!r} is not in the clips table"
            yield Finding("tube_without_clip", tube.tube_id, message)


def _frame_references(release: Release) -> Iterator[Finding]:
    seconds = {clip.clip_id: frame_seconds(clip.segment)[0] for clip in release.clips}
    for (clip_id, second), n in Counter((f.clip_id, f.second) for f in release.frames).items():
        where = _name((clip_id, second))
        if n > 1:
            yield Finding("frame_twice", where, f"stands {n} times in the frames table")
        if clip_id not in seconds:
            yield Finding("frame_without_clip", where, "the clip is not in the clips table")
        elif second not in seconds[clip_id]:
            first, last = seconds[clip_id][0], seconds[clip_id][-1]
            message = f"the clip shows the seconds {first} to {last}"
            yield Finding("second_outside_clip", where, message)


def _answer_references(release: Release) -> Iterator[Finding]:
    redundancy = {(frame.clip_id, frame.second): frame.redundancy for frame in release.frames}
    is_blind = release.settings.get("benchmark_answers") == "blind"
    benchmark = {clip.clip_id for clip in release.clips if clip.is_benchmark and is_blind}
    people = Counter((a.clip_id, a.second, a.annotator_id) for a in release.answers)
    for (clip_id, second, annotator_id), n in people.items():
        if n > 1:
            message = f"annotator {annotator_id} answered {n} times"
            yield Finding("answer_twice", _name((clip_id, second)), message)
    for key, given in answers_by_frame(release.answers).items():
        if key not in redundancy:
            message = "the frame is not in the frames table"
            yield Finding("answer_without_frame", _name(key), message)
        elif len(given) > redundancy[key]:
            message = f"{len(given)} answers where {redundancy[key]} were asked for"
            yield Finding("too_many_answers", _name(key), message)
        if key[0] in benchmark and any(answer.prelabel_shown for answer in given):
            message = "an answer given with a hint in sight counts on a benchmark clip"
            yield Finding("assisted_answer", _name(key), message)


def _kept(release: Release) -> Iterator[Finding]:
    for frame in release.frames:
        has_box = (frame.clip_id, frame.second) in release.boxes
        if frame.kept != has_box:
            message = f"frames table says kept = {frame.kept}, boxes table says {has_box}"
            yield Finding("kept_differs", _name((frame.clip_id, frame.second)), message)


def _given(release: Release, findings: list[Finding]) -> str:
    """Return why points and boxes are not derived; answers in the release are a finding."""
    what = f"points and boxes: derivation is {release.derivation!r}, "
    if not release.answers:
        return what + "they were given from outside and there are no clicks to derive them from"
    message = f"says {release.derivation!r}, yet the release holds {len(release.answers)} answers"
    findings.append(Finding("derivation_differs", "manifest.json", message))
    return what + "yet there are answers"


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
            yield Finding("rule_differs", _name(key), message)
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
            yield Finding("beside_differs", _name(key[:2]), message)


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
            where = _name((frame.clip_id, frame.second))
            yield Finding(f"{field}_differs", where, _versus(found, derived))


def _box_differences(
    key: tuple[str, int], release: Release, expected: FusedFrame
) -> Iterator[Finding]:
    found, derived = release.boxes.get(key), expected.box
    if found is None and derived is not None:
        yield Finding("box_missing", _name(key), f"the answers give {derived}")
    elif found is not None and derived is None:
        message = f"the answers give no box ({expected.consensus.reason}), found {found}"
        yield Finding("box_unexpected", _name(key), message)
    elif found != derived:
        yield Finding("box_differs", _name(key), _versus(found, derived))


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


def _compat(path: Path, release: Release) -> Iterator[Finding]:
    """Compare the exported JSON with what the tables give; a release need not have it at all."""
    folder = path / FOLDER
    if release.derivation != "clicks" and not folder.is_dir():
        return
    for name, expected in grounding_youtube_files(release).items():
        where = f"{FOLDER}/{name}"
        file = folder / name
        if not file.is_file():
            yield Finding("compat_missing", where, "the file is not there")
        elif file.read_bytes() != expected.encode():
            message = f"the tables give other content{_first_difference(file, expected)}"
            yield Finding("compat_differs", where, message)


def _first_difference(file: Path, expected: str) -> str:
    found = _loaded(file)
    wanted: dict[str, Any] = json.loads(expected)
    videos = [v for v in sorted({*found, *wanted}) if found.get(v) != wanted.get(v)]
    return f", first for video {videos[0]!r} ({len(videos)} such)" if videos else ""


def _loaded(file: Path) -> dict[str, Any]:
    try:
        value = tables.read_json(file)
    except InputError:
        return {}
    return value if isinstance(value, dict) else {}


def _versus(found: object, derived: object) -> str:
    return f"found {found}, the answers give {derived}"


def _name(key: tuple[str, int]) -> str:
    return f"{key[0]}/{key[1]}"
