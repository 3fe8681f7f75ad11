"""Real marks of volunteers: how many targets there are, and how far five people and others differ.

Nobody knows the truth of them.

A file of marks is a CSV as Zooniverse projects export it: a column for the image (`image_id`,
`subject_ids` or `subject_id`), one for the person (`user_name` or `user_id`), and `x`, `y` in
pixels. One person marks many targets of an image, so the marks are first put into targets: DBSCAN
components (M. Ester et al., KDD 1996), three marks within a radius. People mark a target once, so
where more than a fifth of a component's people have two marks in it, it is taken for several
targets and divided with half the radius.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components

from dataset_builder.errors import InputError
from dataset_builder.fusion.agreement import COMPONENT_CLICKS
from dataset_builder.fusion.answer_table import Clicks, Floats, Ints
from dataset_builder.fusion.methods import METHODS

IMAGE_COLUMNS = ("image_id", "subject_ids", "subject_id")
PERSON_COLUMNS = ("user_name", "user_id")
RADII = (0.0125, 0.025, 0.05)
"""Radii for which targets are counted, in diagonals; the first is the one that is studied."""
LEAST_RADIUS = 0.005
TWICE_MARKED = 0.2
"""Share of a component's people with two marks in it, above which it is several targets."""
GROUP = 5
"""People in each of the two groups that are compared, fewer where a target has less than ten."""
LEAST_PEOPLE = 6

_SPLITS = 20


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one image; `places_m2` in pixels, `people_m` the index of each mark's person."""

    image_id: str
    places_m2: Floats
    people_m: Ints


def read_marks(path: Path) -> list[Marks]:
    """Read a file of marks; rows without a place ("nothing here") are passed over.

    Raises:
        InputError: the file cannot be read, has no such columns, or a place is no number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            columns = reader.fieldnames or ()
            image = _column(path, columns, IMAGE_COLUMNS)
            person = _column(path, columns, PERSON_COLUMNS)
            for axis in "xy":
                _column(path, columns, (axis,))
            found: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
            for row in reader:
                if row["x"] and row["y"]:
                    x, y = (_number(path, reader.line_num, row[axis]) for axis in "xy")
                    found[row[image] or ""].append((row[person] or "", x, y))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error
    if not found:
        raise InputError(f"{path}: holds no marks")
    return [_marks(image_id, rows) for image_id, rows in sorted(found.items())]


def _column(path: Path, columns: Sequence[str], names: Sequence[str]) -> str:
    for name in names:
        if name in columns:
            return name
    raise InputError(f"{path}: has no column {' or '.join(names)}; found {', '.join(columns)}")


def _number(path: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}:{line}: a place must be a number of pixels, got {text!r}")
    return value


def _marks(image_id: str, rows: Sequence[tuple[str, float, float]]) -> Marks:
    ordered = sorted(rows)
    _, people = np.unique([row[0] for row in ordered], return_inverse=True)
    return Marks(image_id, np.array([row[1:] for row in ordered]), people.astype(np.int64))


def targets_of(marks: Marks, radius_px: float, least_px: float) -> list[Ints]:
    """Return the marks of each target of an image, as indices.

    Args:
        marks: of one image.
        radius_px: radius of DBSCAN.
        least_px: components are not divided with a smaller radius.
    """
    everything = np.arange(len(marks.people_m))
    return list(_divided(marks, everything, radius_px, least_px))


def _divided(marks: Marks, chosen: Ints, radius: float, least: float) -> Iterator[Ints]:
    for component in components(marks.places_m2[chosen], radius):
        members = chosen[component]
        if radius / 2 >= least and share_marked_twice(marks, members) > TWICE_MARKED:
            yield from list(_divided(marks, members, radius / 2, least)) or [members]
        else:
            yield members


def share_marked_twice(marks: Marks, members: Ints) -> float:
    """Return the share of a target's people who have two marks or more in it."""
    counts = Counter(marks.people_m[members].tolist())
    return sum(n > 1 for n in counts.values()) / len(counts)


def components(places_m2: Floats, radius: float) -> list[Ints]:
    """Return DBSCAN's components; a mark at the edge of two belongs to that of the nearest core.

    >>> places = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> [component.tolist() for component in components(places, 2.0)]
    [[0, 2, 3]]
    """
    offsets = places_m2[:, None] - places_m2[None]
    distances = np.sqrt((offsets**2).sum(axis=2))
    is_close = distances <= radius
    cores = np.flatnonzero(is_close.sum(axis=1) >= COMPONENT_CLICKS)
    if not len(cores):
        return []
    _, labels = connected_components(is_close[np.ix_(cores, cores)], directed=False)
    nearest = distances[:, cores].argmin(axis=1)
    is_member = distances[np.arange(len(places_m2)), cores[nearest]] <= radius
    return [
        np.flatnonzero(is_member & (labels[nearest] == label)) for label in range(labels.max() + 1)
    ]


