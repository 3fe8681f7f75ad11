"""Which way of fusing comes nearest to the truth, on simulated crowds with paired seeds.

Every method sees the same clicks. For each crowd and seed the errors are distances to the nearest
target, in diagonals, on all frames; in the crowd with second targets on the frames that have two,
where a point between the targets is far from both. What is reported is the mean over seeds with its
95 % interval (Student's t); the difference to the reference is taken on the frames that the method
answered, so that a method that leaves hard frames out is compared like for like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from dataset_builder.fusion.agreement import LABELS, agreement_labels
from dataset_builder.fusion.answer_table import Floats
from dataset_builder.fusion.methods import METHODS, REFERENCE
from dataset_builder.fusion.simulation import CROWDS, Crowd, Simulated, simulate
from dataset_builder.fusion.student_t import student_t

LEAST_FRAMES = 500
"""With fewer, some of the sixty people have too few clicks for a scale of their own."""
FAR = 50 / 800
"""Errors above this count as far off: 50 px of a 640x480 frame."""


def simulated_study(seeds: Sequence[int], n_frames: int) -> dict[str, Any]:
    """Return what `study` prints: for each crowd its methods, labels and annotator scales.

    Args:
        seeds: two or more, for the intervals.
        n_frames: frames of each crowd and seed, at least `LEAST_FRAMES`.
    """
    return {
        "seeds": list(seeds),
        "frames": n_frames,
        "crowds": {
            crowd.name: _crowd_study(crowd, number, seeds, n_frames)
            for number, crowd in enumerate(CROWDS)
        },
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Return the mean of paired runs and its 95 % interval, by Student's t.

    >>> interval([1.0, 2.0, 3.0])
    {'mean': 2.0, 'low': -0.484138, 'high': 4.484138}
    """
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    half = float(stdtrit(len(array) - 1, 0.975) * array.std(ddof=1) / np.sqrt(len(array)))
    return {"mean": round(mean, 6), "low": round(mean - half, 6), "high": round(mean + half, 6)}


def _crowd_study(crowd: Crowd, number: int, seeds: Sequence[int], n_frames: int) -> dict[str, Any]:
    runs = [
        _run(simulate(crowd, n_frames, np.random.default_rng([seed, number]))) for seed in seeds
    ]
    return {
        "slips": crowd.slips,
        "spammers": crowd.spammers,
        "second_targets": crowd.second_targets,
        "methods": {name: _intervals([run["methods"][name] for run in runs]) for name in METHODS},
        "labels": _intervals([run["labels"] for run in runs]),
        "annotator_scales": _intervals([run["annotator_scales"] for run in runs]),
    }


def _intervals(runs: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Return the interval of each number, None where fewer than two runs have it."""
    found: dict[str, Any] = {}
    for name in runs[0]:
        values = [value for run in runs if (value := run[name]) is not None]
        found[name] = interval(values) if len(values) > 1 else None
    return found


def _run(made: Simulated) -> dict[str, Any]:
    # Where a crowd has frames with two targets, they are what is asked about.
    judged = made.has_two_f if made.has_two_f.any() else ~made.has_two_f
    errors = {name: _errors(method(made.clicks), made)[judged] for name, method in METHODS.items()}
    labels = np.array(agreement_labels(made.clicks)[0])[judged].tolist()
    return {
        "methods": {name: _summary(found, errors[REFERENCE]) for name, found in errors.items()},
        "labels": {label: labels.count(label) / len(labels) for label in LABELS},
        "annotator_scales": _scales(made),
    }


def _errors(points_f2: Floats, made: Simulated) -> Floats:
    """Return each frame's distance to the nearest of its targets."""
    offsets = made.targets_ft2 - points_f2[:, None]
    nearest: Floats = np.sqrt((offsets**2).sum(axis=2)).min(axis=1)
    return nearest


def _summary(errors_f: Floats, reference_f: Floats) -> dict[str, float | None]:
    answered = ~np.isnan(errors_f)
    found, other = errors_f[answered], reference_f[answered]
    if not len(found):
        return {
            "answered": 0.0,
            **dict.fromkeys(("median", "p90", "far", "p90_less_reference")),
        }
    return {
        "answered": float(answered.mean()),
        "median": float(np.median(found)),
        "p90": float(np.quantile(found, 0.9)),
        "far": float((found > FAR).mean()),
        "p90_less_reference": float(np.quantile(found, 0.9) - np.quantile(other, 0.9)),
    }


def _scales(made: Simulated) -> dict[str, float]:
    """Return how well the scales of people are found, and how far spammers' stand out."""
    found = student_t(made.clicks).scales_j
    honest = ~made.is_spammer_j
    numbers = {
        "correlation_of_honest": float(np.corrcoef(found[honest], made.scales_j[honest])[0, 1]),
        "largest_honest": float(found[honest].max()),
    }
    if made.is_spammer_j.any():
        numbers["smallest_spammer"] = float(found[made.is_spammer_j].min())
    return numbers
