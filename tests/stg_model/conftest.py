"""A planted world in pixels: each noun is a colour, each verb a way to change, in one square.

Made in memory in milliseconds, with exact answers: enough to see that the model learns from
sentences alone, and that nothing else in it leaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

NOUNS = {
    "carrot": (230, 120, 20),
    "leaf": (40, 180, 60),
    "plum": (110, 40, 150),
    "lemon": (240, 230, 60),
}
ACTIONS = tuple(f"{verb} {noun}" for noun in NOUNS for verb in ("cut", "stir"))
SIDE_PX = 56
SQUARE_PX = 16
N_SECONDS = 30


@dataclass(frozen=True)
class PlantedVideo:
    """Features, sentences, and for each busy second its action and its square's box."""

    features: object
    sentences: tuple
    truth: dict


@pytest.fixture(scope="session")
def planted():
    """Functions that make planted videos; torch is imported only by tests that ask for them."""
    return SimpleNamespace(videos=planted_videos, narrated=narrated, actions=actions)


def planted_videos(n_videos, seed):
    rng = np.random.default_rng(seed)
    return [planted_video(number, rng) for number in range(n_videos)]


def planted_video(number, rng):
    """Noise, and now and then four seconds of an action that jumps about, roughly narrated."""
    from dataset_builder.domain import action_id_for
    from dataset_builder.geometry import Box
    from stg_model.features.store import VideoFeatures
    from stg_model.training.narrations import Sentence

    pixels = rng.normal(110, 12, (N_SECONDS, 2, SIDE_PX, SIDE_PX, 3))
    truth, sentences = {}, []
    second = int(rng.integers(1, 5))
    while second + 4 < N_SECONDS:
        action = ACTIONS[rng.integers(len(ACTIONS))]
        spoken_s = float(np.clip(second + 2 + rng.normal(0, 1.5), 1, N_SECONDS - 1))
        sentences.append(Sentence(spoken_s - 1, spoken_s + 1, f"now we {action} here"))
        for at in range(second, second + 4):
            x, y = (int(value) for value in rng.integers(0, SIDE_PX - SQUARE_PX + 1, 2))
            paint(pixels[at], action, x, y)
            corners = (value / SIDE_PX for value in (x, y, x + SQUARE_PX, y + SQUARE_PX))
            truth[at] = (action_id_for(action), Box(*corners))
        second += 4 + int(rng.integers(4, 9))
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    features = VideoFeatures(f"v{number}", f"{number:064d}", pixels)
    return PlantedVideo(features, tuple(sentences), truth)


def paint(pictures, action, x, y):
    """Paint the noun's colour into both pictures; stirring moves a stripe from one to the next."""
    verb, noun = action.split()
    pictures[:, y : y + SQUARE_PX, x : x + SQUARE_PX] = NOUNS[noun]
    if verb == "stir":
        pictures[0, y + 2 : y + 6, x : x + SQUARE_PX] = 250
        pictures[1, y + 9 : y + 13, x : x + SQUARE_PX] = 250


def narrated(video, settings):
    from stg_model.features.encoders import encoder_for
    from stg_model.training.dataset import NarratedVideo

    features = video.features
    inputs = encoder_for(settings).inputs(features.values)
    return NarratedVideo(features.video_id, features.source_sha256, inputs, video.sentences)


def actions():
    from dataset_builder.domain import Action, action_id_for

    return tuple(Action(action_id_for(name), name) for name in ACTIONS)
