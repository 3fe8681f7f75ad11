"""Records of a snapshot, and the rows in which its tables hold them.

The folder as a whole is `dataset_builder.snapshot`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from dataset_builder import row_checks, tables
from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Point

Key = TypeVar("Key", bound=Hashable)

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


def iterate_frames(path: Path) -> Iterator[FrameRow]:
    """Yield the rows of a table of `FRAMES`."""
    for row in tables.iterate_rows(path, FRAMES):
        yield FrameRow(**row_checks.check_frame(row, path, least_redundancy=1))


def read_answers(path: Path) -> tuple[AnswerRow, ...]:
    """Read an answers table, which snapshots and releases share."""
    return tuple(iterate_answers(path))


def iterate_answers(path: Path) -> Iterator[AnswerRow]:
    """Yield the rows of an answers table."""
    for row in tables.iterate_rows(path, ANSWERS, ANSWERS_OPTIONAL):
        yield read_answer(row, path)


def read_answer(row: tables.Row, path: Path) -> AnswerRow:
    """Return a row of `ANSWERS` as an answer; the file is named in errors."""
    row_checks.check_answer(row, path)
    point = None
    if row["kind"] == "point":
        try:
            point = Point(row["x"], row["y"])
        except (GeometryError, TypeError) as error:
            raise InputError(f"{_where(row, path)}: {error}") from error
    elif row["kind"] != "not_visible":
        raise InputError(
            f"{_where(row, path)} has kind {row['kind']!r}; expected point or not_visible"
        )
    return AnswerRow(
        row["clip_id"],
        row["second"],
        row["annotator_id"],
        point,
        row["ms_taken"],
        row["prelabel_shown"],
    )


def _where(row: tables.Row, path: Path) -> str:
    return f"{path}: answer of {row['annotator_id']} on frame {row['clip_id']}/{row['second']}"


def answers_by_frame(answers: Iterable[AnswerRow]) -> dict[tuple[str, int], list[AnswerRow]]:
    """Group answers by frame, each frame's in the order given."""
    grouped: dict[tuple[str, int], list[AnswerRow]] = {}
    for answer in answers:
        grouped.setdefault((answer.clip_id, answer.second), []).append(answer)
    return grouped


def with_answers(
    frames: Iterable[FrameRow], answers: Iterable[AnswerRow], where: str = ""
) -> Iterator[tuple[FrameRow, list[AnswerRow]]]:
    """Yield each frame with its answers; both come in the order of their keys.

    Raises:
        InputError: an answer's frame is not there; the message begins with `where`.
    """
    groups = groupby(answers, key=lambda answer: (answer.clip_id, answer.second))
    key, group = next(groups, (None, iter(())))
    for frame in frames:
        given: list[AnswerRow] = []
        if key == frame_key(frame):
            given = list(group)
            key, group = next(groups, (None, iter(())))
        yield frame, given
    if key:
        raise InputError(f"{where}answer on unknown frame {key[0]}/{key[1]}")


def frame_key(frame: FrameRow) -> tuple[str, int]:
    """Return what orders frames."""
    return frame.clip_id, frame.second


def answer_key(answer: AnswerRow) -> tuple[str, int, str]:
    """Return what orders answers."""
    return answer.clip_id, answer.second, answer.annotator_id
