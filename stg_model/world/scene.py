"""What happens in a rendered video, and when: the plan that pictures, words and truth all follow.

Every video is planned from `(seed, set, index)` alone, so it is the same at any number of processes
and in any order. Places are drawn uniformly and know nothing of the systems that are scored on
them (R32).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataset_builder.domain import Segment
from stg_model.errors import SettingsError
from stg_model.world.actions import WorldAction
from stg_model.world.settings import SETS, WorldSettings

SCALES = (0.85, 1.0, 1.15)
"""Sizes of an action; three values, so that every drawing is made once and kept."""

MAX_PLAN_TRIES = 2000
HIDDEN_LEAD_S = 0.3
"""A hidden stretch begins this long before its first hidden second and ends as early before the
first second shown again: a second's frame and the one 0.25 s later are hidden, or shown, both."""

PLAN, DECK, WORDS, GRAIN = range(4)
"""What a stream of random numbers is for; each has its own, so that none disturbs another."""


@dataclass(frozen=True, slots=True)
class Performance:
    """One occurrence of an action: what is done, from when to when."""

    segment: Segment
    action: WorldAction


@dataclass(frozen=True, slots=True)
class Take:
    """A performance, or the part of it that lies in one scene: where and how it is seen.

    `across` and `down` in 0..1 say where in the room that the frame leaves the action stands, from
    left and from top; `scale` is its size; `period_s` and `phase` (0..1) are those of its motion.
    """

    start_s: float
    end_s: float
    action: WorldAction
    across: float
    down: float
    scale: float
    mirrored: bool
    period_s: float
    phase: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A background between two cuts; nothing but `look_seed` decides what it looks like.

    The mover, which no sentence is about, is away in `[mover_away_s, mover_back_s)`.
    """

    start_s: float
    end_s: float
    look_seed: int
    mover_away_s: float
    mover_back_s: float


@dataclass(frozen=True, slots=True)
class Cover:
    """A stretch in which the action cannot be seen: a talking head or a card laid over it."""

    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """Everything that decides a video's pictures, words and truth; times in seconds.

    `person` (0..59) is whose hands and head we see; `distractors` says whether things lie about
    that nobody uses.
    """

    video_id: str
    seed: int
    set_name: str
    index: int
    person: int
    width: int
    height: int
    frames_per_second: int
    n_frames: int
    performances: tuple[Performance, ...]
    takes: tuple[Take, ...]
    scenes: tuple[Scene, ...]
    covers: tuple[Cover, ...]
    distractors: bool = True

    @property
    def duration_s(self) -> float:
        """How long the video runs."""
        return self.n_frames / self.frames_per_second

    def scene_at(self, time_s: float) -> Scene:
        """The scene at a time inside the video."""
        return next(scene for scene in self.scenes if scene.start_s <= time_s < scene.end_s)

    def take_at(self, time_s: float) -> Take | None:
        """The action on stage, covered or not."""
        return next((t for t in self.takes if t.start_s <= time_s < t.end_s), None)

    def cover_at(self, time_s: float) -> Cover | None:
        """What hides the action, if anything does."""
        return next((c for c in self.covers if c.start_s <= time_s < c.end_s), None)

    def stream(self, purpose: int) -> np.random.Generator:
        """The video's own random numbers for one purpose, the same in any process."""
        return _stream(self.seed, self.set_name, self.index, purpose)

    def visible_take_at(self, time_s: float) -> Take | None:
        """The action that can be seen at a time; None where there is none or it is hidden."""
        return None if self.cover_at(time_s) else self.take_at(time_s)


def plan_video(settings: WorldSettings, set_name: str, index: int) -> VideoPlan:
    """Plan one video of a set.

    Raises:
        SettingsError: segments and gaps of the settings do not fit the video's length.
    """
    rng = _stream(settings.seed, set_name, index, PLAN)
    segments, end_s = _segments(rng, settings)
    n_frames = round(end_s * settings.frames_per_second)
    performances = _performances(rng, segments, _actions_of(settings, set_name, index))
    duration_s = n_frames / settings.frames_per_second
    scenes = _scenes(rng, settings, duration_s)
    width, height = settings.size(set_name)
    return VideoPlan(
        video_id=f"w{settings.seed}-{set_name}-{index:03d}",
        seed=settings.seed,
        set_name=set_name,
        index=index,
        person=int(rng.integers(60)),
        width=width,
        height=height,
        frames_per_second=settings.frames_per_second,
        n_frames=n_frames,
        performances=performances,
        takes=_takes(rng, performances, scenes),
        scenes=scenes,
        covers=_covers(rng, settings, performances, duration_s),
        distractors=settings.distractors,
    )


