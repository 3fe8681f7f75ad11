"""The pictures of a page, each once, and boxes in the units of its drawings."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dataset_builder.domain import Video
from dataset_builder.geometry import Box
from dataset_builder.report.overlays import fitted
from dataset_builder.report.pictures import LONG_SIDE_PX, Pictures

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
class Picture:
    """An image that the drawings use by its id."""

    picture_id: str
    data: str
    width: int
    height: int


@dataclass(slots=True)
class Gallery:
    """The pictures by video and second, and how many had no room or were not there."""

    pictures: dict[tuple[str, int], Picture] = field(default_factory=dict)
    n_without_room: int = 0
    n_missing: int = 0

    def id_of(self, key: tuple[str, int]) -> str:
        """Return the id of a frame's picture, empty where there is none."""
        picture = self.pictures.get(key)
        return picture.picture_id if picture else ""


def drawing_shapes(videos: Iterable[Video]) -> dict[str, tuple[int, int]]:
    """Return width and height of each video's drawings."""
    return {v.video_id: fitted(v.width, v.height, LONG_SIDE_PX) for v in videos}


def collect(
    keys: Iterable[tuple[str, int]],
    shapes: Mapping[str, tuple[int, int]],
    source: Pictures | None,
) -> Gallery:
    """Return the pictures of some frames as long as there is room.

    Args:
        keys: video and second of each frame; one that comes again is the same picture.
        shapes: width and height by video.
        source: of the pictures; there are none where it is None.

    Raises:
        InputError: a picture cannot be read.
    """
    gallery = Gallery()
    if source is None:
        return gallery
    n_bytes = 0
    for key in dict.fromkeys(keys):
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
    return gallery


def rectangle(box: Box, shape: tuple[int, int]) -> Rectangle:
    """Return a box in a drawing of this width and height."""
    width, height = shape
    return Rectangle(
        round(box.x1 * width, 1),
        round(box.y1 * height, 1),
        round((box.x2 - box.x1) * width, 1),
        round((box.y2 - box.y1) * height, 1),
    )
