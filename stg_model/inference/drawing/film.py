"""An annotated film: the video with heat, box, point and name, and a strip of scores below it.

Frames are read, drawn and encoded one after the other, so its length costs no memory.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset_builder import tables
from dataset_builder.console import progress
from dataset_builder.video_readers import Damage, read_with_pyav
from dataset_builder.video_survey import survey_video
from stg_model.inference.drawing.grounded import BACKGROUND_COLOUR, GroundedVideo
from stg_model.inference.drawing.overlay import annotated
from stg_model.inference.drawing.strip import Strip

FILM_FPS = 12
"""Enough to see a motion; each frame costs tens of milliseconds to draw."""

LONG_SIDE_PX = (480, 960)
"""The picture is enlarged or made smaller to lie within."""

STRIP_SHARE = 0.17
"""Height of the strip, of the picture's long side."""

ENCODER = {"crf": "23", "preset": "veryfast"}


def write_film(grounded: GroundedVideo, path: Path) -> int:
    """Write the film as MP4 (H.264, yuv420p); returns how many frames it has.

    The picture has the source's aspect, upright; where the source is damaged, the last sound
    picture stays. PyAV reads, which waits for each frame to be drawn; decord would decode ahead of
    it without bound.

    Raises:
        VideoError: the source cannot be read.
    """
    survey = survey_video(grounded.path)
    size = picture_size(survey.width, survey.height)
    strip = Strip(grounded, (size[0], 2 * round(STRIP_SHARE * max(size) / 2)))
    last_s = min(survey.duration_s, float(grounded.end_s))
    times_s = (np.arange(max(1, int(last_s * FILM_FPS))) / FILM_FPS).tolist()
    shown = read_with_pyav(survey, times_s, size, Damage(survey))
    options = {"movflags": "+faststart"}
    with (
        tables.replaced_file(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options=options) as container,
    ):
        stream = container.add_stream("libx264", rate=FILM_FPS, options=ENCODER)
        stream.width, stream.height = size[0], size[1] + strip.size[1]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, FILM_FPS)
        n_frames = 0
        for source in progress(shown, "film", total=len(times_s)):
            picture = _film_picture(grounded, source.image, strip, times_s[source.wanted])
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            frame.pts, frame.time_base = source.wanted, Fraction(1, FILM_FPS)
            container.mux(stream.encode(frame))
            n_frames += 1
        container.mux(stream.encode(None))
    return n_frames


def picture_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of the picture: even sides, the aspect kept.

    >>> picture_size(1920, 1080), picture_size(64, 48), picture_size(480, 854)
    ((960, 540), (480, 360), (480, 854))
    """
    long_side = max(width, height)
    scale = min(max(long_side, LONG_SIDE_PX[0]), LONG_SIDE_PX[1]) / long_side
    return tuple(max(2, 2 * round(side * scale / 2)) for side in (width, height))  # type: ignore[return-value]


def _film_picture(
    grounded: GroundedVideo, picture: npt.NDArray[np.uint8], strip: Strip, time_s: float
) -> Image.Image:
    """Return a picture with what is said of it, and the strip below."""
    shown = grounded.at(time_s)
    colour = grounded.colour(shown.action.action_id) if shown.action else BACKGROUND_COLOUR
    clock = f"{int(time_s) // 60}:{int(time_s) % 60:02}"
    height, width = picture.shape[:2]
    whole = Image.new("RGB", (width, height + strip.size[1]))
    whole.paste(annotated(picture, shown, colour, clock), (0, 0))
    whole.paste(strip.at(time_s), (0, height))
    return whole
