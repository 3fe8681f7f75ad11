"""What the repairs change: the figures of the faithful release beside those of the repaired one.

Boxes are compared in whole pixels as they were published, so that one that is inside out has no
overlap with anything and what lies outside the frame counts. Pointing counts the closed box (R18).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dataset_builder.domain import frame_seconds
from dataset_builder.geometry import Box, Point, box_iou
from dataset_builder.importers.grounding_youtube_files import RawBox
from dataset_builder.official.files import Files
from dataset_builder.official.records import (
    boxes_of,
    by_frame,
    holds,
    is_side_cut,
    mean_clicks,
)
from dataset_builder.official.repair_table import Repair
from dataset_builder.official.repaired import REPAIRED, Repaired, mean_of, step_of
from dataset_builder.official.repairs import estimated_right, rule_name
from dataset_builder.release import Release

CENTRE = Point(0.5, 0.5)
FIXED_BOX = Box(160 / 640, 100 / 480, 460 / 640, 400 / 480)
"""A box round the middle that fits many; a baseline of its own."""
N_REPLICATES = 1_000
N_BINS = 20
"""Of IoU from 0 to 1, and of the width of the frame."""


def compare(files: Files, boxes: str, faithful: Release, repaired: Repaired) -> dict[str, Any]:
    """Return the report on one box file as `repairs.json` holds it.

    Shares are 0..1; intervals are 95 % percentile intervals over videos drawn anew (1,000 times,
    seed 0), since boxes of one video resemble each other.
    """
    return {
        "boxes": f"{boxes}.json",
        "releases": {"faithful": _size(faithful), REPAIRED: _size(repaired.release)},
        "rules": _rules(repaired.repairs),
        "changed_boxes": _overlaps(repaired.repairs),
        "zero_length_clips": sorted(
            clip.clip_id
            for clip in repaired.release.clips
            if len(frame_seconds(clip.segment)[0]) == 1
        ),
        "combinations": dict(sorted(Counter(rule_name(r.rules) for r in repaired.repairs).items())),
        "mean_click_in_box": _mean_clicks(repaired.repairs),
        "mean_click_in_box_by_x": _by_x(repaired.repairs),
        "centre_point": {
            "faithful": _share(_by_video(faithful, lambda box: box.contains(CENTRE))),
            REPAIRED: _share(_by_video(repaired.release, lambda box: box.contains(CENTRE))),
        },
        "fixed_box_iou_over_0.3": {
            "faithful": _share(_by_video(faithful, _fits_fixed_box)),
            REPAIRED: _share(_by_video(repaired.release, _fits_fixed_box)),
        },
        "estimate_on_uncut_boxes": _estimate(files, boxes),
    }


def _size(release: Release) -> dict[str, Any]:
    names = ("videos", "actions", "clips", "frames", "boxes", "tubes")
    sides = np.array([(b.x2 - b.x1, b.y2 - b.y1) for b in release.boxes.values()]).reshape(-1, 2)
    width, height = np.median(sides, axis=0).tolist() if len(sides) else (None, None)
    return {
        "version": release.version,
        "counts": {name: len(getattr(release, name)) for name in names},
        "median_width": width,
        "median_height": height,
        "left_out": dict(release.left_out),
        "frames_without_box": dict(
            sorted(Counter(f.reason for f in release.frames if not f.kept).items())
        ),
    }


def _rules(repairs: Sequence[Repair]) -> dict[str, Any]:
    """Return by rule how many boxes it changed or left out, and how far old and new overlap."""
    names = sorted({rule for repair in repairs for rule in repair.rules})
    return {rule: _overlaps([r for r in repairs if rule in r.rules]) for rule in names}


def _overlaps(repairs: Sequence[Repair]) -> dict[str, Any]:
    """Return the IoU of old and new box over those repairs that did something.

    `iou_histogram` counts boxes in `N_BINS` equal steps from 0 to 1, 1 itself in the last.
    """
    mine = [repair for repair in repairs if repair.rules]
    ious = [iou for repair in mine if (iou := iou_of(repair)) is not None]
    return {
        "boxes": len(ious),
        "left_out": len(mine) - len(ious),
        "mean_iou": float(np.mean(ious)) if ious else None,
        "median_iou": float(np.median(ious)) if ious else None,
        "lowest_iou": min(ious, default=None),
        "iou_below_half": sum(iou < 0.5 for iou in ious),
        "iou_histogram": _histogram(ious),
    }


def _histogram(shares: Sequence[float]) -> list[int]:
    """Return how many values lie in each of `N_BINS` steps, as the page's diagrams count them.

    A value on a border belongs to the step above it, whatever its last bits say.

    >>> _histogram([0, 0.95 - 1e-15, 1])[:2], _histogram([0, 0.95 - 1e-15, 1])[-2:]
    ([1, 0], [0, 2])
    """
    steps = np.floor(np.array(shares) * N_BINS + 1e-9).astype(np.int64).clip(0, N_BINS - 1)
    counts: list[int] = np.bincount(steps, minlength=N_BINS).tolist()
    return counts


def iou_of(repair: Repair) -> float | None:
    """Return the overlap of old and new box in pixels as published; None where there is no new."""
    if repair.after is None:
        return None
    return pixel_iou(repair.before.corners, _pixels(repair.after, repair.before))


def pixel_iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes in pixels, half-open; 0 where one has no area.

    >>> pixel_iou((0, 0, 100, 100), (0, 0, 200, 100)), pixel_iou((9, 0, 5, 5), (0, 0, 9, 9))
    (0.5, 0.0)
    """
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)


