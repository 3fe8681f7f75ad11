"""Answers of TubeDETR and STCAT as a predictions file; not verified against the programs.

Both answer a question (a sentence on a video) with a box on every frame and a span of frames
`[start, end)`. Their evaluators keep them as

    {"predictions": {...}, "video_predictions": {ITEM: {"sted": [start, end], ...}, ...}}

TubeDETR's boxes are `{"ITEM_FRAME": {"boxes": [[x1, y1, x2, y2]]}}`, STCAT's
`{ITEM: {FRAME: [[x1, y1, x2, y2]]}}`, in pixels of the original frames. STCAT saves a torch file
(`test_results.pt`), of which plain values alone are read; either may be JSON.

`items.json` says what each question was: `{ITEM: {"clip_id": ..., "fps": 30.0}}`, with `width` and
`height` where the frames are not of the release's size. A clip's tube has the boxes of the span's
seconds; boxes of other seconds become points, which gt_vIoU asks for.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dataset_builder import tables
from dataset_builder.domain import Clip, Video
from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Box
from dataset_builder.predictions import PointPrediction, Predictions, System, TubePrediction
from dataset_builder.release import Release
from stg_model.baselines.detections import box_from
from stg_model.baselines.queries import Query

NAMES = {"tubedetr": "TubeDETR", "stcat": "STCAT"}
NUMPY_SCALARS: list[Any] = [
    np.float64(0).__reduce__()[0],
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    type(np.dtype(np.int64)),
]
"""The scores in STCAT's file are such."""


def question_tubes(program: str, path: Path, items: Path, release: Release) -> Predictions:
    """Read a file of answers.

    Args:
        program: `tubedetr` or `stcat`.
        path: what its evaluator kept.
        items: what each question was.
        release: has the clips.

    Raises:
        InputError: a file is not of its layout, or they do not belong together.
    """
    content, said = _content(path), tables.read_json(items)
    clips = {clip.clip_id: clip for clip in release.clips}
    videos = {video.video_id: video for video in release.videos}
    points: dict[Query, PointPrediction] = {}
    tubes = []
    try:
        frames = _frames(program, content["predictions"])
        answers = {
            str(item): answer["sted"] for item, answer in content["video_predictions"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is no file of {NAMES[program]}'s answers ({error!r})") from error
    for item, (start, end) in answers.items():
        try:
            question = said[item]
            clip = clips[question.get("clip_id", item)]
            boxes = _by_second(frames.get(item, {}), question, videos[clip.video_id])
            first, last = (float(edge) / float(question["fps"]) for edge in (start, end))
        except (KeyError, TypeError, ValueError, GeometryError) as error:
            raise InputError(f"{items}: item {item!r}: lacks or does not fit {error}") from error
        points |= dict(_points(clip, boxes))
        if inside := {second: box for second, box in boxes.items() if first <= second < last}:
            tubes.append(TubePrediction(clip.video_id, clip.action_id, 1.0, inside, clip.clip_id))
    system = System(
        name=NAMES[program], supervision="its own; told each clip's action", pool="video"
    )
    return Predictions(system, points=points, tubes=tuple(tubes))


def _content(path: Path) -> Any:
    if path.suffix == ".json":
        return tables.read_json(path)
    try:
        with torch.serialization.safe_globals(NUMPY_SCALARS):
            return torch.load(path, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        what = " ".join(str(error).split()).partition(". ")[0]
        raise InputError(
            f"{path}: cannot be read as a torch file of plain values ({what}); "
            "write predictions and video_predictions as JSON"
        ) from error


def _frames(program: str, predictions: Mapping[Any, Any]) -> dict[str, dict[int, Any]]:
    """Return each item's boxes by frame."""
    found: dict[str, dict[int, Any]] = {}
    for key, value in predictions.items():
        if program == "tubedetr":
            item, _, frame = str(key).rpartition("_")
            found.setdefault(item, {})[int(frame)] = value["boxes"][0]
        else:
            found[str(key)] = {int(frame): boxes[0] for frame, boxes in value.items()}
    return found


def _by_second(frames: Mapping[int, Any], question: Any, video: Video) -> dict[int, Box]:
    """Return the box of each second: of the frame nearest to it, at most half a second away."""
    fps = float(question["fps"])
    width = float(question.get("width", video.width))
    height = float(question.get("height", video.height))
    nearest: dict[int, tuple[float, int]] = {}
    for frame in sorted(frames):
        second = round(frame / fps)
        distance = abs(frame / fps - second)
        if distance < nearest.get(second, (float("inf"), 0))[0]:
            nearest[second] = distance, frame
    boxes = {
        second: box_from(frames[frame], width, height) for second, (_, frame) in nearest.items()
    }
    return {second: box for second, box in boxes.items() if box is not None}


def _points(clip: Clip, boxes: Mapping[int, Box]) -> Iterator[tuple[Query, PointPrediction]]:
    for second, box in boxes.items():
        key = (clip.video_id, second, clip.action_id)
        yield key, PointPrediction(*key, box.centre, box)
