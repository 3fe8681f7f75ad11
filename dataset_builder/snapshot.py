"""The snapshot folder: every counted answer at one moment, with pseudonyms in place of people.

    snapshot/
      manifest.json       format, snapshot_id, counts
      data/videos.parquet  actions.parquet  clips.parquet  frames.parquet  answers.parquet
      SHA256SUMS

It is the privacy line: names, e-mail addresses and the server's own ids stay behind it. A snapshot
is never changed; its digest is the SHA-256 of its `SHA256SUMS`. Records and rows are
`dataset_builder.snapshot_tables`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from dataset_builder import row_checks, tables
from dataset_builder.domain import Action, Clip, Video
from dataset_builder.errors import InputError
from dataset_builder.snapshot_tables import (
    ACTIONS,
    ANSWERS,
    ANSWERS_OPTIONAL,
    CLIPS,
    FRAMES,
    VIDEOS,
    AnswerRow,
    FrameRow,
    answer_key,
    answer_row,
    answers_by_frame,
    frame_key,
    frame_row,
    iterate_answers,
    iterate_frames,
    once,
    read_answers,
    read_subject_tables,
    with_answers,
    write_subject_tables,
)

__all__ = [
    "ACTIONS",
    "ANSWERS",
    "ANSWERS_OPTIONAL",
    "CLIPS",
    "FRAMES",
    "VIDEOS",
    "AnswerRow",
    "FrameRow",
    "Snapshot",
    "answer_row",
    "answers_by_frame",
    "frame_row",
    "once",
    "open_snapshot",
    "read_answers",
    "read_manifest",
    "read_snapshot",
    "read_subject_tables",
    "write_snapshot",
    "write_subject_tables",
]

T = TypeVar("T")

FORMAT = "annotation-snapshot"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot's tables, each in its key's order, and the digest of the folder they came from.

    Frames and answers may be `tables.StoredRows`, which stay in their files.
    """

    snapshot_id: str
    digest: str
    videos: tuple[Video, ...]
    actions: tuple[Action, ...]
    clips: tuple[Clip, ...]
    frames: Collection[FrameRow]
    answers: Collection[AnswerRow]


def write_snapshot(
    path: Path,
    *,
    snapshot_id: str,
    videos: Iterable[Video],
    actions: Iterable[Action],
    clips: Iterable[Clip],
    frames: Iterable[FrameRow],
    answers: Iterable[AnswerRow],
    force: bool = False,
) -> str:
    """Write a snapshot folder in one step and return its digest.

    Click coordinates are rounded to 1e-6 here (R20). The order of the input does not matter.

    Raises:
        OutputError: `path` exists and `force` is not set.
    """
    with tables.fresh_folder(path, force=force) as folder:
        counts = write_subject_tables(folder, videos, actions, clips)
        in_order = sorted(frames, key=frame_key)
        ordered = sorted(answers, key=answer_key)
        tables.write_rows(folder / "data/frames.parquet", FRAMES, map(frame_row, in_order))
        tables.write_rows(folder / "data/answers.parquet", ANSWERS, map(answer_row, ordered))
        clicks = sum(answer.point is not None for answer in ordered)
        counts |= {"frames": len(in_order), "answers": len(ordered), "clicks": clicks}
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "snapshot_id": snapshot_id,
            "counts": counts,
        }
        (folder / "manifest.json").write_text(tables.canonical_json(manifest), encoding="utf-8")
        return tables.write_sums(folder)


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot folder whole, checked as by `open_snapshot`."""
    snapshot = open_snapshot(path)
    return replace(snapshot, frames=tuple(snapshot.frames), answers=tuple(snapshot.answers))


def open_snapshot(path: Path) -> Snapshot:
    """Check a snapshot folder; its frames and answers stay in their files.

    Only tables that another program wrote in another order are read whole, and sorted.

    Raises:
        InputError: a file is missing or changed, the format is unknown, a row points nowhere,
            stands twice or cannot be (`row_checks`), a click lies outside the frame, or the
            manifest counts other rows.
    """
    problems = tables.check_sums(path)
    if problems:
        raise InputError(f"{path}: {problems[0]} ({len(problems)} such); take the snapshot again")
    manifest = read_manifest(path, FORMAT, FORMAT_VERSION)
    if not isinstance(manifest.get("snapshot_id"), str):
        raise InputError(f"{path / 'manifest.json'}: has no 'snapshot_id'; take the snapshot again")
    videos, actions, clips = read_subject_tables(path)
    frames: Collection[FrameRow]
    answers: Collection[AnswerRow]
    frames = tables.StoredRows(path / "data/frames.parquet", iterate_frames)
    answers = tables.StoredRows(path / "data/answers.parquet", iterate_answers)
    shown = row_checks.shown_seconds(clips)
    try:
        in_order = _rising(frames, frame_key), _rising(answers, answer_key)
        n_clicks = _check_answered(path, shown, *in_order)
    except _OutOfOrderError:
        frames = tuple(sorted(frames, key=frame_key))
        answers = tuple(sorted(answers, key=answer_key))
        once(path, "frame", map(frame_key, frames))
        once(path, "answer", map(answer_key, answers))
        n_clicks = _check_answered(path, shown, frames, answers)
    rows = {"videos": videos, "actions": actions, "clips": clips, "frames": frames}
    counts = {name: len(table) for name, table in rows.items()}
    _check_counts(path, manifest, counts | {"answers": len(answers), "clicks": n_clicks})
    return Snapshot(
        snapshot_id=manifest["snapshot_id"],
        digest=tables.read_sums_digest(path),
        videos=videos,
        actions=actions,
        clips=clips,
        frames=frames,
        answers=answers,
    )


class _OutOfOrderError(Exception):
    """Rows do not stand in the order of their keys, or a key stands twice."""


def _rising(rows: Iterable[T], key_of: Callable[[T], tuple[Any, ...]]) -> Iterator[T]:
    before: tuple[Any, ...] = ()
    for row in rows:
        key = key_of(row)
        if key <= before:
            raise _OutOfOrderError
        before = key
        yield row


def _check_answered(
    path: Path,
    shown: Mapping[str, range],
    frames: Iterable[FrameRow],
    answers: Iterable[AnswerRow],
) -> int:
    """Check what frames and answers point at, both in their keys' order; return the clicks."""
    n_clicks = 0
    for frame, given in with_answers(frames, answers, f"{path}: "):
        if frame.clip_id not in shown:
            raise InputError(f"{path}: frame {frame.clip_id}/{frame.second} belongs to no clip")
        row_checks.check_offered(path, frame, shown, len(given))
        n_clicks += sum(answer.point is not None for answer in given)
    return n_clicks


def read_manifest(path: Path, expected_format: str, version: int) -> Mapping[str, Any]:
    """Read a folder's `manifest.json` and refuse another format or a newer version."""
    manifest = tables.read_json(path / "manifest.json", check_text=True)
    if not isinstance(manifest, dict):
        raise InputError(f"{path / 'manifest.json'}: expected a JSON object")
    found = (manifest.get("format"), manifest.get("format_version"))
    if found != (expected_format, version):
        raise InputError(
            f"{path / 'manifest.json'}: expected {expected_format} version {version}, "
            f"found {found[0]} version {found[1]}"
        )
    return manifest


def _check_counts(path: Path, manifest: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    stated = manifest.get("counts")
    for name, count in counts.items():
        told = stated.get(name) if isinstance(stated, Mapping) else None
        if told != count:
            raise InputError(
                f"{path / 'manifest.json'}: counts {told} {name}, the tables hold {count}; take "
                "the snapshot again"
            )
