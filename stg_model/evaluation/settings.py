"""Every choice that could change a score, in one record whose digest stands in each result.

The names are printed beside the numbers (R24): public evaluators disagree on these choices, so a
number without its rule's name compares with nothing. `docs/evaluation.md` says what each means.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from dataset_builder import tables
from dataset_builder.errors import InputError

CHOICES = {
    "clips": ("benchmark", "all"),
    "point_in_box": ("closed",),
    "pointing_average": ("frames",),
    "iou_pointing_average": ("actions_then_videos",),
    "seconds_without_box": ("ignored",),
    "shared_seconds": ("either_action",),
    "decoder": ("exact",),
    "length_model": ("none",),
    "background_default": ("one_minus_max",),
    "alignment_average": ("positions_then_videos",),
    "alignment_positions": ("actions",),
}


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The rules of one evaluation; each field takes one of its names in `CHOICES`.

    Attributes:
        clips: which clips are scored: those of a benchmark split, or all.
        point_in_box: `closed`: a point on the box's border is a hit (R18).
        pointing_average: `frames`: hits / frames with a box.
        iou_pointing_average: mean over the actions of a video, then over videos; the micro figure
            stands beside it under that name.
        seconds_without_box: seconds of a clip whose frame has no box count on neither side.
        shared_seconds: where two clips share a second, naming either action is right.
        decoder: `exact`: the best ordered alignment, found exactly (R25).
        length_model: `none`: every length of a segment is equally likely.
        background_default: the background's score where a record has none: 1 - its best score.
        alignment_average: mean over the positions of a video, then over videos.
        alignment_positions: `actions`: the background between clips is no position.
    """

    clips: str = "benchmark"
    point_in_box: str = "closed"
    pointing_average: str = "frames"
    iou_pointing_average: str = "actions_then_videos"
    seconds_without_box: str = "ignored"
    shared_seconds: str = "either_action"
    decoder: str = "exact"
    length_model: str = "none"
    background_default: str = "one_minus_max"
    alignment_average: str = "positions_then_videos"
    alignment_positions: str = "actions"

    def __post_init__(self) -> None:
        """Refuse a name that no rule has."""
        for name, value in asdict(self).items():
            if value not in CHOICES[name]:
                raise InputError(
                    f"evaluation setting {name} must be one of {', '.join(CHOICES[name])}, "
                    f"got {value!r}"
                )

    @property
    def digest(self) -> str:
        """SHA-256 of the settings' canonical JSON: equal digests mean comparable numbers."""
        return tables.sha256_bytes(tables.canonical_json(asdict(self)).encode())
