"""Snapshot to release: a pure function, and the folder it is written to.

The same snapshot and settings give the same bytes on any day and in any folder; neither a clock nor
the place enters. `verify` derives the same numbers again from what the release itself holds.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.metadata
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import groupby
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
from dataset_builder.exporters.huggingface import write_beside_tables, write_huggingface
from dataset_builder.fusion.boxes import UNION_MARGIN, main_rule
from dataset_builder.fusion.consensus import FusedFrame, fit_answers, fused_frames
from dataset_builder.fusion.tubes import tubes_of
from dataset_builder.release import OPTIONAL, Release, counts_of, funnel, write_manifest
from dataset_builder.release_clips import ClipRecords, write_clips
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import Snapshot
from dataset_builder.snapshot_tables import (
    AnswerRow,
    FrameRow,
    answer_key,
    frame_key,
    with_answers,
)
from dataset_builder.splits import (
    counts_by_split,
    parse_shares,
    videos_in_two_splits,
    with_splits,
)

ASSISTED = "assisted answers on benchmark clips"
"""Reason under which `Release.left_out` counts answers given with a hint in sight (R9)."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was written: digest of the folder, counts of the manifest, funnel, and each split's."""

    digest: str
    counts: Mapping[str, int]
    funnel: Sequence[tuple[str, int]]
    splits: Mapping[str, Mapping[str, int]]


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
    in_order = replace(
        snapshot,
        frames=sorted(snapshot.frames, key=frame_key),
        answers=sorted(snapshot.answers, key=answer_key),
    )
    started, derived = _derive(
        in_order, name=name, version=version, settings=settings, licence=licence, workers=workers
    )
    clips = list(derived)
    boxes = {key: box for clip in clips for key, box in clip.boxes.items()}
    return replace(
        started,
        frames=tuple(frame for clip in clips for frame in clip.frames),
        answers=tuple(answer for clip in clips for answer in clip.answers),
        boxes=boxes,
        rules=dict.fromkeys(boxes, main_rule(settings.mode)),
        beside={key: box for clip in clips for key, box in clip.beside.items()},
        tubes=tuple(tube for clip in clips for tube in clip.tubes),
    )


def build_folder(
    path: Path,
    snapshot: Snapshot,
    *,
    name: str,
    version: str,
    settings: BuildSettings | None = None,
    licence: str = "",
    workers: Workers = HERE,
    parent: Content | None = None,
    force: bool = False,
) -> Built:
    """Build a release and write it clip by clip: the bytes of `build_release` when it is written.

    The records of all frames and answers are never in memory together.

    Args:
        path: the folder to write.
        snapshot: what people answered, in the order of keys as `open_snapshot` gives it.
        name: as for `build_release`.
        version: as for `build_release`.
        settings: as for `build_release`.
        licence: as for `build_release`.
        workers: as for `build_release`.
        parent: as for `write_built_release`.
        force: as for `write_built_release`.

    Raises:
        InputError: as `build_release` or `write_built_release`.
        OutputError: `path` exists and `force` is not set.
    """
    settings = settings or BuildSettings()
    started, derived = _derive(
        snapshot, name=name, version=version, settings=settings, licence=licence, workers=workers
    )
    started = _named_after(started, parent)
    with tables.fresh_folder(path, force=force, optional=OPTIONAL) as folder:
        release = write_clips(folder, started, derived, main_rule(settings.mode))
        write_manifest(folder, release)
        write_beside_tables(release, folder)
        frame_clips = tables.texts_of(release.frames, "clip_id")
        splits = counts_by_split(release.clips, frame_clips, parse_shares(settings.splits))
        digest = _finished(folder, release, parent)
        return Built(digest, counts_of(release), funnel(release), splits)


