"""The people of a release under their pseudonyms: how much they did, and how they click."""

from __future__ import annotations

from dataclasses import dataclass

from dataset_builder.release import Release
from dataset_builder.report.agreement import PERCENT
from dataset_builder.report.places import PersonPlaces, person_places

LEAST_REACH = 0.005
"""Diagonals from the middle of the diagram of offsets to its edge, at least."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person: what the release says of them, and what their answers say."""

    annotator_id: str
    n_answers: int
    n_clicks: int
    visibility_accuracy: float
    scale: float | None
    places: PersonPlaces

    @property
    def distance(self) -> float | None:
        """Mean distance from the mean of the others' clicks, in percent of the diagonal."""
        return None if self.places.distance is None else PERCENT * self.places.distance


@dataclass(frozen=True, slots=True)
class Dot:
    """One person in the diagram of offsets, whose sides are 100 long."""

    x: float
    y: float
    radius: float
    text: str


@dataclass(frozen=True, slots=True)
class People:
    """Rows by number of answers, and the diagram of offsets; `reach` is its half side."""

    rows: tuple[PersonRow, ...]
    dots: tuple[Dot, ...]
    reach: float
    furthest: float

    @property
    def has_times(self) -> bool:
        """Whether it is known how long somebody took."""
        return any(row.places.median_ms is not None for row in self.rows)


def people(release: Release) -> People | None:
    """Return the people of a release; None where it names none."""
    places = person_places(release)
    known = [a for a in release.annotators if a.annotator_id in places]
    if not known:
        return None
    rows = [
        PersonRow(
            a.annotator_id,
            a.n_answers,
            a.n_clicks,
            a.visibility_accuracy,
            a.scale,
            places[a.annotator_id],
        )
        for a in known
    ]
    rows.sort(key=lambda row: (-row.n_answers, row.annotator_id))
    offsets = [row.places.offset for row in rows if row.places.offset]
    reach = max([LEAST_REACH, *(abs(x) for offset in offsets for x in offset)])
    most = max(row.n_clicks for row in rows)
    dots = [
        Dot(
            round(50 + 50 * row.places.offset[0] / reach, 2),
            round(50 + 50 * row.places.offset[1] / reach, 2),
            round(1 + 2 * (row.n_clicks / most) ** 0.5, 2),
            f"{row.annotator_id}: {row.n_clicks:,} clicks",
        )
        for row in rows
        if row.places.offset
    ]
    furthest = max([row.distance for row in rows if row.distance is not None], default=1.0)
    return People(tuple(rows), tuple(dots), reach, furthest or 1.0)
