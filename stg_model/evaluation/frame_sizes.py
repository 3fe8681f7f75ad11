"""Did the system see the frames that the release's boxes are fractions of?

Fractions hide their frame: a video shown without its rotation, a crop or black bars would only look
like a bad score. The header of a predictions file may state each video's frame size, and a size of
another shape is refused. A frame that was merely resized, or stretched as a whole, keeps its
fractions: systems state the size before that.
"""

from __future__ import annotations

from dataset_builder.errors import InputError
from dataset_builder.predictions import Predictions
from dataset_builder.release import Release

ASPECT_TOLERANCE = 0.02
"""Aspects that differ by no more than this are one: frames are cut to whole, often even pixels."""

Size = tuple[int, int]


def check_frame_sizes(release: Release, predictions: Predictions) -> None:
    """Refuse a system that states another shape of a video's frames than the release has.

    Right are the shape of the video as displayed, and that of the frames that the boxes were made
    on; published boxes are measured in stretched frames. Where a release says that it does not
    know its videos' own sizes (`native_sizes`), there is nothing to compare with.

    Raises:
        InputError: the aspect of a video's stated size differs by more than `ASPECT_TOLERANCE`;
            the video and both sizes are named.
    """
    if release.settings.get("native_sizes") is False:
        return
    known: dict[str, list[Size]] = {v.video_id: [(v.width, v.height)] for v in release.videos}
    video_of = {clip.clip_id: clip.video_id for clip in release.clips}
    for frame in release.frames:
        known[video_of[frame.clip_id]].append((frame.width, frame.height))
    for video_id, stated in sorted(predictions.frame_sizes_px.items()):
        sizes = known.get(video_id, [])
        if sizes and not any(_is_alike(stated, size) for size in sizes):
            raise InputError(
                f"predictions of {predictions.system.name!r}: video {video_id!r} has frames of "
                f"{_text(stated)} pixels, but {_text(sizes[0])} in the release; "
                f"{_advice(stated, sizes[0])}"
            )


def _is_alike(one: Size, other: Size) -> bool:
    """Whether two sizes have one aspect; of nothing but products, as a width may be 0."""
    products = one[0] * other[1], other[0] * one[1]
    return max(products) <= (1 + ASPECT_TOLERANCE) * min(products)


def _advice(stated: Size, size: Size) -> str:
    if _is_alike(stated, size[::-1]):
        return "was its rotation left out? Coordinates are fractions of the frame as displayed"
    return "was it cropped or padded? Coordinates are fractions of the whole frame as displayed"


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
