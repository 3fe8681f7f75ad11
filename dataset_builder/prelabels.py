"""The prelabels file: centres that a model suggests for open frames, as JSON lines.

    {"kind": "header", "format": "grounding-prelabels", "format_version": 1, "model": "...",
     "checkpoint_digest": "..."}
    {"clip_id": "v1_1000-4000_cut-carrot", "second": 2, "point": [0.41, 0.62], "score": 0.8}

Coordinates are fractions of the display-oriented frame. A frame stands at most once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder import json_fields, tables
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Point

FORMAT = "grounding-prelabels"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Prelabel:
    """A suggested centre for one frame; `score` is the model's own, any scale."""

    clip_id: str
    second: int
    point: Point
    score: float


@dataclass(frozen=True, slots=True)
class Prelabels:
    """A whole file: which model suggested, and what, in frame order."""

    model: str
    checkpoint_digest: str
    items: tuple[Prelabel, ...]


def write_prelabels(
    path: Path, model: str, checkpoint_digest: str, items: Iterable[Prelabel]
) -> None:
    """Write a prelabels file, rounding coordinates to 1e-6."""

    def records() -> Iterator[Mapping[str, Any]]:
        yield {
            "kind": "header",
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model": model,
            "checkpoint_digest": checkpoint_digest,
        }
        for item in sorted(items, key=lambda p: (p.clip_id, p.second)):
            point = item.point.rounded()
            yield {
                "clip_id": item.clip_id,
                "second": item.second,
                "point": [point.x, point.y],
                "score": item.score,
            }

    tables.write_json_lines(path, records())


def read_prelabels(path: Path) -> Prelabels:
    """Read a prelabels file.

    Raises:
        InputError: no header, a field missing or wrong, a frame twice; `file:line` is named.
    """
    lines = tables.read_json_lines(path)
    _, header = next(lines, (1, {}))
    if header.get("format") != FORMAT or header.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path}:1: expected a header of {FORMAT} version {FORMAT_VERSION}")
    items: dict[tuple[str, int], Prelabel] = {}
    for number, record in lines:
        try:
            item = Prelabel(
                json_fields.field(record, "clip_id", str),
                json_fields.whole_second(record),
                Point(*json_fields.numbers(record, "point", 2)),
                json_fields.number(record.get("score"), "score"),
            )
        except (InputError, GeometryError) as error:
            raise InputError(f"{path}:{number}: {error}") from error
        key = (item.clip_id, item.second)
        if key in items:
            raise InputError(f"{path}:{number}: frame {key[0]}/{key[1]} stands twice")
        items[key] = item
    return Prelabels(
        str(header.get("model", "")),
        str(header.get("checkpoint_digest", "")),
        tuple(items.values()),
    )
