"""Two systems and a baseline on a small release, compared, with heatmaps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from dataset_builder.geometry import Box, Point
from dataset_builder.predicted_heatmaps import write_heatmaps
from dataset_builder.predictions import PointPrediction, Predictions, System
from dataset_builder.release import Release
from stg_model.evaluation.comparison import Comparison, compare
from stg_model.evaluation.html.systems import PageSystem, page_systems
from stg_model.evaluation.intervals import IntervalSettings
from stg_model.evaluation.truth import VideoTruth, read_truth


@dataclass(frozen=True)
class Compared:
    """A comparison of `good` with `poor` and a baseline, and all that a page needs of it."""

    release: Release
    predictions: list[Predictions]
    comparison: Comparison

    @property
    def report(self):
        return self.comparison.report

    @property
    def systems(self) -> list[PageSystem]:
        return page_systems(self.report, self.predictions, self.truths, self.release.actions)

    @property
    def submitted(self) -> list[PageSystem]:
        return self.systems[:2]

    @property
    def truths(self) -> tuple[VideoTruth, ...]:
        return read_truth(self.release)


def moved(found: PointPrediction, by: float) -> PointPrediction:
    """The point `by` to the right, with a box of the true one's size round it."""
    x, y = found.point.x + by, found.point.y
    box = Box(x - 0.1, y - 0.1, x + 0.1, y + 0.1)
    return replace(found, point=Point(x, y), box=box, score=1 - by - found.second / 100)


@pytest.fixture
def compared(two_videos, make_perfect, tmp_path) -> Compared:
    perfect = make_perfect(two_videos)
    heat = np.zeros((1, 4, 6))
    heat[0, 1, 2] = 3
    (reference,) = write_heatmaps(tmp_path, "heat.npy", heat)
    good = {key: moved(p, 0.02 * (p.second == 7)) for key, p in perfect.points.items()}
    good = {key: replace(p, heatmap=reference) for key, p in good.items()}
    poor = {key: moved(p, 0.3 if p.second < 7 else 0.0) for key, p in perfect.points.items()}
    del poor["b", 0, "pour"]
    late = {
        (video, second): replace(record, second=second)
        for (video, second), record in (
            ((v, s + 1), r)
            for (v, s), r in perfect.seconds.items()
            if (v, s + 1) in perfect.seconds
        )
    }
    predictions = [
        Predictions(System("good"), perfect.seconds, good, folder=tmp_path),
        Predictions(System("poor", backbone="none"), late, poor),
    ]
    fixed = Predictions(System("fixed"), {}, {k: moved(p, 0.5) for k, p in perfect.points.items()})
    settings = IntervalSettings(replicates=100)
    found = compare(two_videos, predictions, intervals=settings, baselines=[fixed])
    return Compared(two_videos, predictions, found)
