"""Every choice that could change a score, in one record whose digest stands in each result.

The names are printed beside the numbers (R24): public evaluators disagree on these choices, so a
number without its rule's name compares with nothing. `docs/evaluation.md` says what each means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from dataset_builder import tables
from dataset_builder.errors import InputError

CHOICES = {
    "clips": ("benchmark", "all"),
    "pool": ("video", "all"),
    "point_in_box": ("closed",),
    "pointing_average": ("frames", "actions"),
    "iou_pointing_average": ("actions_then_videos",),
    "seconds_without_box": ("ignored",),
    "shared_seconds": ("either_action",),
    "region": ("box", "mask"),
    "iou_comparison": (">", ">="),
    "detection_matching": ("best_then_unused", "best_unused"),
    "average_precision": ("envelope", "trapezoid", "recall_101", "recall_11", "recall_10_of_11"),
    "score_ties": ("together", "by_key"),
    "map_average": ("actions_with_truth",),
    "frame_score": ("predicted",),
    "tube_score": ("mean", "max"),
    "unlabelled_tube_seconds": ("ignored", "background"),
    "decoder": ("exact", "released"),
    "length_model": ("none", "poisson"),
    "background_default": ("one_minus_max",),
    "alignment_match": ("positions", "best_same_action", "action_seconds"),
    "alignment_average": ("positions_then_videos",),
    "alignment_positions": ("actions", "all"),
    "query_tube": ("best_score",),
    "query_span": ("hull",),
}
"""The names of each rule, the default first."""

RULES_VERSION = 2
"""Rises when a repair changes what a rule's name stands for, so that the digest tells them apart.

It covers what has no name of its own too: see "What the digest covers" in `docs/evaluation.md`."""

MASK_GRID = 160
LARGEST_MASK_GRID = 1000


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The rules of one evaluation: names from `CHOICES`, and a few numbers.

    Attributes:
        clips: which clips are scored: those of a benchmark split, or all.
        pool: among which actions a system chooses: those of the video, or all of the release.
        point_in_box: `closed`: a point on the box's border is a hit (R18).
        pointing_average: `frames`: hits / frames with a box; `actions`: mean over actions of that.
        iou_pointing_average: mean over the actions of a video, then over videos; the micro figure
            stands beside it under that name.
        seconds_without_box: seconds of a clip whose frame has no box count on neither side.
        shared_seconds: where two clips share a second, naming either action is right.
        region: what a system says of the place: its `box`; or the `mask` of its heatmap, and its
            box where it has no heatmap.
        mask_threshold: the mask holds the places whose heat, scaled to 0..1 within the frame, is at
            least this (R26: never tuned on the scored videos).
        mask_grid: cells of the long side of the grid on which a mask is taken.
        iou_comparison: a prediction is right when its IoU is `>` (or `>=`) the threshold (R24).
        detection_matching: `best_then_unused` (Pascal VOC): a detection takes the truth that it
            overlaps most and is wrong when that is taken; `best_unused` (COCO, ACT): it takes the
            best that is left.
        average_precision: area under the precision-recall curve: `envelope` of all points,
            `trapezoid` without envelope, interpolated at 101 or 11 recalls, or `recall_10_of_11`
            (V-HICO's sum over recalls 0, .1, ... .9 divided by 11: at most .909).
        score_ties: detections with equal scores count `together`, or in the order of their keys.
        map_average: mean over the actions that have a true detection to find.
        frame_score: what ranks a frame's detection: the score of its record.
        frame_iou_threshold: the IoU of the frame-level metrics.
        tube_iou_thresholds: the IoUs of video mAP, rising.
        tube_gap_s: a run of one action goes on over up to so many seconds without it.
        tube_score: a tube made of seconds is ranked by the mean, or the largest, of their scores.
        unlabelled_tube_seconds: seconds of a true tube's clip that have no box are left out of the
            comparison with it, or count as seconds where it is not.
        decoder: `exact`: the best ordered alignment, found exactly; `released`: the published
            decoder's off-by-one form (R25).
        length_model: `none`: every length of a segment is equally likely; `poisson`.
        background_default: the background's score where a record has none: 1 - its best score.
        alignment_match: what a true segment is compared with: the aligned segment of its
            `positions`, the `best_same_action` one by interval arithmetic, or all
            `action_seconds` of its action.
        alignment_average: mean over the positions of a video, then over videos.
        alignment_positions: `actions`: the background between clips is no position; `all`.
        query_tube: the answer to "where is this action?" is the tube with the highest score.
        query_span: vIoU divides by the seconds of the hull of both spans (R25).
        query_iou_thresholds: the R of vIoU@R, rising.
        rules_version: `RULES_VERSION`, of the program that scores.
    """

    clips: str = "benchmark"
    pool: str = "video"
    point_in_box: str = "closed"
    pointing_average: str = "frames"
    iou_pointing_average: str = "actions_then_videos"
    seconds_without_box: str = "ignored"
    shared_seconds: str = "either_action"
    region: str = "box"
    mask_threshold: float = 0.5
    mask_grid: int = MASK_GRID
    iou_comparison: str = ">"
    detection_matching: str = "best_then_unused"
    average_precision: str = "envelope"
    score_ties: str = "together"
    map_average: str = "actions_with_truth"
    frame_score: str = "predicted"
    frame_iou_threshold: float = 0.3
    tube_iou_thresholds: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    tube_gap_s: int = 0
    tube_score: str = "mean"
    unlabelled_tube_seconds: str = "ignored"
    decoder: str = "exact"
    length_model: str = "none"
    background_default: str = "one_minus_max"
    alignment_match: str = "positions"
    alignment_average: str = "positions_then_videos"
    alignment_positions: str = "actions"
    query_tube: str = "best_score"
    query_span: str = "hull"
    query_iou_thresholds: tuple[float, ...] = (0.3, 0.5)
    rules_version: int = RULES_VERSION

    def __post_init__(self) -> None:
        """Refuse a name that no rule has, a number out of range, and other versions' rules."""
        if self.rules_version != RULES_VERSION:
            raise InputError(
                f"made by another version of the rules (rules_version {self.rules_version!r:.40}, "
                f"this program has {RULES_VERSION}); evaluate again"
            )
        for name, names in CHOICES.items():
            value = getattr(self, name)
            if value not in names:
                raise InputError(
                    f"evaluation setting {name} must be one of {', '.join(names)}, "
                    f"got {value!r:.40}"
                )
        _check_share("mask_threshold", self.mask_threshold)
        _check_thresholds("frame_iou_threshold", (self.frame_iou_threshold,), self.iou_comparison)
        for name in ("tube_iou_thresholds", "query_iou_thresholds"):
            _check_thresholds(name, getattr(self, name), self.iou_comparison)
        _check_whole("tube_gap_s", self.tube_gap_s, 0)
        _check_whole("mask_grid", self.mask_grid, 1, LARGEST_MASK_GRID)

    @property
    def digest(self) -> str:
        """SHA-256 of the settings' canonical JSON: equal digests mean comparable numbers."""
        return tables.sha256_bytes(tables.canonical_json(asdict(self)).encode())


