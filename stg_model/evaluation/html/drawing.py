"""Frames as SVG: the picture, a heatmap over it, the true box, and what a system says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataset_builder.domain import Video
from dataset_builder.predicted_heatmaps import read_heatmaps
from dataset_builder.predictions import HeatmapReference
from dataset_builder.report.gallery import Gallery, Rectangle, collect, drawing_shapes, rectangle
from dataset_builder.report.overlays import heat_url
from dataset_builder.report.pictures import Pictures
from stg_model.evaluation.html.cases import Answer, CaseSet, FrameCase
from stg_model.evaluation.html.overlays import mask_outline
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.measures import Floats
from stg_model.evaluation.regions import masks


@dataclass(frozen=True, slots=True)
class Drawing:
    """One system's view of a frame: all that the template draws.

    `outline` is an SVG path round the mask, where the rules take masks for regions, else empty.
    """

    system: PageSystem
    answer: Answer
    box: Rectangle | None
    outline: str
    point: tuple[float, float] | None
    heat: str


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """A frame with one drawing for each system; `picture` is the id of its image, or empty."""

    video_id: str
    second: int
    action: str
    width: int
    height: int
    picture: str
    box: Rectangle
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class DrawnSet:
    """Frames that are shown together."""

    title: str
    chosen: str
    frames: tuple[DrawnFrame, ...]


def draw_sets(
    sets: Sequence[CaseSet],
    systems: Sequence[PageSystem],
    videos: Sequence[Video],
    names: Mapping[str, str],
    source: Pictures | None,
) -> tuple[list[DrawnSet], Gallery]:
    """Return the drawings of all frames, and the pictures that they use.

    Args:
        sets: the chosen frames.
        systems: those whose answers the frames hold, in that order.
        videos: the release's, for the shape of a frame.
        names: query text by action.
        source: of pictures; plain frames where it is None.

    Raises:
        InputError: a heatmap or picture cannot be read.
    """
    shapes = drawing_shapes(videos)
    gallery = collect((case.key[:2] for found in sets for case in found.cases), shapes, source)
    heat = [_heatmaps(system, index, sets) for index, system in enumerate(systems)]

    def drawn(case: FrameCase) -> DrawnFrame:
        video_id, second, action_id = case.key
        shape = shapes[video_id]
        drawings = (
            _drawing(system, found, shape, heat[index])
            for index, (system, found) in enumerate(zip(systems, case.answers, strict=True))
        )
        return DrawnFrame(
            video_id,
            second,
            names.get(action_id, action_id),
            *shape,
            gallery.id_of((video_id, second)),
            rectangle(case.box, shape),
            tuple(drawings),
        )

    return [DrawnSet(s.title, s.chosen, tuple(map(drawn, s.cases))) for s in sets], gallery


def _heatmaps(
    system: PageSystem, index: int, sets: Sequence[CaseSet]
) -> dict[HeatmapReference, Floats]:
    """Return the heatmaps of a system for the frames that are shown."""
    folder = system.case.predictions.folder if system.case else None
    answers = (case.answers[index] for found in sets for case in found.cases)
    wanted = [a.record.heatmap for a in answers if a.record and a.record.heatmap]
    return dict(read_heatmaps(folder, wanted)) if folder else {}


def _drawing(
    system: PageSystem,
    found: Answer,
    shape: tuple[int, int],
    heatmaps: Mapping[HeatmapReference, Floats],
) -> Drawing:
    record = found.record
    if record is None or system.case is None:
        return Drawing(system, found, None, "", None, "")
    settings = system.case.settings
    heat = heatmaps.get(record.heatmap) if record.heatmap else None
    box, outline, data = record.box, "", ""
    if heat is not None:
        data = heat_url(heat, shape)
        if settings.region == "mask":
            (mask_RC,) = masks(heat[None], settings.mask_threshold, settings.mask_grid)
            box, outline = None, mask_outline(mask_RC, shape)
    return Drawing(
        system,
        found,
        rectangle(box, shape) if box else None,
        outline,
        (round(record.point.x * shape[0], 1), round(record.point.y * shape[1], 1)),
        data,
    )
