"""What moves around a frame: strips of small pictures, and source videos for browsers that play.

A strip shows one second before to one second after a frame, eleven tiles side by side in one JPEG.
It is made when first asked for and kept under HOME/context/, named by the source's content, the
second and the version of the recipe, so that it never changes. Times outside the video, and times
whose picture is damaged, repeat the nearest tile.

Decoding is slow beside an answer: one strip at a time is made in a process, and few requests may
wait for that, so that most threads stay free.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from annot_server.config import Home
from annot_server.errors import BusyError, NotFoundError
from annot_server.sources import Source
from dataset_builder import tables
from dataset_builder.errors import VideoError
from dataset_builder.video_readers import Shown, read_nearest
from dataset_builder.video_survey import Survey, survey_video

logger = logging.getLogger(__name__)

VERSION = 1
TILES_A_SECOND = 5
REACH_TILES = 5
"""Tiles before and after the frame's own: one second each way."""
LONG_SIDE_PX = 320
MAX_BYTES = 120_000
QUALITIES = (75, 60, 45, 30, 15)
SECONDS_A_PASS = 100
"""Strips made in one pass hold all their tiles in memory: 500 of 170 kB at most."""
MAX_AT_ONCE = 3
"""Requests of one process that make a strip, hash a source or wait to; others are told 503."""

Picture = npt.NDArray[np.uint8]

_room = threading.BoundedSemaphore(MAX_AT_ONCE)
_decoding = threading.Lock()


def strip_path(home: Home, source: Source, second: int) -> Path:
    """Return where a frame's strip is kept, made or not."""
    name = f"{source.sha256}-{second}-v{VERSION}.jpg"
    return home.path.resolve() / "context" / source.sha256[:2] / name


def get_strip(home: Home, source: Source, second: int) -> Path:
    """Return the file of a frame's strip, made now where it is not there yet.

    Raises:
        NotFoundError: the source is gone, is another file by now, or cannot be read.
        BusyError: enough others wait already.
    """
    path = strip_path(home, source, second)
    if path.is_file():
        return path
    with _one_of_few():
        if not path.is_file():
            try:
                make_strips(home, source, [second])
            except VideoError as error:
                logger.warning("no context for second %d: %s", second, error)
                raise NotFoundError(
                    f"no picture around second {second} of video {source.video_id!r} can be read"
                ) from error
    return path


def get_video(source: Source) -> Path:
    """Return a source video's file, after a look whether it is still the one imported.

    Raises:
        NotFoundError: it is gone or is another file by now.
        BusyError: it is not known yet whether it is, and enough others wait already.
    """
    with _one_of_few() if _is_new(source) else contextlib.nullcontext():
        return _unchanged(source)


def make_strips(home: Home, source: Source, seconds: Sequence[int]) -> None:
    """Make the strips of some seconds of one video, in few passes over it.

    Args:
        home: where they go.
        source: the video.
        seconds: whole seconds of the video's clock.

    Raises:
        NotFoundError: the source is gone or is another file by now.
        VideoError: the source cannot be read, or shows nothing around a second.
    """
    if not seconds:
        return
    survey = survey_video(_unchanged(source))
    scale = min(1.0, LONG_SIDE_PX / max(survey.width, survey.height))
    size = max(1, round(survey.width * scale)), max(1, round(survey.height * scale))
    for start in range(0, len(seconds), SECONDS_A_PASS):
        some = seconds[start : start + SECONDS_A_PASS]
        tiles = _read_tiles(survey, some, size)
        for second in some:
            data = _jpeg(np.concatenate(_chosen(survey, tiles, second), axis=1))
            with tables.replaced_file(strip_path(home, source, second)) as temporary:
                temporary.write_bytes(data)


def _read_tiles(
    survey: Survey, seconds: Sequence[int], size: tuple[int, int]
) -> dict[int, Picture]:
    """Return the tiles of some strips by their number: tile n is shown at n / 5 s."""
    wanted = sorted({number for second in seconds for number in _numbers(second)})
    found: dict[int, Picture] = {}

    def keep(shown: Shown) -> None:
        found[wanted[shown.wanted]] = shown.image

    times = [number / TILES_A_SECOND for number in wanted]
    reading = read_nearest(survey, times, size, keep)
    delivered = {wanted[position] for position in reading.delivered}
    return {number: picture for number, picture in found.items() if number in delivered}


def _chosen(survey: Survey, tiles: dict[int, Picture], second: int) -> list[Picture]:
    near = [number for number in _numbers(second) if number in tiles]
    if not near:
        raise VideoError(f"{survey.path}: shows nothing around second {second}")
    return [tiles[min(near, key=lambda n: abs(n - number))] for number in _numbers(second)]


def _numbers(second: int) -> range:
    middle = second * TILES_A_SECOND
    return range(middle - REACH_TILES, middle + REACH_TILES + 1)


def _jpeg(picture: Picture) -> bytes:
    """Return a strip as a JPEG of at most MAX_BYTES, as good as fits."""
    image = PIL.Image.fromarray(picture)
    data = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
        data = buffer.getvalue()
        if len(data) <= MAX_BYTES:
            break
    return data


@contextlib.contextmanager
def _one_of_few() -> Iterator[None]:
    """Wait for the turn to decode, where few others wait.

    Raises:
        BusyError: enough others do.
    """
    if not _room.acquire(blocking=False):
        raise BusyError("other strips are being made; try again in a second")
    try:
        with _decoding:
            yield
    finally:
        _room.release()


_seen: dict[tuple[str, int, int], str] = {}
"""SHA-256 of sources by path, size and time of change: hashed once in a process."""


def _stamp(source: Source) -> tuple[str, int, int]:
    gone = f"the source of video {source.video_id!r} is not where it was imported from"
    if source.path is None:
        raise NotFoundError(gone)
    try:
        found = source.path.stat()
    except OSError as error:
        raise NotFoundError(gone) from error
    return str(source.path), found.st_size, found.st_mtime_ns


def _is_new(source: Source) -> bool:
    return _stamp(source) not in _seen


def _unchanged(source: Source) -> Path:
    stamp = _stamp(source)
    try:
        if stamp not in _seen:
            _seen[stamp] = tables.sha256_file(Path(stamp[0]))
    except OSError as error:
        raise NotFoundError(f"the source of video {source.video_id!r} cannot be read") from error
    if _seen[stamp] != source.sha256:
        raise NotFoundError(
            f"the source of video {source.video_id!r} is another file than the one imported"
        )
    return Path(stamp[0])
