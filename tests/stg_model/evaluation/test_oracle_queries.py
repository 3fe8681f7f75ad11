"""What TubeDETR's own evaluator says of twelve generated videos, at its sampled frames."""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import fmean

import pytest

from dataset_builder.geometry import Box
from stg_model.evaluation.queries import mean_box_iou, span_iou, volume_iou

SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
FOLDER = SHARED_DATA / "oracles" / "vidstg_tubedetr"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="needs the oracle vidstg_tubedetr (SHARED_DATA)"
)


def box_of(x1: float, y1: float, x2: float, y2: float) -> Box:
    """Return pixels as fractions; boxes reach out of their frames, so they are moved and scaled.

    IoU changes by neither.
    """
    return Box(*((value + 100) / 1000 for value in (x1, y1, x2, y2)))


def read(name: str) -> dict:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def scores(sampling: str) -> dict[str, dict[str, float]]:
    """Return our three numbers of each video at the frames that the evaluator sampled."""
    truth, predictions = read("test.json"), read("pred.json")
    sampled = read("result.json")[sampling]["frames"]
    found = {}
    for video in truth["videos"]:
        key = str(video["video_id"])
        object_ = truth["trajectories"][video["original_video_id"]][str(video["target_id"])]
        places = {int(frame): entry["bbox"] for frame, entry in object_.items()}
        there = {f: box_of(x, y, x + w, y + h) for f, (x, y, w, h) in places.items()}
        said = {int(f): box_of(*corners) for f, corners in predictions["boxes"][key].items()}
        span = video["tube_start_frame"], video["tube_end_frame"]
        answer = tuple(predictions["segments"][key]["sted"])
        frames = sampled[key]
        asked = [frame for frame in frames if span[0] <= frame < span[1]]
        found[key] = {
            "tiou": span_iou(span, answer),
            "viou": volume_iou(span, answer, there, said, frames),
            "gt_viou": mean_box_iou(there, said, asked),
        }
    return found


@pytest.mark.parametrize("sampling", ["fps5_max200", "fps5_max20"])
def test_every_video_has_the_evaluators_numbers(sampling):
    theirs = read("result.json")[sampling]["per_video"]
    ours = scores(sampling)
    assert len(ours) == 12
    for key, expected in theirs.items():
        assert ours[key] == pytest.approx(expected, abs=1e-12), key


@pytest.mark.parametrize("sampling", ["fps5_max200", "fps5_max20"])
def test_means_and_shares_by_kind_of_question_are_the_evaluators(sampling):
    kinds = {key: answer["qtype"] for key, answer in read("pred.json")["segments"].items()}
    ours = scores(sampling)
    found = {}
    for kind in set(kinds.values()):
        rows = [ours[key] for key in kinds if kinds[key] == kind]
        for name in ("tiou", "viou", "gt_viou"):
            found[f"{kind}_{name}"] = fmean(row[name] for row in rows)
        for name in ("viou", "gt_viou"):
            for threshold in (0.3, 0.5):
                share = fmean(row[name] > threshold for row in rows)
                found[f"{kind}_{name}@{threshold}"] = share
    assert found == pytest.approx(read("result.json")[sampling]["summary"], abs=1e-12)