def _derive(
    snapshot: Snapshot,
    *,
    name: str,
    version: str,
    settings: BuildSettings,
    licence: str,
    workers: Workers,
) -> tuple[Release, Iterator[ClipRecords]]:
    """Return a release without what comes from single frames, and that clip by clip."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(f"release name {name!r} must be letters, digits, '_', '.' or '-'")
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version, re.ASCII):
        raise InputError(f"release version {version!r} must look like 1.0.0")
    clips = _placed(snapshot.clips, settings)
    asked = _Counted.of(snapshot, clips, settings)
    fit = fit_answers(asked, settings)
    n_left_out = len(snapshot.answers) - sum(a.n_answers for a in fit.annotators)
    started = Release(
        name=name,
        version=version,
        derivation="clicks",
        videos=snapshot.videos,
        actions=snapshot.actions,
        clips=clips,
        frames=(),
        answers=(),
        annotators=fit.annotators,
        boxes={},
        rules={},
        tubes=(),
        settings=settings.to_mapping(),
        snapshot={"snapshot_id": snapshot.snapshot_id, "digest": snapshot.digest},
        licence=licence,
        left_out={ASSISTED: n_left_out} if n_left_out else {},
        agreement=fit.agreement,
        made_with=f"grounding-circle {importlib.metadata.version('grounding-circle')}",
    )
    fused = fused_frames(asked, fit, settings, workers)
    by_clip = groupby(fused, key=lambda pair: pair[0].consensus.clip_id)
    return started, (_clip_records(list(mine), settings) for _, mine in by_clip)


def _clip_records(
    fused: Sequence[tuple[FusedFrame, Sequence[AnswerRow]]], settings: BuildSettings
) -> ClipRecords:
    keyed = [((f.consensus.clip_id, f.consensus.second), f) for f, _ in fused]
    boxes = {key: frame.box for key, frame in keyed if frame.box is not None}
    return ClipRecords(
        frames=[frame.consensus for _, frame in keyed],
        answers=[answer for _, answers in fused for answer in answers],
        boxes=boxes,
        beside={
            (*key, UNION_MARGIN): frame.paper_box
            for key, frame in keyed
            if frame.paper_box is not None
        },
        tubes=tubes_of(boxes, settings.tube_gap),
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
    release = _named_after(release, parent)
    with tables.fresh_folder(path, force=force, optional=OPTIONAL) as folder:
        write_huggingface(release, folder)
        return _finished(folder, release, parent)


def _named_after(release: Release, parent: Content | None) -> Release:
    """Return a release that names its parent."""
    if parent is None:
        return release
    check_later(parent, release.version)
    return replace(release, parent=parent_link(parent))


def _finished(folder: Path, release: Release, parent: Content | None) -> str:
    """Add the report of what changed, and the sums; return the digest."""
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


@dataclass(frozen=True, slots=True)
class _Counted:
    """A snapshot's frames with the answers that count, in order; made anew each time.

    Answers stand under release pseudonyms, in the order of the release's table. On clips of
    `blind_only` an answer given with a hint in sight does not count.
    """

    snapshot: Snapshot
    blind_only: Collection[str]

    @classmethod
    def of(cls, snapshot: Snapshot, clips: Iterable[Clip], settings: BuildSettings) -> _Counted:
        is_blind = settings.benchmark_answers != "all"
        return cls(snapshot, {clip.clip_id for clip in clips if is_blind and clip.is_benchmark})

    def __iter__(self) -> Iterator[tuple[FrameRow, list[AnswerRow]]]:
        pseudonym = cache(partial(release_pseudonym, self.snapshot.digest))
        for frame, given in with_answers(self.snapshot.frames, self.snapshot.answers):
            is_blind = frame.clip_id in self.blind_only
            mine = [
                AnswerRow(
                    a.clip_id,
                    a.second,
                    pseudonym(a.annotator_id),
                    a.point,
                    a.ms_taken,
                    a.prelabel_shown,
                )
                for a in given
                if not (is_blind and a.prelabel_shown)
            ]
            mine.sort(key=lambda answer: answer.annotator_id)
            yield frame, mine
