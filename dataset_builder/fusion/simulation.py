"""Simulated crowds, of which the true places are known.

A click lies round a target with a scale of the frame times a scale of the person, both lognormal.
The frame's is fitted to the distances of clicks to their mean that GroundingYouTube's public files
state for frames of five clicks (median 15 px of an 800 px diagonal, the middle 80 % from 5 to 46).
A share of the clicks are slips, anywhere in the frame, and some people always click anywhere. The
targets are made up, so that only the order of the methods says something.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataset_builder.fusion.answer_table import Bools, Clicks, Floats

SIZE = np.array([0.8, 0.6])
"""The simulated frame in diagonals: 640x480."""
FRAME_SCALE, FRAME_SPREAD = 0.0165, 0.8
"""Median and logarithmic spread of a frame's scale, in diagonals."""
PERSON_SPREAD = 0.3
"""Logarithmic spread of a person's scale; the median is 1."""
N_PEOPLE, N_CLICKS = 60, 5
_EDGE = 0.1
"""No target lies nearer to an edge than this share of the side."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """How a simulated crowd behaves.

    Attributes:
        name: for tables.
        slips: share of the clicks that lie anywhere.
        spammers: share of the people whose every click lies anywhere.
        second_targets: share of the frames with a second target, which two of five people take.
    """

    name: str
    slips: float
    spammers: float
    second_targets: float = 0.0


CROWDS = (
    Crowd("careful", slips=0.01, spammers=0.0),
    Crowd("raw", slips=0.04, spammers=0.05),
    Crowd("two_targets", slips=0.01, spammers=0.0, second_targets=0.2),
)


@dataclass(frozen=True, slots=True)
class Simulated:
    """Clicks and the truth behind them.

    Attributes:
        targets_ft2: the places that are right on each frame, (F, 2, 2) in diagonals; twice the same
            where there is one.
        has_two_f: whether a frame has two targets.
        scales_j: each person's true scale.
        is_spammer_j: whether a person clicks anywhere.
    """

    clicks: Clicks
    targets_ft2: Floats
    has_two_f: Bools
    scales_j: Floats
    is_spammer_j: Bools


def simulate(crowd: Crowd, n_frames: int, rng: np.random.Generator) -> Simulated:
    """Return five clicks of sixty people on each frame."""
    targets_ft2 = rng.uniform(_EDGE, 1 - _EDGE, (n_frames, 2, 2)) * SIZE
    has_two_f = rng.random(n_frames) < crowd.second_targets
    targets_ft2[~has_two_f, 1] = targets_ft2[~has_two_f, 0]
    frame_scales_f = FRAME_SCALE * np.exp(rng.normal(0, FRAME_SPREAD, n_frames))
    scales_j = np.exp(rng.normal(0, PERSON_SPREAD, N_PEOPLE))
    is_spammer_j = rng.permutation(N_PEOPLE) < round(crowd.spammers * N_PEOPLE)
    frames_c = np.repeat(np.arange(n_frames), N_CLICKS)
    people_c = rng.random((n_frames, N_PEOPLE)).argsort(axis=1)[:, :N_CLICKS].ravel()
    chosen_c = np.tile(np.arange(N_CLICKS) >= 3, n_frames).astype(np.int64)
    scale_c = frame_scales_f[frames_c] * scales_j[people_c]
    noise_c2 = rng.normal(size=(len(frames_c), 2)) * scale_c[:, None]
    places_c2 = targets_ft2[frames_c, chosen_c] + noise_c2
    is_wild_c = is_spammer_j[people_c] | (rng.random(len(frames_c)) < crowd.slips)
    places_c2[is_wild_c] = (rng.random((len(frames_c), 2)) * SIZE)[is_wild_c]
    clicks = Clicks(frames_c, people_c, np.clip(places_c2, 0, SIZE), n_frames, N_PEOPLE)
    return Simulated(clicks, targets_ft2, has_two_f, scales_j, is_spammer_j)
