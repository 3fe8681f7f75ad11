"""What is said in a rendered video: mostly about the actions, at about the wrong time.

A sentence about a segment is "fillers verb object fillers"; some speak of two segments at once, and
some of nothing that happens. Sentences are moved in time as in real instruction videos, where
people speak before or after they act; the shift is a setting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stg_model.world.actions import WorldAction
from stg_model.world.scene import WORDS, Performance, VideoPlan
from stg_model.world.settings import WorldSettings

OPENINGS = (
    "okay so now you want to",
    "the next thing i do is",
    "then we just",
    "alright let us",
    "what i like to do here is",
    "go ahead and",
    "first you have to",
    "and after that we",
    "i always",
    "now you simply",
)
DETERMINERS = ("the", "your", "this", "that", "our", "")
CLOSINGS = (
    "like this",
    "nice and slowly",
    "for a little while",
    "just a bit",
    "as you can see",
    "until it looks good",
    "right here on the table",
    "and do not rush",
    "really well",
    "",
)
JOINTS = ("and then", "and after that", "while you also", "before we")
NOISE = (
    "welcome back to my channel everyone",
    "please subscribe if you enjoy these videos",
    "my grandmother showed me this many years ago",
    "let me know in the comments what you think",
    "i had such a busy week but here we are",
    "it smells so good in here already",
    "make sure that your kitchen is tidy",
    "the weather is lovely today by the way",
    "you can find everything at the store down the road",
    "my neighbour really likes this one",
    "so that is about it for now",
    "we will wait for a moment and talk",
    "thank you so much for all your kind words",
    "this is my favourite part of the day",
    "do not worry if yours looks different",
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, when it is said, in seconds of the video, and what of: nothing, if noise."""

    start_s: float
    end_s: float
    text: str
    about: tuple[Performance, ...] = ()


def narrate(settings: WorldSettings, plan: VideoPlan) -> tuple[Sentence, ...]:
    """Return the sentences of a video in the order in which they begin."""
    rng = plan.stream(WORDS)
    told = [p for p in plan.performances if rng.uniform() < settings.narrated_share]
    sentences: list[Sentence] = []
    while told:
        n_told = 2 if len(told) > 1 and rng.uniform() < settings.compound_share else 1
        sentences.append(_sentence_about(rng, settings, plan.duration_s, told[:n_told]))
        del told[:n_told]
    wanted = len(sentences) * settings.noise_share / (1 - settings.noise_share)
    n_noise = int(wanted) + int(rng.uniform() < wanted % 1)
    for _ in range(n_noise):
        middle_s = rng.uniform(0, plan.duration_s)
        text = str(rng.choice(NOISE))
        sentences.append(_sentence_at(rng, settings, plan.duration_s, middle_s, text))
    return tuple(sorted(sentences, key=lambda s: (s.start_s, s.end_s, s.text)))


def _sentence_about(
    rng: np.random.Generator,
    settings: WorldSettings,
    duration_s: float,
    told: list[Performance],
) -> Sentence:
    middle_s = (told[0].segment.start_s + told[-1].segment.end_s) / 2
    middle_s += rng.normal(settings.shift_mean_s, settings.shift_sd_s)
    phrases = [_phrase(rng, performance.action) for performance in told]
    body = f" {rng.choice(JOINTS)} ".join(phrases)
    text = f"{rng.choice(OPENINGS)} {body} {rng.choice(CLOSINGS)}".strip()
    return replace(_sentence_at(rng, settings, duration_s, middle_s, text), about=tuple(told))


def _phrase(rng: np.random.Generator, action: WorldAction) -> str:
    return " ".join(f"{action.verb} {rng.choice(DETERMINERS)} {action.thing}".split())


def _sentence_at(
    rng: np.random.Generator,
    settings: WorldSettings,
    duration_s: float,
    middle_s: float,
    text: str,
) -> Sentence:
    """Let a sentence last a few seconds, inside the video wherever its middle would lie."""
    length = min(rng.uniform(*settings.sentence_s), duration_s)
    start = float(np.clip(middle_s - length / 2, 0, duration_s - length))
    return Sentence(round(start, 3), round(start + length, 3), text)