def plan_set(settings: WorldSettings, set_name: str) -> tuple[VideoPlan, ...]:
    """Plan all videos of a set."""
    return tuple(plan_video(settings, set_name, i) for i in range(settings.n_videos(set_name)))


def _stream(seed: int, set_name: str, index: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, SETS.index(set_name), index, purpose])


def _actions_of(settings: WorldSettings, set_name: str, index: int) -> list[WorldAction]:
    """Deal the actions like cards, so that a set holds each of them equally often."""
    actions = settings.actions
    hands = len(actions) // settings.actions_per_video
    deck = _stream(settings.seed, set_name, index // hands, DECK).permutation(len(actions))
    first = index % hands * settings.actions_per_video
    return [actions[i] for i in deck[first : first + settings.actions_per_video]]


def _segments(rng: np.random.Generator, settings: WorldSettings) -> tuple[list[Segment], float]:
    """Draw gap, segment, gap ... until a draw fills the video as told; also its end."""
    least, most = settings.video_s
    for _ in range(MAX_PLAN_TRIES):
        wanted = rng.uniform(least, most)
        segments: list[Segment] = []
        end = rng.uniform(*settings.gap_s)
        while end < wanted:
            start = round(end, 3)
            stop = round(start + rng.uniform(*settings.segment_s), 3)
            segments.append(Segment(start, stop))
            end = stop + rng.uniform(*settings.gap_s)
        if least <= end <= most and len(segments) >= settings.actions_per_video:
            return segments, end
    raise SettingsError(
        f"{settings.actions_per_video} actions in segments of {settings.segment_s} s with gaps of "
        f"{settings.gap_s} s do not fit videos of {settings.video_s} s; widen video_s"
    )


def _performances(
    rng: np.random.Generator, segments: list[Segment], actions: list[WorldAction]
) -> tuple[Performance, ...]:
    """Give every action a segment and the rest of the segments any of the actions."""
    order = list(rng.permutation(len(actions)))
    order += list(rng.integers(len(actions), size=len(segments) - len(actions)))
    return tuple(Performance(s, actions[i]) for s, i in zip(segments, order, strict=True))


def _scenes(
    rng: np.random.Generator, settings: WorldSettings, duration_s: float
) -> tuple[Scene, ...]:
    scenes: list[Scene] = []
    start = 0.0
    while start < duration_s:
        length = rng.uniform(*settings.scene_s)
        away = (1 - settings.mover_share) * length
        away_from = start + rng.uniform(0, length - away)
        look_seed = int(rng.integers(2**32))
        scenes.append(Scene(start, start + length, look_seed, away_from, away_from + away))
        start += length
    return tuple(scenes)


def _takes(
    rng: np.random.Generator, performances: tuple[Performance, ...], scenes: tuple[Scene, ...]
) -> tuple[Take, ...]:
    takes: list[Take] = []
    for performance in performances:
        period_s = rng.uniform(0.8, 1.25)
        for scene in scenes:
            start = max(scene.start_s, performance.segment.start_s)
            end = min(scene.end_s, performance.segment.end_s)
            if start < end:
                takes.append(
                    Take(
                        start_s=start,
                        end_s=end,
                        action=performance.action,
                        across=rng.uniform(),
                        down=rng.uniform(),
                        scale=float(rng.choice(SCALES)),
                        mirrored=bool(rng.integers(2)),
                        period_s=period_s,
                        phase=rng.uniform(),
                    )
                )
    return tuple(takes)


def _covers(
    rng: np.random.Generator,
    settings: WorldSettings,
    performances: tuple[Performance, ...],
    duration_s: float,
) -> tuple[Cover, ...]:
    covers: list[Cover] = []
    bounds = [0.0, *(t for p in performances for t in (p.segment.start_s, p.segment.end_s))]
    bounds.append(duration_s)
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        if rng.uniform() < settings.talking_head_share:
            covers.append(Cover(start, end, "head"))
    for performance in performances:
        cover = _hidden_stretch(rng, settings.hidden_share, performance.segment)
        if cover:
            covers.append(cover)
    return tuple(sorted(covers, key=lambda cover: cover.start_s))


def _hidden_stretch(rng: np.random.Generator, share: float, segment: Segment) -> Cover | None:
    """Hide one or two seconds of a segment, so often that the share comes out on average."""
    seconds = np.arange(np.ceil(segment.start_s), np.ceil(segment.end_s))
    length = min(int(rng.integers(1, 3)), len(seconds))
    if not length or rng.uniform() >= share * len(seconds) / 1.5:
        return None
    first = float(rng.choice(seconds[: len(seconds) - length + 1]))
    start = max(segment.start_s, first - HIDDEN_LEAD_S)
    end = min(segment.end_s, first + length - HIDDEN_LEAD_S)
    return Cover(start, end, "head" if rng.uniform() < 0.5 else "card")
