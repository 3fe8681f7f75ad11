"""A release's tables, written clip by clip: the records of all frames are never held together.

`release.write_release_tables` writes the same bytes of a release that is whole in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from dataset_builder import tables
from dataset_builder.fusion.boxes import UNION_MARGIN
from dataset_builder.geometry import Box
from dataset_builder.packed_boxes import PackedBoxes, SameForAll
from dataset_builder.release import Release, counts_of_rows
from dataset_builder.release_tables import (
    ANNOTATORS,
    BOXES,
    FRAMES,
    TUBES,
    Consensus,
    FrameKey,
    Tube,
    annotator_row,
    box_rows,
    frame_row,
    iterate_frames,
    iterate_tubes,
    tube_row,
)
from dataset_builder.snapshot_tables import (
    ANSWERS,
    AnswerRow,
    answer_row,
    iterate_answers,
    write_subject_tables,
)


@dataclass(frozen=True, slots=True)
class ClipRecords:
    """What a release holds of one clip's frames, each in the order of its table."""

    frames: Sequence[Consensus]
    answers: Sequence[AnswerRow]
    boxes: Mapping[FrameKey, Box]
    beside: Mapping[tuple[str, int, str], Box]
    tubes: Sequence[Tube]


def write_clips(folder: Path, release: Release, clips: Iterable[ClipRecords], rule: str) -> Release:
    """Write all tables of a release; return it with what the clips hold.

    Args:
        folder: an existing folder. The frames, answers and tubes that are returned are read from it
            each time one goes through them.
        release: without frames, answers, boxes and tubes.
        clips: those that have frames, in the order of their ids.
        rule: name of the rule that made the main boxes; those beside them are `UNION_MARGIN`'s.
    """
    data = folder / "data"
    boxes, beside = PackedBoxes[FrameKey](), PackedBoxes[tuple[str, int, str]](UNION_MARGIN)
    counted: Counter[str] = Counter()
    write_subject_tables(folder, release.videos, release.actions, release.clips)
    tables.write_rows(
        data / "annotators.parquet", ANNOTATORS, map(annotator_row, release.annotators)
    )
    schemas = {"frames": FRAMES, "answers": ANSWERS, "boxes": BOXES, "tubes": TUBES}
    with ExitStack() as opened:
        frame_table, answer_table, box_table, tube_table = (
            opened.enter_context(tables.RowWriter(data / f"{name}.parquet", schema))
            for name, schema in schemas.items()
        )
        for clip in clips:
            frame_table.write(map(frame_row, clip.frames))
            answer_table.write(map(answer_row, clip.answers))
            box_table.write(box_rows(clip.boxes, dict.fromkeys(clip.boxes, rule), clip.beside))
            tube_table.write(map(tube_row, clip.tubes))
            counted.update(counts_of_rows(clip.frames, clip.answers))
            boxes.update(clip.boxes)
            beside.update(clip.beside)
    return replace(
        release,
        frames=tables.StoredRows(data / "frames.parquet", iterate_frames),
        answers=tables.StoredRows(data / "answers.parquet", iterate_answers),
        boxes=boxes,
        rules=SameForAll(boxes, rule),
        beside=beside,
        tubes=tables.StoredRows(data / "tubes.parquet", iterate_tubes),
        counted=counted,
    )