def marks_study(
    path: Path, size: tuple[float, float] | None, rng: np.random.Generator
) -> dict[str, Any]:
    """Return what `study --marks` prints.

    Args:
        path: of the file.
        size: width and height of the images in pixels; by default the largest x and y of the file.
        rng: draws the groups of people.
    """
    images = read_marks(path)
    largest = np.max([image.places_m2.max(axis=0) for image in images], axis=0)
    width, height = size or (float(largest[0]), float(largest[1]))
    diagonal = math.hypot(width, height)
    if not diagonal:
        raise InputError(f"{path}: all marks lie at 0, 0; name the images' size")
    return {
        "size": [round(width, 1), round(height, 1)],
        "images": len(images),
        "marks": sum(len(image.people_m) for image in images),
        "targets": [_counted(images, radius, diagonal) for radius in RADII],
        "split_half": _split_half(images, diagonal, rng),
    }


def _counted(images: Sequence[Marks], radius: float, diagonal: float) -> dict[str, Any]:
    """Return how many targets a radius finds, undivided and divided, and what they share."""
    least = LEAST_RADIUS * diagonal
    whole = [(image, c) for image in images for c in components(image.places_m2, radius * diagonal)]
    divided = [(image, c) for image in images for c in targets_of(image, radius * diagonal, least)]
    return {
        "radius": radius,
        "components": len(whole),
        "components_marked_twice": _marked_twice(whole),
        "targets": len(divided),
        "targets_marked_twice": _marked_twice(divided),
        "marks_in_targets": sum(len(members) for _, members in divided),
    }


def _marked_twice(found: Sequence[tuple[Marks, Ints]]) -> int:
    return sum(share_marked_twice(image, members) > TWICE_MARKED for image, members in found)


def _split_half(
    images: Sequence[Marks], diagonal: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Return distances in pixels between the points of two groups of people, by method."""
    pairs = [
        pair
        for image in images
        for members in targets_of(image, RADII[0] * diagonal, LEAST_RADIUS * diagonal)
        for pair in _halves(image, members, rng)
    ]
    if not pairs:
        return {"targets": 0, "methods": {}}
    clicks = _clicks_of_halves(pairs, diagonal)
    found: dict[str, Any] = {}
    for name, method in METHODS.items():
        points = method(clicks).reshape(-1, _SPLITS, 2, 2)
        distances = np.sqrt(((points[:, :, 0] - points[:, :, 1]) ** 2).sum(axis=2)) * diagonal
        answered = ~np.isnan(distances)
        found[name] = {
            "answered": round(float(answered.mean()), 6),
            "median_px": _quantile(distances[answered], 0.5),
            "p90_px": _quantile(distances[answered], 0.9),
        }
    return {"targets": len(pairs) // _SPLITS, "methods": found}


def _quantile(values: Floats, share: float) -> float | None:
    return round(float(np.quantile(values, share)), 3) if len(values) else None


def _halves(marks: Marks, members: Ints, rng: np.random.Generator) -> Iterator[list[Floats]]:
    """Yield the places of two groups of people, drawn anew each time; nothing for small targets."""
    people = np.unique(marks.people_m[members])
    if len(people) < LEAST_PEOPLE:
        return
    own = np.stack(
        [marks.places_m2[members[marks.people_m[members] == p]].mean(axis=0) for p in people]
    )
    n = min(GROUP, len(people) // 2)
    for _ in range(_SPLITS):
        drawn = rng.permutation(len(people))
        yield [own[drawn[:n]], own[drawn[n : 2 * n]]]


def _clicks_of_halves(pairs: Sequence[list[Floats]], diagonal: float) -> Clicks:
    """Return each group as a frame; people are strangers to one another, so nobody has a scale."""
    groups = [group for pair in pairs for group in pair]
    counts = [len(group) for group in groups]
    places = np.concatenate(groups) / diagonal
    return Clicks(
        np.repeat(np.arange(len(groups)), counts),
        np.arange(len(places)),
        places,
        len(groups),
        len(places),
    )
