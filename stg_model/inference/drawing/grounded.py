"""What is drawn: one video's records, read from a predictions file of any system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from dataset_builder.domain import Action
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.predicted_heatmaps import read_heatmaps
from dataset_builder.predictions import HeatmapReference, Predictions, SecondPrediction
from stg_model.inference.drawing.text import Colour
from stg_model.inference.segments import ActionSegment, segments_of

# Wong, "Points of view: Color blindness", Nature Methods 2011, without black, and three more.
COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (66, 133, 214),
    (160, 210, 110),
    (190, 150, 255),
    (255, 160, 150),
)
BACKGROUND_COLOUR: Colour = (150, 150, 150)


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands over one picture; `heat` is (rows, columns) in 0..1."""

    action: Action | None
    score: float | None = None
    point: Point | None = None
    box: Box | None = None
    heat: np.ndarray | None = None


@dataclass(frozen=True)
class GroundedVideo:
    """A video with what a system says of it.

    `actions` are the rows of the timeline, in their order; `seconds` stand by time.
    """

    path: Path
    video_id: str
    actions: tuple[Action, ...]
    seconds: tuple[SecondPrediction, ...]
    segments: tuple[ActionSegment, ...]
    places: Mapping[int, Shown]
    """By second; without the heat."""
    heatmaps: Mapping[int, HeatmapReference]
    folder: Path | None

    @cached_property
    def labels(self) -> dict[int, str]:
        """The action that each second names, where it names one."""
        return {s.second: s.action_id for s in self.seconds if s.action_id is not None}

    @cached_property
    def end_s(self) -> int:
        """End of the last second of which something is said."""
        return self.seconds[-1].second + 1

    def colour(self, action_id: str) -> Colour:
        """Return the colour of an action: the same in every drawing."""
        number = [action.action_id for action in self.actions].index(action_id)
        return COLOURS[number % len(COLOURS)]

    def at_second(self, second: int) -> Shown:
        """Return what is said of a second, with its heat."""
        found = self.places.get(second, Shown(None))
        reference = self.heatmaps.get(second)
        if reference is None or self.folder is None:
            return found
        ((_, heat),) = read_heatmaps(self.folder, [reference])
        span = float(np.ptp(heat))
        stretched = (heat - heat.min()) / span if span else np.zeros_like(heat)
        return Shown(found.action, found.score, found.point, found.box, stretched)

    def at(self, time_s: float) -> Shown:
        """Return what is shown at a time, between a second and the next that names the same."""
        second = int(time_s)
        now = self.at_second(second)
        if now.action is None or self.labels.get(second + 1) != now.action.action_id:
            return now
        return _between(now, self.at_second(second + 1), time_s - second)


def grounded_video(
    predictions: Predictions, video: Path, actions: Iterable[Action] = (), gap_s: int = 0
) -> GroundedVideo:
    """Return one video's records, ready to be drawn.

    Args:
        predictions: a file that speaks of the video; its id is the file's name without suffix.
        video: the file.
        actions: their descriptions; an action that is not among them is called by its id.
        gap_s: seconds that a segment goes on over.

    Raises:
        InputError: the file says nothing of any second of that video.
    """
    seconds = sorted(
        (one for (video_id, _), one in predictions.seconds.items() if video_id == video.stem),
        key=lambda one: one.second,
    )
    if not seconds:
        raise InputError(
            f"predictions of {predictions.system.name!r} have no second of video {video.stem!r} "
            "(the file's name without suffix); nothing to draw"
        )
    known = {action.action_id: action for action in actions}
    named = {a for one in seconds for a in (*one.scores, one.action_id) if a is not None}
    known |= {a: Action(a, a) for a in sorted(named - known.keys())}
    places, heatmaps = {}, {}
    for one in seconds:
        if one.action_id is None:
            continue
        place = predictions.points.get((one.video_id, one.second, one.action_id))
        action, score = known[one.action_id], one.scores.get(one.action_id)
        places[one.second] = Shown(action, score)
        if place is not None:
            places[one.second] = Shown(action, score, place.point, place.box)
            if place.heatmap is not None:
                heatmaps[one.second] = place.heatmap
    return GroundedVideo(
        video,
        video.stem,
        tuple(known.values()),
        tuple(seconds),
        tuple(segments_of(seconds, gap_s)),
        places,
        heatmaps,
        predictions.folder,
    )


def _between(now: Shown, then: Shown, share: float) -> Shown:
    """Blend two seconds' heat; point and box are those of the nearer one, never a third place."""
    nearer = now if share < 0.5 else then
    heat = nearer.heat
    if now.heat is not None and then.heat is not None and now.heat.shape == then.heat.shape:
        heat = (1 - share) * now.heat + share * then.heat
    return Shown(now.action, now.score, nearer.point, nearer.box, heat)