def settings_from(changes: Sequence[str], **named: object) -> EvaluationSettings:
    """Return the defaults with `name=value` changes, as `--rule` gives them.

    >>> settings_from(["decoder=released", "tube_iou_thresholds=0.2,0.5"]).tube_iou_thresholds
    (0.2, 0.5)

    Raises:
        InputError: no such setting, no such value, or two values for one setting.
    """
    known = {f.name: f.default for f in fields(EvaluationSettings)}
    chosen: dict[str, object] = dict(named)
    for change in changes:
        name, found, text = change.partition("=")
        if not found or name not in known:
            raise InputError(
                f"{change!r}: a rule is name=value, with a name of {', '.join(sorted(known))}"
            )
        try:
            value = _parse(text, known[name])
        except ValueError as error:
            raise InputError(f"evaluation setting {name}: {text!r} is no number") from error
        if chosen.setdefault(name, value) != value:
            raise InputError(f"{name} is asked for as {chosen[name]} and as {text}; choose one")
    return EvaluationSettings(**chosen)  # type: ignore[arg-type]


def _parse(text: str, default: object) -> object:
    """Return the text as a value of the default's kind."""
    if isinstance(default, tuple):
        return tuple(float(part) for part in text.split(","))
    if isinstance(default, int | float):
        return type(default)(text)
    return text


def _check_whole(name: str, value: int, least: int, largest: float = math.inf) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= largest:
        limits = f"from {least}" + (f" to {largest}" if math.isfinite(largest) else "")
        raise InputError(
            f"evaluation setting {name} must be a whole number {limits}, got {value!r:.40}"
        )


def _check_share(name: str, value: float) -> None:
    # -0.0 equals 0 and has another digest.
    if not (isinstance(value, float) and 0 <= value < 1 and math.copysign(1, value) > 0):
        raise InputError(
            f"evaluation setting {name} must be at least 0 and below 1, got {value!r:.40}"
        )


def _check_thresholds(name: str, values: tuple[float, ...], iou_comparison: str) -> None:
    """Refuse IoUs that do not rise, that a metric's name cannot hold, or that all boxes reach."""
    if not isinstance(values, tuple) or not values:
        raise InputError(f"evaluation setting {name} must be rising numbers, got {values!r:.40}")
    for value in values:
        _check_share(name, value)
        if float(f"{value:g}") != value:
            raise InputError(
                f"evaluation setting {name} must be of six digits at most, as it stands in the "
                f"names of metrics, got {value!r}"
            )
    if list(values) != sorted(set(values)):
        raise InputError(f"evaluation setting {name} must be rising numbers, got {values!r}")
    if values[0] == 0 and iou_comparison == ">=":
        raise InputError(
            f"evaluation setting {name} must be above 0 with iou_comparison >=: every box, and "
            "none at all, has an IoU of 0 or more"
        )
