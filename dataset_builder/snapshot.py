"""The snapshot folder: every counted answer at one moment, with pseudonyms in place of people.

    snapshot/
      manifest.json       format, snapshot_id, counts
      data/videos.parquet  actions.parquet  clips.parquet  frames.parquet  answers.parquet
      SHA256SUMS

It is the privacy line: names, e-mail addresses and the server's own ids stay behind it. A snapshot
is read whole and never changed; its digest is the SHA-256 of its `SHA256SUMS`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from dataset_builder import row_checks, tables
from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Point

Key = TypeVar("Key", bound=Hashable)

FORMAT = "annotation-snapshot"
FORMAT_VERSION = 1

VIDEOS = pa.schema(
    [
        ("video_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("duration_s", pa.float64()),
        ("sha256", pa.string()),
    ]
)
ACTIONS = pa.schema([("action_id", pa.string()), ("description", pa.string())])
CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("video_id", pa.string()),
        ("action_id", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("split", pa.string()),
        ("is_benchmark", pa.bool_()),
    ]
)
FRAMES = pa.schema(
    [
        ("clip_id", pa.string()),
        ("second", pa.int32()),
        ("timestamp_s", pa.float64()),
        ("image_sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("redundancy", pa.int32()),
        ("is_middle_frame", pa.bool_()),
    ]
)
ANSWERS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("second", pa.int32()),
        ("annotator_id", pa.string()),
        ("kind", pa.string()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("ms_taken", pa.int32()),
        ("prelabel_shown", pa.bool_()),
    ]
)
ANSWERS_OPTIONAL = ("x", "y", "ms_taken")


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One frame that was offered to annotators.

    `timestamp_s` is the presentation time of the image, from the first presented frame; `width`
    and `height` are pixels of the display-oriented source; `is_middle_frame` marks a clip that
    holds no whole second (R14).
    """

    clip_id: str
    second: int
    timestamp_s: float
    image_sha256: str
    width: int
    height: int
    redundancy: int
    is_middle_frame: bool = False


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One active answer: a click where `point` is given, "not visible" where it is None."""

    clip_id: str
    second: int
    annotator_id: str
    point: Point | None
    ms_taken: int | None = None
    prelabel_shown: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot's tables, each in its key's order, and the digest of the folder they came from."""

    snapshot_id: str
    digest: str
    videos: tuple[Video, ...]
    actions: tuple[Action, ...]
    clips: tuple[Clip, ...]
    frames: tuple[FrameRow, ...]
    answers: tuple[AnswerRow, ...]


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
        in_order = sorted(frames, key=lambda f: (f.clip_id, f.second))
        ordered = sorted(answers, key=lambda a: (a.clip_id, a.second, a.annotator_id))
        tables.write_rows(folder / "data/frames.parquet", FRAMES, map(frame_row, in_order))
        tables.write_rows(folder / "data/answers.parquet", ANSWERS, map(answer_row, ordered))
        counts |= {"frames": len(in_order)} | _answer_counts(ordered)
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "snapshot_id": snapshot_id,
            "counts": counts,
        }
        (folder / "manifest.json").write_text(tables.canonical_json(manifest), encoding="utf-8")
        return tables.write_sums(folder)


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot folder and check its sums and references.

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
    frame_path = path / "data/frames.parquet"
    frames = tuple(
        FrameRow(**row_checks.check_frame(row, frame_path, least_redundancy=1))
        for row in tables.iterate_rows(frame_path, FRAMES)
    )
    answer_path = path / "data/answers.parquet"
    answers = read_answers(answer_path)
    known_clips = row_checks.shown_seconds(clips)
    known_frames = once(path, "frame", ((f.clip_id, f.second) for f in frames))
    for clip_id, second in known_frames:
        if clip_id not in known_clips:
            raise InputError(f"{path}: frame {clip_id}/{second} belongs to no clip")
    once(path, "answer", ((a.clip_id, a.second, a.annotator_id) for a in answers))
    row_checks.check_offers(path, known_clips, frames, answers)
    for answer in answers:
        if (answer.clip_id, answer.second) not in known_frames:
            raise InputError(f"{path}: answer on unknown frame {answer.clip_id}/{answer.second}")
    rows = {"videos": videos, "actions": actions, "clips": clips, "frames": frames}
    counts = {name: len(table) for name, table in rows.items()} | _answer_counts(answers)
    _check_counts(path, manifest, counts)
    return Snapshot(
        snapshot_id=manifest["snapshot_id"],
        digest=tables.read_sums_digest(path),
        videos=videos,
        actions=actions,
        clips=clips,
        frames=frames,
        answers=answers,
    )


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


def _answer_counts(answers: Sequence[AnswerRow]) -> dict[str, int]:
    clicks = sum(answer.point is not None for answer in answers)
    return {"answers": len(answers), "clicks": clicks}


