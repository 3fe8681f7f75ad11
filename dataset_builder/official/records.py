"""The published files' rows as records: segments, boxes and mean clicks by video and second.

Means come from two batches. Batch A gives them in pixels of the video itself, batch B in pixels of
the stretched frame that boxes are measured in; here both are of the stretched frame.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dataset_builder.errors import InputError
from dataset_builder.importers.grounding_youtube_files import (
    LANDSCAPE,
    PORTRAIT,
    RawBox,
    Size,
)
from dataset_builder.official.files import Files
from dataset_builder.official.layouts import (
    FILES,
    NATIVE_MEANS,
    STRETCHED_MEANS,
)

BOX_FILES = tuple(name for name, layout in FILES.items() if layout.startswith("boxes"))
SEGMENT_FILES = tuple(name for name, layout in FILES.items() if layout == "segments")
BACKGROUND = "background"
"""What `vid2step` lists behind each video's steps."""

_FRAME_NAME = re.compile(r"([\w-]{11})_([0-9]{1,9})_([^/]+)\.jpg")
_ESCAPE = re.compile(r"u00([0-9a-f]{2})")

Frame = tuple[str, int]
"""A second of a video, `(video_id, second)`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One entry of a file of segments: first and last second, both inside, and raw sentence."""

    video_id: str
    first: int
    last: int
    number: int
    sentence: str

    @property
    def seconds(self) -> range:
        """Its whole seconds."""
        return range(self.first, self.last + 1)

    @property
    def step(self) -> str:
        """The sentence with spaces and whole letters."""
        return mended(spaced(self.sentence))

    def __str__(self) -> str:
        """Return what names it in messages."""
        return f"{self.video_id}, {self.first}-{self.last} s, id {self.number}"


@dataclass(frozen=True, slots=True)
class MeanClick:
    """One row of a batch: what people clicked on one step in one second, on average.

    `point_px` is in pixels of the stretched frame, None where nobody clicked or (batch A) where no
    file tells the video's size. `was_clicked` tells the two apart.
    """

    batch: str
    video_id: str
    second: int
    label: str
    was_clicked: bool
    point_px: tuple[float, float] | None

    @property
    def frame(self) -> Frame:
        """The second of the video."""
        return self.video_id, self.second

    @property
    def step(self) -> str:
        """The label with spaces and whole letters."""
        return mended(spaced(self.label))


def spaced(text: str) -> str:
    """Return a step's name with single spaces, as the files are compared.

    >>> spaced("crack_egg")
    'crack egg'
    """
    return " ".join(text.replace("_", " ").split())


def mended(text: str) -> str:
    r"""Return text whose letters are whole: no codes that lost their backslash, no loose accents.

    >>> mended("puru00e9e it") == mended("pure\u0301e it") == "pur\u00e9e it"
    True
    """
    letters = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return unicodedata.normalize("NFC", letters)


def sizes_in(files: Files, name: str) -> dict[str, Size]:
    """Return a file's sizes by video, (width, height) in pixels; empty where it is missing.

    Raises:
        InputError: a side is shorter than 1 pixel.
    """
    rows = files[name].rows if name in files else ()
    for video_id, width, height in rows:
        if width < 1 or height < 1:
            raise InputError(
                f"{name}.json: size of video {video_id!r} must be 1 pixel or more, "
                f"got {width} x {height}"
            )
    return {video_id: (width, height) for video_id, width, height in rows}


def size_file(files: Files) -> str | None:
    """Return the file that tells the videos' sizes, or at least which of them are portrait."""
    return next((name for name in ("id2wh", "id2wh_new") if name in files), None)


def frame_sizes(files: Files) -> dict[str, Size]:
    """Return the size of each video's stretched frame; without a file of sizes it is empty."""
    name = size_file(files)
    found = sizes_in(files, name) if name else {}
    return {v: PORTRAIT if height > width else LANDSCAPE for v, (width, height) in found.items()}


