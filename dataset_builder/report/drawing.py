"""The chosen frames and tubes as numbers that the templates draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataset_builder.fusion.consensus import heatmap_weights, known_scales
from dataset_builder.fusion.heatmap import adaptive_sigma, heatmap
from dataset_builder.geometry import Box, Point
from dataset_builder.release import Consensus, Release
from dataset_builder.release_tables import FrameKey
from dataset_builder.report.examples import FrameSet, TubeStrip
from dataset_builder.report.gallery import Gallery, Rectangle, collect, drawing_shapes, rectangle
from dataset_builder.report.overlays import heat_url
from dataset_builder.report.pictures import Pictures
from dataset_builder.settings import BuildSettings, read_settings
from dataset_builder.snapshot import AnswerRow, answers_by_frame


@dataclass(frozen=True, slots=True)
class Dot:
    """A click in the units of a drawing; `is_assisted`: a hint was in sight."""

    x: float
    y: float
    is_assisted: bool


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """A frame: its picture's id (or empty), heatmap (or empty), boxes, clicks, and what is known.

    `other` is the second box of the frame's set, `rule` the main one's; `mean` is the mean click of
    a frame whose clicks are not in the release.
    """

    action: str
    video_id: str
    second: int
    width: int
    height: int
    picture: str
    heat: str
    box: Rectangle | None
    other: Rectangle | None
    rule: str
    clicks: tuple[Dot, ...]
    mean: Dot | None
    found: Consensus


@dataclass(frozen=True, slots=True)
class DrawnSet:
    """Frames that are shown together."""

    title: str
    chosen: str
    frames: tuple[DrawnFrame, ...]


@dataclass(frozen=True, slots=True)
class DrawnSecond:
    """One second of a tube; `box` is None in a gap."""

    second: int
    picture: str
    box: Rectangle | None
    is_filled: bool


@dataclass(frozen=True, slots=True)
class DrawnTube:
    """A tube as a row of small frames; `n_boxes` are those of its frames."""

    tube_id: str
    action: str
    video_id: str
    width: int
    height: int
    n_seconds: int
    n_boxes: int
    n_filled: int
    seconds: tuple[DrawnSecond, ...]


def draw(
    release: Release,
    sets: Sequence[FrameSet],
    strips: Sequence[TubeStrip],
    source: Pictures | None,
) -> tuple[list[DrawnSet], list[DrawnTube], Gallery]:
    """Return the drawings of frames and tubes, and the pictures that they use.

    Raises:
        InputError: a picture cannot be read, or the release's settings are no build's.
    """
    video_of = {clip.clip_id: clip.video_id for clip in release.clips}
    keys = [(video_of[f.clip_id], f.second) for found in sets for f in found.frames]
    keys += [(video_of[strip.tube.clip_id], s) for strip in strips for s in strip.seconds]
    shapes = drawing_shapes(release.videos)
    gallery = collect(keys, shapes, source)
    frames = _Frames(release, shapes, gallery)
    drawn = [
        DrawnSet(s.title, s.chosen, tuple(frames.frame(f, s.others) for f in s.frames))
        for s in sets
    ]
    return drawn, [frames.tube(strip) for strip in strips], gallery


class _Frames:
    """Draws the frames of one release."""

    def __init__(
        self, release: Release, shapes: Mapping[str, tuple[int, int]], gallery: Gallery
    ) -> None:
        self._release, self._shapes, self._gallery = release, shapes, gallery
        self._clips = {clip.clip_id: clip for clip in release.clips}
        self._names = {a.action_id: a.description for a in release.actions}
        self._answers = answers_by_frame(release.answers)
        self._scales = known_scales(release.annotators)
        is_built = release.derivation == "clicks"
        self._settings = read_settings(release.settings) if is_built else BuildSettings()

    def frame(self, found: Consensus, others: Mapping[FrameKey, Box]) -> DrawnFrame:
        """Return the drawing of one frame."""
        clip, key = self._clips[found.clip_id], (found.clip_id, found.second)
        shape = self._shapes[clip.video_id]
        answers = self._answers.get(key, [])
        box, other = self._release.boxes.get(key), others.get(key)
        return DrawnFrame(
            self._names[clip.action_id],
            clip.video_id,
            found.second,
            *shape,
            self._gallery.id_of((clip.video_id, found.second)),
            self._heat(found, answers, shape),
            rectangle(box, shape) if box else None,
            rectangle(other, shape) if other else None,
            self._release.rules.get(key, ""),
            tuple(_dot(a.point, shape, a.prelabel_shown) for a in answers if a.point),
            _dot(found.mean, shape) if found.mean and not answers else None,
            found,
        )

    def tube(self, strip: TubeStrip) -> DrawnTube:
        """Return the drawing of one tube."""
        tube = strip.tube
        clip = self._clips[tube.clip_id]
        shape = self._shapes[clip.video_id]
        seconds = []
        for second in strip.seconds:
            box = tube.boxes.get(second)
            seconds.append(
                DrawnSecond(
                    second,
                    self._gallery.id_of((clip.video_id, second)),
                    rectangle(box, shape) if box else None,
                    second in tube.filled_seconds,
                )
            )
        return DrawnTube(
            tube.tube_id,
            self._names[clip.action_id],
            clip.video_id,
            *shape,
            max(tube.boxes) - min(tube.boxes) + 1,
            len(tube.boxes) - len(tube.filled_seconds),
            len(tube.filled_seconds),
            tuple(seconds),
        )

    def _heat(self, found: Consensus, answers: Sequence[AnswerRow], shape: tuple[int, int]) -> str:
        """Return the heatmap of the release's own mode, "" where nobody clicked."""
        clicks = [a.point for a in answers if a.point]
        if not clicks:
            return ""
        settings = self._settings
        sigma, weights = settings.sigma, None
        if settings.mode == "robust":
            sigma = adaptive_sigma(found.scale or 0.0, settings.sigma_floor, settings.sigma_cap)
            weights = heatmap_weights(answers, self._scales)
        grid = settings.grid_rows, settings.grid_cols
        size = found.width, found.height
        return heat_url(heatmap(clicks, size, grid=grid, sigma=sigma, weights=weights), shape)


def _dot(point: Point, shape: tuple[int, int], is_assisted: bool = False) -> Dot:
    return Dot(round(point.x * shape[0], 1), round(point.y * shape[1], 1), is_assisted)
