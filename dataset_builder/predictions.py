"""The predictions file: what any system says about some videos, as JSON lines (R23).

The first line is the header, every other line one record; coordinates are fractions of the
display-oriented frame, seconds are whole seconds of the video.

    {"kind": "header", "format": "grounding-predictions", "format_version": 1, "system": {...}}
    {"kind": "second", "video_id": "v1", "second": 7, "action_id": "cut-carrot",
     "background": 0.1, "scores": {"cut-carrot": 0.8, "stir-pot": 0.3}}
    {"kind": "point", "video_id": "v1", "second": 7, "action_id": "cut-carrot",
     "point": [0.4, 0.6], "box": [0.3, 0.5, 0.5, 0.7], "score": 0.8}

`second` says *what and when*: the chosen action of one second (`null` is background) and the score
of each action in the video's pool. `point` says *where*, given the action. A system that only
localises writes no `second` records; one that only recognises writes no `point` records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from dataset_builder import json_fields, tables
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Box, Point

FORMAT = "grounding-predictions"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class System:
    """Who predicted: enough to tell two rows of a table apart (R23)."""

    name: str
    backbone: str = ""
    training_data: str = ""
    supervision: str = ""
    modality: str = ""
    input_size: str = ""
    checkpoint_digest: str = ""


@dataclass(frozen=True, slots=True)
class SecondPrediction:
    """What happens at one second: `action_id` None is background; `scores` by action, any scale.

    `background` is the score of "none of them" on the same scale, None where the system has none.
    """

    video_id: str
    second: int
    action_id: str | None
    scores: Mapping[str, float]
    background: float | None = None


@dataclass(frozen=True, slots=True)
class PointPrediction:
    """Where one action happens at one second; `box` and `score` are optional."""

    video_id: str
    second: int
    action_id: str
    point: Point
    box: Box | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """A whole file: keyed by `(video_id, second)` and `(video_id, second, action_id)`."""

    system: System
    seconds: Mapping[tuple[str, int], SecondPrediction] = field(default_factory=dict)
    points: Mapping[tuple[str, int, str], PointPrediction] = field(default_factory=dict)


def write_predictions(
    path: Path,
    system: System,
    seconds: Iterable[SecondPrediction] = (),
    points: Iterable[PointPrediction] = (),
) -> None:
    """Write a predictions file; coordinates are rounded to 1e-6, scores kept as they are."""

    def records() -> Iterator[Mapping[str, Any]]:
        yield {
            "kind": "header",
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "system": asdict(system),
        }
        for second in sorted(seconds, key=lambda s: (s.video_id, s.second)):
            yield {"kind": "second", **asdict(second)}
        for found in sorted(points, key=lambda p: (p.video_id, p.second, p.action_id)):
            yield _point_record(found)

    tables.write_json_lines(path, records())


def read_predictions(path: Path) -> Predictions:
    """Read a predictions file.

    Raises:
        InputError: no header, an unknown kind, a missing or wrong field, a second answer for the
            same key; `file:line` is named.
    """
    lines = tables.read_json_lines(path)
    system = _read_header(path, next(lines, None))
    seconds: dict[tuple[str, int], SecondPrediction] = {}
    points: dict[tuple[str, int, str], PointPrediction] = {}
    for number, record in lines:
        try:
            if record.get("kind") == "second":
                second = _read_second(record)
                _put_once(seconds, (second.video_id, second.second), second)
            elif record.get("kind") == "point":
                found = _read_point(record)
                _put_once(points, (found.video_id, found.second, found.action_id), found)
            else:
                raise InputError(f"kind must be second or point, got {record.get('kind')!r}")
        except (InputError, GeometryError) as error:
            raise InputError(f"{path}:{number}: {error}") from error
    return Predictions(system, seconds, points)


def _read_header(path: Path, first: tuple[int, tables.Row] | None) -> System:
    record = first[1] if first else {}
    if (record.get("kind"), record.get("format")) != ("header", FORMAT):
        raise InputError(f'{path}:1: expected a header line, kind "header" and format "{FORMAT}"')
    if record.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path}:1: format_version must be {FORMAT_VERSION}")
    system = record.get("system")
    known = {f.name for f in fields(System)}
    if not isinstance(system, dict) or "name" not in system or set(system) - known:
        raise InputError(f"{path}:1: system needs a name and may have {', '.join(sorted(known))}")
    return System(**{name: str(value) for name, value in system.items()})


def _read_second(record: tables.Row) -> SecondPrediction:
    scores = json_fields.field(record, "scores", dict)
    for action_id, score in scores.items():
        json_fields.number(score, f"score of {action_id!r}")
    action_id = record.get("action_id")
    if action_id is not None and not isinstance(action_id, str):
        raise InputError(f"action_id must be text or null, got {action_id!r}")
    background = record.get("background")
    if background is not None:
        json_fields.number(background, "background")
    return SecondPrediction(
        json_fields.field(record, "video_id", str),
        json_fields.whole_second(record),
        action_id,
        scores,
        background,
    )


def _read_point(record: tables.Row) -> PointPrediction:
    place = json_fields.numbers(record, "point", 2)
    box = None if record.get("box") is None else Box(*json_fields.numbers(record, "box", 4))
    score = record.get("score")
    if score is not None:
        json_fields.number(score, "score")
    return PointPrediction(
        json_fields.field(record, "video_id", str),
        json_fields.whole_second(record),
        json_fields.field(record, "action_id", str),
        Point(*place),
        box,
        score,
    )


def _point_record(found: PointPrediction) -> Mapping[str, Any]:
    corners = found.box and [found.box.x1, found.box.y1, found.box.x2, found.box.y2]
    return {
        "kind": "point",
        "video_id": found.video_id,
        "second": found.second,
        "action_id": found.action_id,
        "point": [round(found.point.x, 6), round(found.point.y, 6)],
        "box": corners and [round(value, 6) for value in corners],
        "score": found.score,
    }


def _put_once(mapping: dict[Any, Any], key: Any, value: object) -> None:
    if key in mapping:
        raise InputError(f"second record for {'/'.join(map(str, key))}; each key stands once")
    mapping[key] = value
