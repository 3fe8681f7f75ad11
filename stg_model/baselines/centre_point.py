"""The middle of the frame, always: what a system must beat before its points say anything.

People film what they do: on the official boxes this constant hits 61 to 67 %, by file (R18).
"""

from __future__ import annotations

from dataset_builder.geometry import Point
from dataset_builder.predictions import Predictions, System
from dataset_builder.release import Release
from stg_model.baselines.queries import frame_queries, same_answer

CENTRE = Point(0.5, 0.5)


def centre_point(release: Release) -> Predictions:
    """Answer every frame of the release with the middle; it names no actions."""
    system = System(name="centre point", supervision="none")
    return Predictions(system, points=same_answer(frame_queries(release), CENTRE))
