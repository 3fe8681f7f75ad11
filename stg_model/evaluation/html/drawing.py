"""Frames as SVG: the picture, a heatmap over it, the true box, and what a system says."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dataset_builder.domain import Video
from dataset_builder.geometry import Box
from dataset_builder.predicted_heatmaps import read_heatmaps
from dataset_builder.predictions import HeatmapReference
from stg_model.evaluation.html.cases import Answer, CaseSet, FrameCase
from stg_model.evaluation.html.overlays import fitted, heat_png, mask_outline
from stg_model.evaluation.html.pictures import LONG_SIDE_PX, Pictures
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.measures import Floats
from stg_model.evaluation.regions import masks

MOST_PICTURE_BYTES = 2_900_000
"""Pictures beyond this are left out, so that the page stays below 5 MB."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A box in the units of a drawing."""

    x: float
    y: float
    width: float
    height: float


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


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that the drawings use by its id."""

    picture_id: str
    data: str
    width: int
    height: int


@dataclass(slots=True)
class Gallery:
    """The pictures of the page, each once, and how many had no room or were not there."""

    pictures: dict[tuple[str, int], Picture] = field(default_factory=dict)
    n_without_room: int = 0
    n_missing: int = 0


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
    shapes = {v.video_id: fitted(v.width, v.height, LONG_SIDE_PX) for v in videos}
    gallery = Gallery()
    if source is not None:
        keys = dict.fromkeys(case.key[:2] for found in sets for case in found.cases)
        _collect(gallery, list(keys), shapes, source)
    heat = [_heatmaps(system, index, sets) for index, system in enumerate(systems)]

    def drawn(case: FrameCase) -> DrawnFrame:
        video_id, second, action_id = case.key
        shape = shapes[video_id]
        picture = gallery.pictures.get((video_id, second))
        drawings = (
            _drawing(system, found, shape, heat[index])
            for index, (system, found) in enumerate(zip(systems, case.answers, strict=True))
        )
        return DrawnFrame(
            video_id,
            second,
            names.get(action_id, action_id),
            *shape,
            picture.picture_id if picture else "",
            _rectangle(case.box, shape),
            tuple(drawings),
        )

    return [DrawnSet(s.title, s.chosen, tuple(map(drawn, s.cases))) for s in sets], gallery


def _collect(
    gallery: Gallery,
    keys: Sequence[tuple[str, int]],
    shapes: Mapping[str, tuple[int, int]],
    source: Pictures,
) -> None:
    """Put the frames' pictures into the gallery as long as there is room."""
    n_bytes = 0
    for key in keys:
        jpeg = source.jpeg(*key)
        if jpeg is None:
            gallery.n_missing += 1
            continue
        data = base64.b64encode(jpeg).decode()
        if n_bytes + len(data) > MOST_PICTURE_BYTES:
            gallery.n_without_room += 1
            continue
        n_bytes += len(data)
        picture_id = f"picture-{len(gallery.pictures) + 1}"
        url = f"data:image/jpeg;base64,{data}"
        gallery.pictures[key] = Picture(picture_id, url, *shapes[key[0]])


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
        data = f"data:image/png;base64,{base64.b64encode(heat_png(heat, shape)).decode()}"
        if settings.region == "mask":
            box, outline = None, mask_outline(masks(heat[None], settings.mask_threshold)[0], shape)
    return Drawing(
        system,
        found,
        _rectangle(box, shape) if box else None,
        outline,
        (round(record.point.x * shape[0], 1), round(record.point.y * shape[1], 1)),
        data,
    )


def _rectangle(box: Box, shape: tuple[int, int]) -> Rectangle:
    width, height = shape
    return Rectangle(
        round(box.x1 * width, 1),
        round(box.y1 * height, 1),
        round((box.x2 - box.x1) * width, 1),
        round((box.y2 - box.y1) * height, 1),
    )
