"""An annotated film: the video with heat, box, point and name, and a strip of scores below it.

Frames are read, drawn and encoded one after the other, so its length costs no memory.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from tqdm import tqdm

from dataset_builder import tables
from dataset_builder.video_readers import Shown as Frame
from dataset_builder.video_readers import read_nearest
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

    The picture has the source's aspect, upright. Where the source is damaged the last sound
    picture stays.

    Raises:
        VideoError: the source cannot be read.
    """
    survey = survey_video(grounded.path)
    size = picture_size(survey.width, survey.height)
    last_s = min(survey.duration_s, float(grounded.end_s))
    times_s = (np.arange(max(1, int(last_s * FILM_FPS))) / FILM_FPS).tolist()
    with tables.replaced_file(path) as temporary:
        projector = _Projector(grounded, temporary, size, len(times_s))
        try:
            read_nearest(survey, times_s, size, projector.show)
        finally:
            projector.close()
    return projector.n_frames


def picture_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of the picture: even sides, the aspect kept.

    >>> picture_size(1920, 1080), picture_size(64, 48), picture_size(480, 854)
    ((960, 540), (480, 360), (480, 854))
    """
    long_side = max(width, height)
    scale = min(max(long_side, LONG_SIDE_PX[0]), LONG_SIDE_PX[1]) / long_side
    return tuple(max(2, 2 * round(side * scale / 2)) for side in (width, height))  # type: ignore[return-value]


class _Projector:
    """Takes frames in ascending order and encodes them; begins anew when the reader does."""

    def __init__(
        self, grounded: GroundedVideo, path: Path, size: tuple[int, int], n_frames: int
    ) -> None:
        self._grounded, self._path, self._size = grounded, path, size
        height = 2 * round(STRIP_SHARE * max(size) / 2)
        self._strip = Strip(grounded, (size[0], height))
        self._progress = tqdm(total=n_frames, desc="film", unit="frame", leave=False)
        self._container: Any = None
        self._stream: Any = None
        self._last = -1
        self.n_frames = 0

    def show(self, frame: Frame) -> None:
        """Draw a frame and encode it."""
        if frame.wanted <= self._last:  # another reader took over, from the beginning
            self._finish()
            self._progress.reset()
        if self._container is None:
            self._open()
        time_s = frame.wanted / FILM_FPS
        shown = self._grounded.at(time_s)
        colour = (
            self._grounded.colour(shown.action.action_id) if shown.action else BACKGROUND_COLOUR
        )
        picture = annotated(
            frame.image, shown, colour, f"{int(time_s) // 60}:{int(time_s) % 60:02}"
        )
        whole = Image.new("RGB", (self._size[0], self._size[1] + self._strip.size[1]))
        whole.paste(picture, (0, 0))
        whole.paste(self._strip.at(time_s), (0, self._size[1]))
        encoded = av.VideoFrame.from_ndarray(np.asarray(whole), format="rgb24")
        encoded.pts, encoded.time_base = frame.wanted, Fraction(1, FILM_FPS)
        self._container.mux(self._stream.encode(encoded))
        self._last = frame.wanted
        self.n_frames += 1
        self._progress.update()

    def close(self) -> None:
        """Write what the encoder still holds."""
        self._finish()
        self._progress.close()

    def _open(self) -> None:
        options = {"movflags": "+faststart"}
        self._container = av.open(str(self._path), "w", format="mp4", options=options)
        self._stream = self._container.add_stream("libx264", rate=FILM_FPS, options=ENCODER)
        self._stream.width, self._stream.pix_fmt = self._size[0], "yuv420p"
        self._stream.height = self._size[1] + self._strip.size[1]
        self._stream.codec_context.time_base = Fraction(1, FILM_FPS)
        self._last, self.n_frames = -1, 0

    def _finish(self) -> None:
        if self._container is None:
            return
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._container = None
