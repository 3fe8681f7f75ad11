"""Segments and tubes: runs of seconds that name one action, from the records of one video."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from dataset_builder import tables
from dataset_builder.domain import Action
from dataset_builder.predictions import PointPrediction, SecondPrediction, TubePrediction

COLUMNS = ("video_id", "action_id", "description", "start_s", "end_s", "n_seconds", "score")


@dataclass(frozen=True, slots=True)
class ActionSegment:
    """A run of one action: `seconds` name it; `score` is the mean of its scores there.

    It lasts from its first second to the end of its last, `[start_s, end_s)`; with a gap allowed,
    seconds between may name something else.
    """

    video_id: str
    action_id: str
    seconds: tuple[int, ...]
    score: float

    @property
    def start_s(self) -> int:
        """First second."""
        return self.seconds[0]

    @property
    def end_s(self) -> int:
        """End of the last second."""
        return self.seconds[-1] + 1


def segments_of(seconds: Iterable[SecondPrediction], gap_s: int = 0) -> list[ActionSegment]:
    """Return the runs of each action, by their first second.

    Args:
        seconds: what each second of one video names, in any order.
        gap_s: a run goes on over so many seconds that do not name its action.

    >>> named = ["stir", "stir", None, "stir", "cut"]
    >>> records = [SecondPrediction("v1", s, a, {a: 1.0} if a else {}) for s, a in enumerate(named)]
    >>> [(one.action_id, one.start_s, one.end_s) for one in segments_of(records)]
    [('stir', 0, 2), ('stir', 3, 4), ('cut', 4, 5)]
    >>> [(one.action_id, one.start_s, one.end_s) for one in segments_of(records, gap_s=1)]
    [('stir', 0, 4), ('cut', 4, 5)]
    """
    runs: list[list[SecondPrediction]] = []
    latest: dict[str, list[SecondPrediction]] = {}
    for record in sorted(seconds, key=lambda one: one.second):
        if record.action_id is None:
            continue
        run = latest.get(record.action_id)
        if run is None or record.second - run[-1].second > gap_s + 1:
            run = latest[record.action_id] = []
            runs.append(run)
        run.append(record)
    return [
        ActionSegment(
            run[0].video_id,
            str(run[0].action_id),
            tuple(record.second for record in run),
            fmean(record.scores.get(str(record.action_id), 0.0) for record in run),
        )
        for run in runs
    ]


def tubes_of(
    segments: Iterable[ActionSegment], points: Iterable[PointPrediction]
) -> list[TubePrediction]:
    """Return each segment's tube: the boxes of its seconds' points. One without a box has none."""
    box_of = {(p.second, p.action_id): p.box for p in points if p.box is not None}
    tubes = []
    for segment in segments:
        keys = [(second, segment.action_id) for second in segment.seconds]
        if boxes := {key[0]: box_of[key] for key in keys if key in box_of}:
            tubes.append(TubePrediction(segment.video_id, segment.action_id, segment.score, boxes))
    return tubes


def write_segments(
    folder: Path,
    segments: Sequence[ActionSegment],
    actions: Sequence[Action],
    settings: Mapping[str, object],
) -> None:
    """Write `segments.json` and `segments.csv` into a folder.

    Args:
        folder: is made where it does not exist.
        segments: of one video or several.
        actions: give the descriptions.
        settings: what the segments were made with; stands in the JSON file.
    """
    description = {action.action_id: action.description for action in actions}
    rows = [
        {
            "video_id": one.video_id,
            "action_id": one.action_id,
            "description": description.get(one.action_id, one.action_id),
            "start_s": one.start_s,
            "end_s": one.end_s,
            "n_seconds": len(one.seconds),
            "score": one.score,
        }
        for one in segments
    ]
    with tables.replaced_file(folder / "segments.json") as temporary:
        text = tables.canonical_json({"settings": dict(settings), "segments": rows})
        temporary.write_text(text, encoding="utf-8", newline="")
    lines = io.StringIO()
    writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with tables.replaced_file(folder / "segments.csv") as temporary:
        temporary.write_text(lines.getvalue(), encoding="utf-8", newline="")