def segments_of(files: Files, name: str) -> list[Segment]:
    """Return a file's segments in its order."""
    return [Segment(*row) for row in files[name].rows]


def boxes_of(files: Files, name: str) -> dict[Frame, RawBox]:
    """Return a file's boxes in its order, with the step that it names.

    Raises:
        InputError: two boxes for one second of a video.
    """
    sizes = frame_sizes(files)
    boxes: dict[Frame, RawBox] = {}
    for video_id, second, x1, y1, x2, y2, step in files[name].rows:
        if (video_id, second) in boxes:
            raise InputError(f"{name}.json: video {video_id!r} has two boxes for second {second}")
        size = sizes.get(video_id, LANDSCAPE)
        boxes[video_id, second] = RawBox(video_id, second, (x1, y1, x2, y2), size, step)
    return boxes


def released_boxes(files: Files) -> str | None:
    """Return which of the box files that are there is nearest to the released one."""
    return next((name for name in BOX_FILES if name in files), None)


def mean_clicks(files: Files) -> list[MeanClick]:
    """Return the rows of both batches, A first, in their order.

    Raises:
        InputError: an image's name is not `<video_id>_<second>_<step>.jpg`.
    """
    return [*_means(files, "A", NATIVE_MEANS), *_means(files, "B", STRETCHED_MEANS)]


def by_frame(means: Sequence[MeanClick]) -> dict[Frame, list[MeanClick]]:
    """Return the rows of each second of a video."""
    found: dict[Frame, list[MeanClick]] = {}
    for mean in means:
        found.setdefault(mean.frame, []).append(mean)
    return found


def fits(box: RawBox, mean: MeanClick) -> bool:
    """Whether the mean can be that of the clicks that the box was made from.

    A side that was not cut lies at least 100 px outside the mean; it was rounded down to a whole
    pixel. Cut sides (0 and, width and height being swapped, 480 and 640) tell nothing.
    """
    if mean.point_px is None:
        return False
    (x, y), (x1, y1, x2, y2) = mean.point_px, box.corners
    return (
        (x1 == 0 or x >= x1 + 99)
        and (y1 == 0 or y >= y1 + 99)
        and (x2 == 480 or x <= x2 - 99)
        and (y2 == 640 or y <= y2 - 99)
    )


def is_side_cut(box: RawBox) -> bool:
    """Whether the right side stands where the width was cut as if it were the height."""
    width, height = box.frame_size_px
    return width > height == box.corners[2]


def holds(box: RawBox, point_px: tuple[float, float]) -> bool:
    """Whether the closed box holds a point (R18)."""
    (x, y), (x1, y1, x2, y2) = point_px, box.corners
    return x1 <= x <= x2 and y1 <= y <= y2


def _means(files: Files, batch: str, name: str) -> Iterator[MeanClick]:
    if name not in files:
        return
    scale = {"A": _scales(files)}.get(batch)
    for url, x, y, _ in files[name].rows:
        found = _FRAME_NAME.fullmatch(url.rpartition("/")[2])
        if found is None:
            raise InputError(
                f"{name}.json: image {url!r:.120} should be named <video_id>_<second>_<step>.jpg"
            )
        video_id, second, label = found[1], int(found[2]), found[3]
        was_clicked = x is not None and y is not None
        point = (x, y) if was_clicked else None
        if point is not None and scale is not None:
            ratios = scale.get(video_id)
            point = (x * ratios[0], y * ratios[1]) if ratios else None
        yield MeanClick(batch, video_id, second, label, was_clicked, point)


def _scales(files: Files) -> Mapping[str, tuple[float, float]]:
    """Return by how much each video is stretched in width and height."""
    frames = frame_sizes(files)
    return {
        video_id: (frames[video_id][0] / width, frames[video_id][1] / height)
        for video_id, (width, height) in sizes_in(files, "id2wh").items()
    }