def _check_counts(path: Path, manifest: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    stated = manifest.get("counts")
    for name, count in counts.items():
        told = stated.get(name) if isinstance(stated, Mapping) else None
        if told != count:
            raise InputError(
                f"{path / 'manifest.json'}: counts {told} {name}, the tables hold {count}; take "
                "the snapshot again"
            )


def write_subject_tables(
    folder: Path, videos: Iterable[Video], actions: Iterable[Action], clips: Iterable[Clip]
) -> dict[str, int]:
    """Write videos, actions and clips, which snapshots and releases share; return their counts.

    Raises:
        InputError: a row that cannot be, as `row_checks.check_subjects`.
    """
    videos, actions, clips = list(videos), list(actions), list(clips)
    row_checks.check_subjects(folder, videos, actions, clips)
    video_rows = [
        {name: getattr(video, name) for name in VIDEOS.names}
        for video in sorted(videos, key=lambda v: v.video_id)
    ]
    action_rows = [
        {"action_id": a.action_id, "description": a.description}
        for a in sorted(actions, key=lambda a: a.action_id)
    ]
    clip_rows = [clip_row(clip) for clip in sorted(clips, key=lambda c: c.clip_id)]
    tables.write_rows(folder / "data/videos.parquet", VIDEOS, video_rows)
    tables.write_rows(folder / "data/actions.parquet", ACTIONS, action_rows)
    tables.write_rows(folder / "data/clips.parquet", CLIPS, clip_rows)
    return {"videos": len(video_rows), "actions": len(action_rows), "clips": len(clip_rows)}


def read_subject_tables(
    path: Path,
) -> tuple[tuple[Video, ...], tuple[Action, ...], tuple[Clip, ...]]:
    """Read videos, actions and clips, and check that clips point at known videos and actions.

    Raises:
        InputError: a row that points nowhere, stands twice, or cannot be
            (`row_checks.check_subjects`).
    """
    videos = tuple(Video(**row) for row in tables.read_rows(path / "data/videos.parquet", VIDEOS))
    actions = tuple(
        Action(**row) for row in tables.read_rows(path / "data/actions.parquet", ACTIONS)
    )
    clip_path = path / "data/clips.parquet"
    clips = tuple(read_clip(row, clip_path) for row in tables.read_rows(clip_path, CLIPS))
    row_checks.check_subjects(path, videos, actions, clips)
    video_ids = once(path, "video", (video.video_id for video in videos))
    action_ids = once(path, "action", (action.action_id for action in actions))
    once(path, "clip", (clip.clip_id for clip in clips))
    for clip in clips:
        if clip.video_id not in video_ids or clip.action_id not in action_ids:
            raise InputError(
                f"{path}: clip {clip.clip_id!r} names video {clip.video_id!r} and action "
                f"{clip.action_id!r}, of which at least one is not in the tables"
            )
    return videos, actions, clips


def once(path: Path, what: str, keys: Iterable[Key]) -> set[Key]:
    """Return the keys as a set, or raise `InputError` that names the first one standing twice."""
    seen: set[Key] = set()
    for key in keys:
        if key in seen:
            name = "/".join(map(str, key)) if isinstance(key, tuple) else key
            raise InputError(f"{path}: {what} {name} stands twice; each may stand once")
        seen.add(key)
    return seen


def clip_row(clip: Clip) -> tables.Row:
    """Return a clip as a row of `CLIPS`."""
    return {
        "clip_id": clip.clip_id,
        "video_id": clip.video_id,
        "action_id": clip.action_id,
        "start_s": clip.segment.start_s,
        "end_s": clip.segment.end_s,
        "split": clip.split,
        "is_benchmark": clip.is_benchmark,
    }


def read_clip(row: tables.Row, path: Path) -> Clip:
    """Return a row of `CLIPS` as a clip; the file is named in errors."""
    try:
        segment = Segment(row["start_s"], row["end_s"])
    except InputError as error:
        raise InputError(f"{path}: clip {row['clip_id']!r}: {error}") from error
    return Clip(
        row["clip_id"],
        row["video_id"],
        row["action_id"],
        segment,
        row["split"],
        row["is_benchmark"],
    )


def frame_row(frame: FrameRow) -> tables.Row:
    """Return a frame as a row of `FRAMES`."""
    return {name: getattr(frame, name) for name in FRAMES.names}


def answer_row(answer: AnswerRow) -> tables.Row:
    """Return an answer as a row of `ANSWERS`, its point rounded to 1e-6."""
    point = answer.point.rounded() if answer.point else None
    return {
        "clip_id": answer.clip_id,
        "second": answer.second,
        "annotator_id": answer.annotator_id,
        "kind": "point" if point else "not_visible",
        "x": point.x if point else None,
        "y": point.y if point else None,
        "ms_taken": answer.ms_taken,
        "prelabel_shown": answer.prelabel_shown,
    }


def read_answers(path: Path) -> tuple[AnswerRow, ...]:
    """Read an answers table, which snapshots and releases share."""
    rows = tables.iterate_rows(path, ANSWERS, ANSWERS_OPTIONAL)
    return tuple(read_answer(row, path) for row in rows)


def read_answer(row: tables.Row, path: Path) -> AnswerRow:
    """Return a row of `ANSWERS` as an answer; the file is named in errors."""
    row_checks.check_answer(row, path)
    where = f"{path}: answer of {row['annotator_id']} on frame {row['clip_id']}/{row['second']}"
    if row["kind"] not in ("point", "not_visible"):
        raise InputError(f"{where} has kind {row['kind']!r}; expected point or not_visible")
    point = None
    if row["kind"] == "point":
        try:
            point = Point(row["x"], row["y"])
        except (GeometryError, TypeError) as error:
            raise InputError(f"{where}: {error}") from error
    return AnswerRow(
        row["clip_id"],
        row["second"],
        row["annotator_id"],
        point,
        row["ms_taken"],
        row["prelabel_shown"],
    )


def answers_by_frame(answers: Sequence[AnswerRow]) -> dict[tuple[str, int], list[AnswerRow]]:
    """Group answers by frame, each frame's in the order given."""
    grouped: dict[tuple[str, int], list[AnswerRow]] = {}
    for answer in answers:
        grouped.setdefault((answer.clip_id, answer.second), []).append(answer)
    return grouped
