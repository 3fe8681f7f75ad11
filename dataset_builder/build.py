"""Snapshot to release: a pure function, and the folder it is written to.

The same snapshot and settings give the same bytes on any day and in any folder; neither a clock nor
the place enters. `verify` derives the same numbers again from what the release itself holds.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.metadata
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from dataset_builder import tables
from dataset_builder.changes import Content, compare, read_content
from dataset_builder.changes_report import (
    check_later,
    check_step,
    parent_link,
    report_of,
    report_path,
)
from dataset_builder.cluster import HERE, Workers
from dataset_builder.domain import Clip
from dataset_builder.errors import InputError
from dataset_builder.exporters.croissant import write_croissant
from dataset_builder.exporters.huggingface import write_huggingface
from dataset_builder.fusion.boxes import UNION_MARGIN, main_rule
from dataset_builder.fusion.consensus import fuse
from dataset_builder.fusion.tubes import tubes_of
from dataset_builder.release import OPTIONAL, Release
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, Snapshot, answers_by_frame
from dataset_builder.splits import parse_shares, videos_in_two_splits, with_splits

ASSISTED = "assisted answers on benchmark clips"
"""Reason under which `Release.left_out` counts answers given with a hint in sight (R9)."""


def build_release(
    snapshot: Snapshot,
    *,
    name: str,
    version: str,
    settings: BuildSettings | None = None,
    licence: str = "",
    workers: Workers = HERE,
) -> Release:
    """Return the release of a snapshot; the order of its rows does not matter.

    Args:
        snapshot: what people answered.
        name: letters, digits, `_`, `.`, `-`.
        version: `major.minor.patch`.
        settings: how to fuse; the defaults are the paper's.
        licence: licence of the data, empty where nobody has stated one.
        workers: who computes the heatmaps; they change no byte.

    Raises:
        InputError: the name or version cannot be, or a video stands in two splits.
    """
    settings = settings or BuildSettings()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(f"release name {name!r} must be letters, digits, '_', '.' or '-'")
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version, re.ASCII):
        raise InputError(f"release version {version!r} must look like 1.0.0")
    clips = _placed(snapshot.clips, settings)
    counted = _counted(snapshot, clips, settings)
    n_left_out = len(snapshot.answers) - len(counted)
    answers = _renamed(counted, snapshot.digest)
    fusion = fuse(snapshot.frames, answers_by_frame(answers), settings, workers)
    keyed = [((f.consensus.clip_id, f.consensus.second), f) for f in fusion.frames]
    boxes = {key: frame.box for key, frame in keyed if frame.box is not None}
    return Release(
        name=name,
        version=version,
        derivation="clicks",
        videos=snapshot.videos,
        actions=snapshot.actions,
        clips=clips,
        frames=tuple(frame.consensus for frame in fusion.frames),
        answers=answers,
        annotators=fusion.annotators,
        boxes=boxes,
        rules=dict.fromkeys(boxes, main_rule(settings.mode)),
        beside={
            (*key, UNION_MARGIN): frame.paper_box
            for key, frame in keyed
            if frame.paper_box is not None
        },
        tubes=tubes_of(boxes, settings.tube_gap),
        settings=settings.to_mapping(),
        snapshot={"snapshot_id": snapshot.snapshot_id, "digest": snapshot.digest},
        licence=licence,
        left_out={ASSISTED: n_left_out} if n_left_out else {},
        agreement=fusion.agreement,
        made_with=f"grounding-circle {importlib.metadata.version('grounding-circle')}",
    )


def write_built_release(
    path: Path, release: Release, *, parent: Content | None = None, force: bool = False
) -> str:
    """Write a release with its README and exports in one step; return its digest.

    Args:
        path: the folder to write.
        release: what is in it.
        parent: the release before (`changes.read_content`); the new one then names it and holds the
            report of what changed.
        force: whether to replace `path` where it is a release.

    Raises:
        InputError: the version makes a smaller step from the parent's than the changes ask for.
        OutputError: `path` exists and `force` is not set.
    """
    if parent is not None:
        check_later(parent, release.version)
        release = replace(release, parent=parent_link(parent))
    with tables.fresh_folder(path, force=force, optional=OPTIONAL) as folder:
        write_huggingface(release, folder)
        if parent is not None:
            tables.write_sums(folder)
            _write_changes(folder, parent)
            write_croissant(release, folder)  # it names the report too
        return tables.write_sums(folder)


def _write_changes(folder: Path, parent: Content) -> None:
    changes = compare(parent, read_content(folder))
    check_step(changes)
    report = report_path(folder, parent.version)
    report.parent.mkdir()
    report.write_text(tables.canonical_json(report_of(changes)), encoding="ascii", newline="")


def release_pseudonym(snapshot_digest: str, annotator_id: str) -> str:
    """Return a person's pseudonym in a release (R21), another one for each snapshot.

    >>> len(release_pseudonym("00" * 32, "a1"))
    16
    """
    digest = hmac.new(bytes.fromhex(snapshot_digest), annotator_id.encode(), hashlib.sha256)
    return digest.hexdigest()[:16]


def _placed(clips: Iterable[Clip], settings: BuildSettings) -> tuple[Clip, ...]:
    """Return the clips in the splits that the settings give them.

    Raises:
        InputError: the clips of one video are of several splits.
    """
    shares, scored = parse_shares(settings.splits), settings.benchmark_split_names
    placed = with_splits(clips, shares, settings.split_salt, scored)
    for video_id, splits in videos_in_two_splits(placed).items():
        raise InputError(
            f"video {video_id!r} has clips of the splits {' and '.join(splits)}; a video belongs "
            "to one: deal the videos with --set splits=train=0.8,test=0.2, or import them so"
        )
    return placed


def _counted(snapshot: Snapshot, clips: Iterable[Clip], settings: BuildSettings) -> list[AnswerRow]:
    """Return the answers that count: on benchmark clips blind ones only, unless set otherwise."""
    if settings.benchmark_answers == "all":
        return list(snapshot.answers)
    benchmark = {clip.clip_id for clip in clips if clip.is_benchmark}
    return [a for a in snapshot.answers if not (a.prelabel_shown and a.clip_id in benchmark)]


def _renamed(answers: list[AnswerRow], snapshot_digest: str) -> tuple[AnswerRow, ...]:
    """Return the answers under release pseudonyms, in the order of the release's table."""
    names = {
        annotator_id: release_pseudonym(snapshot_digest, annotator_id)
        for annotator_id in {answer.annotator_id for answer in answers}
    }
    renamed = [
        AnswerRow(a.clip_id, a.second, names[a.annotator_id], a.point, a.ms_taken, a.prelabel_shown)
        for a in answers
    ]
    renamed.sort(key=lambda a: (a.clip_id, a.second, a.annotator_id))
    return tuple(renamed)
