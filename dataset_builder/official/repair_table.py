"""Every repair as a row: what a box was, what it became, and by which rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dataset_builder import tables
from dataset_builder.geometry import Box
from dataset_builder.importers.grounding_youtube_files import RawBox
from dataset_builder.official.repairs import rule_name

_SIDES = ("x1", "y1", "x2", "y2")
REPAIRS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("second", pa.int32()),
        ("rule", pa.string()),
        ("is_estimated", pa.bool_()),
        *((f"old_{side}_px", pa.int32()) for side in _SIDES),
        *((f"new_{side}", pa.float64()) for side in _SIDES),
        ("frame_width_px", pa.int32()),
        ("frame_height_px", pa.int32()),
        ("mean_x_px", pa.float64()),
        ("mean_y_px", pa.float64()),
        ("reason", pa.string()),
    ]
)
REPAIRS_OPTIONAL = tuple(name for name in REPAIRS.names if name.startswith(("new_", "mean_")))
"""Columns with empty cells: boxes left out, and means that nobody published."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One published box in one clip that holds its second.

    `after` is None where the clip has no box of it, `reason` says why. `rules` are in the order in
    which they were applied, none where nothing changed. `mean_px` is the mean click on the clip's
    own step, in pixels of the box's frame.
    """

    clip_id: str
    before: RawBox
    after: Box | None
    rules: tuple[str, ...]
    is_estimated: bool
    mean_px: tuple[float, float] | None
    reason: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """The frame, `(clip_id, second)`."""
        return self.clip_id, self.before.second


def write_repairs(path: Path, repairs: Iterable[Repair]) -> None:
    """Write those repairs that changed something."""
    tables.write_rows(path, REPAIRS, [_row(repair) for repair in repairs if repair.rules])


def _row(repair: Repair) -> tables.Row:
    box, mean = repair.after, repair.mean_px
    corners = zip(_SIDES, repair.before.corners, strict=True)
    return {
        "clip_id": repair.clip_id,
        "second": repair.before.second,
        "rule": rule_name(repair.rules),
        "is_estimated": repair.is_estimated,
        **{f"old_{side}_px": value for side, value in corners},
        **{f"new_{side}": getattr(box, side) if box else None for side in _SIDES},
        "frame_width_px": repair.before.frame_size_px[0],
        "frame_height_px": repair.before.frame_size_px[1],
        "mean_x_px": mean and mean[0],
        "mean_y_px": mean and mean[1],
        "reason": repair.reason,
    }