def _pixels(box: Box, raw: RawBox) -> tuple[float, float, float, float]:
    """Return a box in pixels of the frame that the published one is measured in."""
    width, height = raw.frame_size_px
    return box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height


def _mean_clicks(repairs: Sequence[Repair]) -> dict[str, Any]:
    """Return how many boxes hold the mean click on their step, for those that tell, before, after.

    A box that several clips of one step hold counts in each.
    """
    before: dict[str, list[bool]] = {}
    after: dict[str, list[bool]] = {}
    for video_id, _, old, new in _held(repairs):
        before.setdefault(video_id, []).append(old)
        after.setdefault(video_id, []).append(new)
    return {"before": _share(before), "after": _share(after)}


def _by_x(repairs: Sequence[Repair]) -> list[dict[str, Any]]:
    """Return the same by where in the width of the frame the mean click lies, left to right."""
    counts = np.zeros((N_BINS, 3), dtype=np.int64)
    for _, x, old, new in _held(repairs):
        counts[min(int(x * N_BINS), N_BINS - 1)] += (1, old, new)
    return [
        {"from": n / N_BINS, "boxes": boxes, "hits_before": old, "hits_after": new}
        for n, (boxes, old, new) in enumerate(counts.tolist())
    ]


def _held(repairs: Sequence[Repair]) -> Iterator[tuple[str, float, bool, bool]]:
    """Yield video, x of the mean click in widths, and whether old and new box hold it."""
    for repair in repairs:
        raw, box, mean = repair.before, repair.after, repair.mean_px
        if box is None or mean is None:
            continue
        x1, y1, x2, y2 = _pixels(box, raw)
        is_after = x1 <= mean[0] <= x2 and y1 <= mean[1] <= y2
        yield raw.video_id, mean[0] / raw.frame_size_px[0], holds(raw, mean), is_after


def _by_video(release: Release, is_hit: Callable[[Box], bool]) -> dict[str, list[bool]]:
    video_of = {clip.clip_id: clip.video_id for clip in release.clips}
    found: dict[str, list[bool]] = {}
    for (clip_id, _), box in release.boxes.items():
        found.setdefault(video_of[clip_id], []).append(is_hit(box))
    return found


def _share(by_video: Mapping[str, Sequence[bool]]) -> dict[str, Any]:
    """Return a share of boxes with its interval; None where there are no boxes."""
    hits = np.array([sum(mine) for mine in by_video.values()], dtype=np.float64)
    totals = np.array([len(mine) for mine in by_video.values()], dtype=np.float64)
    counts = {"hits": int(hits.sum()), "of": int(totals.sum())}
    if not counts["of"]:
        return counts | {"share": None, "interval": None}
    drawn = np.random.default_rng(0).integers(len(hits), size=(N_REPLICATES, len(hits)))
    shares = hits[drawn].sum(axis=1) / totals[drawn].sum(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975]).tolist()
    return counts | {"share": counts["hits"] / counts["of"], "interval": [low, high]}


def _estimate(files: Files, boxes: str) -> dict[str, Any]:
    """Return how far the estimated right side is off where it was not cut, in pixels."""
    means = by_frame(mean_clicks(files))
    errors: list[float] = []
    for frame, raw in boxes_of(files, boxes).items():
        rows = means.get(frame, [])
        step = step_of(raw, rows)
        mean = mean_of(rows, step, raw) if step else None
        x1, _, x2, _ = raw.corners
        if mean and x1 > 0 and not is_side_cut(raw) and x2 < raw.frame_size_px[0]:
            errors.append(estimated_right(x1, mean[0]) - x2)
    found = np.abs(errors)
    return {
        "boxes": len(errors),
        "errors_px": dict(sorted(Counter(int(error) for error in found).items())),
        "mean_signed_px": float(np.mean(errors)) if errors else None,
        "median_px": float(np.median(found)) if errors else None,
        "p95_px": float(np.quantile(found, 0.95)) if errors else None,
    }


def _fits_fixed_box(box: Box) -> bool:
    return box_iou(box, FIXED_BOX) > 0.3
