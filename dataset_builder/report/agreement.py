"""Do the people agree? The distances first, with intervals; alpha and ICC(1) only by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataset_builder.fusion.agreement import LABELS, RADIUS
from dataset_builder.release import Release
from dataset_builder.report.diagrams import Diagram, histogram, shares_within
from dataset_builder.report.intervals import Floats, Mean, VideoBootstrap
from dataset_builder.report.places import FramePlaces

PERCENT = 100
MOST_DISTANCE = 30.0
"""Percent of the diagonal where the axes of distances end."""

CLOSENESS = ("alpha_places", "alpha_visibility", "icc_places")
"""Numbers of the manifest that are near 1 wherever frames differ more than people do."""


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One number in percent: its name, what it says, and over how many frames it goes."""

    name: str
    meaning: str
    found: Mean


@dataclass(frozen=True, slots=True)
class Agreement:
    """Headline rows, diagrams, and the numbers that are named but not to be led by."""

    rows: tuple[AgreementRow, ...]
    diagrams: tuple[Diagram, ...]
    closeness: tuple[tuple[str, Any], ...]


def agreement(release: Release, places: FramePlaces, draws: VideoBootstrap) -> Agreement | None:
    """Return the agreement of a release; None where no frame has two answers."""
    if not (~np.isnan(places.is_agreed_f)).any():
        return None
    within = np.where(np.isnan(places.three_within_f), math.nan, places.three_within_f <= RADIUS)

    def row(name: str, meaning: str, values: Floats) -> AgreementRow:
        return AgreementRow(name, meaning, draws.mean(PERCENT * values, places.videos_f))

    rows = [
        row(
            "distance between two clicks",
            "mean over frames of the mean distance between two of their clicks, in percent of the "
            "diagonal",
            places.distance_f,
        ),
        row(
            "three clicks close together",
            f"frames where some click has two others within {PERCENT * RADIUS:g} % of the "
            "diagonal, of those with three clicks or more",
            within,
        ),
    ]
    labels = [frame.agreement for frame in release.frames]
    for label in LABELS:
        values = np.array([math.nan if not own else float(own == label) for own in labels])
        rows.append(row(label, _MEANINGS[label], values))
    rows.append(
        row(
            "same word on visibility",
            'frames where all answers are clicks or all are "not visible", of those with two '
            "answers or more",
            places.is_agreed_f,
        )
    )
    closeness = tuple((n, release.agreement[n]) for n in CLOSENESS if n in release.agreement)
    return Agreement(tuple(rows), tuple(_diagrams(places)), closeness)


_MEANINGS = {
    "unimodal": "most clicks in one group and the others single, of frames with three or more",
    "split": "two groups of clicks or more: there may be two targets",
    "scattered": "neither one group nor several",
}


def _diagrams(places: FramePlaces) -> list[Diagram]:
    found = []
    distances = PERCENT * places.distance_f[~np.isnan(places.distance_f)]
    if len(distances):
        found.append(
            histogram(
                "Distance between two clicks of a frame",
                "mean distance, % of the diagonal",
                "frames",
                distances,
                step=1,
                most=MOST_DISTANCE,
            )
        )
    radii = PERCENT * places.three_within_f[~np.isnan(places.three_within_f)]
    if len(radii):
        found.append(
            shares_within(
                "Frames with three clicks close together",
                "how close, % of the diagonal",
                "share of frames",
                radii,
                most=MOST_DISTANCE / 2,
                mark=PERCENT * RADIUS,
                text=f"dashed: {PERCENT * RADIUS:g} %",
            )
        )
    return found
