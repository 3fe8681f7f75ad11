"""A box of half the frame's width and height in its middle, always.

In the pointing game it is the centre point; its box is there for the metrics that compare boxes.
"""

from __future__ import annotations

from dataset_builder.geometry import Box
from dataset_builder.predictions import Predictions, System
from dataset_builder.release import Release
from stg_model.baselines.queries import frame_queries, same_answer

MIDDLE = Box(0.25, 0.25, 0.75, 0.75)


def fixed_box(release: Release) -> Predictions:
    """Answer every frame of the release with the middle box and its centre; no actions."""
    system = System(name="fixed box", supervision="none")
    return Predictions(system, points=same_answer(frame_queries(release), MIDDLE.centre, MIDDLE))
