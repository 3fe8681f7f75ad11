"""Detections of GLIP and RegionCLIP as a predictions file; not verified against the programs.

Both write COCO's results: `[{"image_id": 7, "category_id": 3, "bbox": [x, y, width, height],
"score": 0.9}, ...]` in pixels (GLIP's `bbox.json`, RegionCLIP's `coco_instances_results.json`).
What the numbers mean stands in the data set file that they were run on: the `annotations.json`
that `dataset-builder export --format coco` wrote, whose images name a video and a second, and whose
categories name an action.

Of an action's boxes in one picture the surest is its place, the box's middle its point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Box
from dataset_builder.predictions import PointPrediction, Predictions, SecondPrediction, System
from dataset_builder.release import Release
from stg_model.baselines.queries import Query, actions_of_videos

NAMES = {"glip": "GLIP", "regionclip": "RegionCLIP"}


def detections(
    program: str, path: Path, images: Path, release: Release, threshold: float
) -> Predictions:
    """Read a file of results.

    Args:
        program: `glip` or `regionclip`.
        path: its results.
        images: the data set file that it was run on.
        release: says which actions each video has.
        threshold: tau; a second whose best box is less sure names no action.

    Raises:
        InputError: a file is not of its layout, or they do not belong together.
    """
    image_of, action_of = _data_set(images)
    points: dict[Query, PointPrediction] = {}
    results = tables.read_json(path)
    if not isinstance(results, list):
        raise InputError(f"{path}: expected a list of results, got {type(results).__name__}")
    for number, result in enumerate(results):
        try:
            image, action_id = image_of[result["image_id"]], action_of[result["category_id"]]
            box = box_from(result["bbox"], image["width"], image["height"], is_size=True)
            score = float(result["score"])
        except (KeyError, TypeError, ValueError, GeometryError) as error:
            raise InputError(f"{path}: result {number}: {_said(error)}") from error
        if box is None or not math.isfinite(score):
            continue
        key = (image["video_id"], image["second"], action_id)
        if key not in points or score > float(points[key].score or 0.0):
            points[key] = PointPrediction(*key, box.centre, box, score)
    system = System(
        name=NAMES[program],
        supervision=f"its own; background threshold: {threshold:g}, set",
        modality="image and text",
        pool="video",
    )
    return Predictions(system, _seconds(image_of, points, release, threshold), points)


def box_from(corners: object, width: float, height: float, *, is_size: bool = False) -> Box | None:
    """Return pixels as a box of fractions, cut at the frame; None where nothing remains.

    Args:
        corners: `[x1, y1, x2, y2]`, or `[x, y, width, height]`.
        width: of the frame in the same pixels.
        height: the same.
        is_size: the last two are a size.

    Raises:
        ValueError: it is no row of four finite numbers.
    """
    if not isinstance(corners, list | tuple) or len(corners) != 4:
        raise ValueError(f"a box needs four numbers, got {corners!r:.60}")
    x1, y1, x2, y2 = (float(value) for value in corners)
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError(f"a box needs four finite numbers, got {corners!r:.60}")
    if is_size:
        x2, y2 = x1 + x2, y1 + y2
    x1, x2 = (min(max(x / width, 0.0), 1.0) for x in (x1, x2))
    y1, y2 = (min(max(y / height, 0.0), 1.0) for y in (y1, y2))
    if x2 - x1 < 1e-5 or y2 - y1 < 1e-5:
        return None
    return Box(x1, y1, x2, y2)


def _data_set(path: Path) -> tuple[dict[int, Mapping[str, Any]], dict[int, str]]:
    content = tables.read_json(path)
    try:
        image_of = {image["id"]: image for image in content["images"]}
        for image in image_of.values():
            for name in ("video_id", "second", "width", "height"):
                image[name]
        return image_of, {one["id"]: one["action_id"] for one in content["categories"]}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: is no data set file of `dataset-builder export --format coco` "
            f"({_said(error)})"
        ) from error


def _seconds(
    image_of: Mapping[int, Mapping[str, Any]],
    points: Mapping[Query, PointPrediction],
    release: Release,
    threshold: float,
) -> dict[tuple[str, int], SecondPrediction]:
    """Return what each picture's second names: the surest of its video's own actions."""
    pools = actions_of_videos(release)
    seconds = {}
    for image in image_of.values():
        video_id, second = str(image["video_id"]), int(image["second"])
        scores = {
            action_id: float(found.score or 0.0)
            if (found := points.get((video_id, second, action_id)))
            else 0.0
            for action_id in pools.get(video_id, ())
        }
        best = max(scores, key=lambda one: scores[one], default=None)
        named = best if best is not None and scores[best] >= threshold else None
        seconds[video_id, second] = SecondPrediction(video_id, second, named, scores, threshold)
    return seconds


def _said(error: Exception) -> str:
    return f"lacks or does not know {error}" if isinstance(error, KeyError) else str(error)
