"""Frames of a video by time: cut once a second into a store of JPEGs, or read as arrays.

Second `s` is the frame shown nearest to (first presented frame + s), by timestamps (R15). Inside
the video that frame always exists; past its end a second may lie at most 0.5 s after the last frame
has ended, else it is missing. Pictures are upright with square pixels whichever reader made them.

    store/
      images/ab/<sha256>.jpg      long side at most 1280, named by content (R16)
      videos/<video_id>.json      which image is which second, from which source and settings (R17)
"""

from __future__ import annotations

import io
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image

from dataset_builder import tables
from dataset_builder.domain import Video, check_video_id
from dataset_builder.errors import InputError, VideoError
from dataset_builder.video_readers import (
    Reading,
    Shown,
    choose_reader,
    read_nearest,
)
from dataset_builder.video_survey import Survey, survey_video

logger = logging.getLogger(__name__)

FORMAT = "video-frames"
FORMAT_VERSION = 1

OR_PARTIAL = ", or take what it shows (--partial)"
OR_COPY = ", or make a whole one of what is left (ffmpeg -i OLD -c copy NEW)"

MOST_WAITING = 8
"""Decoded pictures that wait to be written."""

VIDEO_SUFFIXES = frozenset(
    {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"}
)


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How frames are stored: the long side's limit in pixels, and the JPEG quality (R16)."""

    long_side_px: int = 1280
    jpeg_quality: int = 88

    @property
    def digest(self) -> str:
        """SHA-256 over the settings and the store's format version."""
        record = {**asdict(self), "format_version": FORMAT_VERSION}
        return tables.sha256_bytes(tables.canonical_json(record).encode())


@dataclass(frozen=True, slots=True)
class FrameImage:
    """The image of one second; `timestamp_s` counts from the first presented frame."""

    second: int
    timestamp_s: float
    image_sha256: str


@dataclass(frozen=True, slots=True)
class VideoFrames:
    """A cut video: its frames in order of seconds, which reader cut them and why that one."""

    video: Video
    frames: tuple[FrameImage, ...]
    reader: Literal["decord", "pyav"]
    reader_reason: str
    missing_seconds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """What a video is, before anything is cut.

    `width` and `height` are pixels as displayed (rotation and sample aspect applied); `duration_s`
    runs from the first presented frame to the end of the last.
    """

    video_id: str
    width: int
    height: int
    duration_s: float
    n_frames: int
    codec: str
    container: str
    reader: str
    reader_reason: str


def find_videos(path: Path, refuse: Callable[[str], None] | None = None) -> dict[str, Path]:
    """Return the videos of a folder (or the one file) by video id, the file name without suffix.

    Args:
        path: the folder or file.
        refuse: told in one line of each file whose name cannot be an id or is another's; such a
            file is left out. Where it is None, the first one is an error.

    Raises:
        InputError: no such place, no video in it, or a file that cannot be named (see `refuse`).
    """
    if path.is_file():
        return {check_video_id(path.stem): path}
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder")
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() not in VIDEO_SUFFIXES or not file.is_file():
            continue
        try:
            _add_video(found, file)
        except InputError as error:
            if refuse is None:
                raise
            refuse(str(error))
    if not found:
        raise InputError(f"{path}: holds no video ({' '.join(sorted(VIDEO_SUFFIXES))})")
    return found


def _add_video(found: dict[str, Path], file: Path) -> None:
    try:
        video_id = check_video_id(file.stem)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    if video_id in found:
        raise InputError(
            f"{file}: {found[video_id].name} has the same video id {video_id!r}; rename one"
        )
    found[video_id] = file


def probe_video(path: Path, video_id: str | None = None, *, whole: bool = False) -> VideoProbe:
    """Read what a video is and which reader will be trusted with it, without decoding it whole.

    Args:
        path: the video.
        video_id: the name it has elsewhere; the file name without suffix where it is None.
        whole: refuse a video that is cut off.

    Raises:
        VideoError: the file cannot be opened, has no video, or shows no frame; or see `whole`.
    """
    survey = survey_video(path)
    if whole:
        _refuse_cut_off(survey, OR_COPY)
    reading = choose_reader(survey)
    return VideoProbe(
        video_id=path.stem if video_id is None else video_id,
        width=survey.width,
        height=survey.height,
        duration_s=survey.duration_s,
        n_frames=len(survey.times_s),
        codec=survey.codec,
        container=survey.container,
        reader=reading.reader,
        reader_reason=reading.reason,
    )


def read_frames_at(
    path: Path, times_s: Sequence[float], size: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """Return the frames shown nearest to some times.

    Args:
        path: the video.
        times_s: (n,) seconds from the first presented frame, in any order, repeats allowed.
        size: (width, height) of the result in pixels; the display size where it is None.

    Returns:
        (n, height, width, 3) uint8, RGB, upright, in the order of `times_s`.

    Raises:
        VideoError: the file cannot be read, or shows nothing at one of the times: the frame is
            damaged, or the last frame ended more than 0.5 s before.
    """
    survey = survey_video(path)
    width, height = size or (survey.width, survey.height)
    images = np.empty((len(times_s), height, width, 3), np.uint8)

    def keep(shown: Shown) -> None:
        images[shown.wanted] = shown.image

    reading = read_nearest(survey, times_s, size, keep)
    lost = [time_s for i, time_s in enumerate(times_s) if i not in reading.delivered]
    _refuse_missing(survey, reading, lost)
    return images


def cut_frames(
    path: Path,
    store: Path,
    video_id: str,
    seconds: Sequence[int] | None = None,
    *,
    partial: bool = False,
    settings: FrameSettings = FrameSettings(),
) -> VideoFrames:
    """Cut seconds of a video into the store, or return them where an earlier run did.

    A run that finds its seconds done leaves the store as it is; one that asks for more adds them.
    Another source file or other settings under the same id are cut anew; images already in the
    store stay there.

    Args:
        path: the video.
        store: the store's folder, made where it is missing.
        video_id: the name it has everywhere else.
        seconds: whole seconds of the video's own clock; None is every one that it shows.
        partial: keep what can be read of a damaged or too short video and count the rest in
            `missing_seconds`, instead of refusing it.
        settings: size and quality of the images.

    Returns:
        Everything the store holds of the video, which may be more seconds than were asked for.

    Raises:
        VideoError: the file cannot be read; or, without `partial`, it is cut off, or shows nothing
            at one of the seconds: the frame is damaged, or the last frame ended more than 0.5 s
            before.
    """
    check_video_id(video_id)
    survey = survey_video(path)
    if not partial:
        _refuse_cut_off(survey, OR_PARTIAL)
    video = Video(
        video_id, survey.width, survey.height, survey.duration_s, tables.sha256_file(path)
    )
    stored = _stored(store, video, settings)
    known = {f.second: f for f in stored.frames} if stored else {}
    given_up = set(stored.missing_seconds) if stored else set()
    wanted = set(range(math.ceil(survey.promised_s)) if seconds is None else seconds)
    todo = sorted(wanted - known.keys() - (given_up if partial else set()))
    if stored and not todo:
        return stored

    cut: dict[int, FrameImage] = {}
    stored_soon: deque[Future[None]] = deque()

    def store_it(shown: Shown) -> None:
        digest = _store_image(store, shown.image, settings)
        cut[shown.wanted] = FrameImage(todo[shown.wanted], shown.time_s, digest)

    def keep(shown: Shown) -> None:
        if len(stored_soon) == MOST_WAITING:
            stored_soon.popleft().result()
        stored_soon.append(writer.submit(store_it, shown))

    # The same reader again: an image that was lost comes back under its own name.
    before = Reading(stored.reader, stored.reader_reason) if stored else None
    # One thread writes, in order, while the next frames are decoded.
    with ThreadPoolExecutor(1) as writer:
        size = _fitted(survey, settings.long_side_px)
        reading = read_nearest(survey, todo, size, keep, before)
        for stored_now in stored_soon:
            stored_now.result()
    known |= {todo[i]: cut[i] for i in reading.delivered}
    if not partial:
        _refuse_missing(survey, reading, sorted(wanted - known.keys()), OR_PARTIAL)
    missing = sorted((wanted | given_up) - known.keys())
    result = VideoFrames(
        video=video,
        frames=tuple(known[second] for second in sorted(known)),
        reader=reading.reader,
        reader_reason=reading.reason,
        missing_seconds=tuple(missing),
    )
    _write_video_frames(store, result, settings)
    logger.info(
        "video %s: %d frames, %d missing, read by %s (%s)",
        *(video_id, len(result.frames), len(missing), reading.reader, reading.reason),
    )
    return result


def image_path(store: Path, image_sha256: str) -> Path:
    """Return where the store keeps an image."""
    return store / "images" / image_sha256[:2] / f"{image_sha256}.jpg"


def read_video_frames(store: Path, video_id: str) -> VideoFrames | None:
    """Return what the store holds of a video, None where it holds nothing.

    Raises:
        InputError: the video's file in the store cannot be understood.
    """
    path = _record_path(store, check_video_id(video_id))
    return _parse(path, tables.read_json(path)) if path.exists() else None


def _stored(store: Path, video: Video, settings: FrameSettings) -> VideoFrames | None:
    """Return the frames of an earlier run with this very source and settings, images present."""
    path = _record_path(store, video.video_id)
    if not path.exists():
        return None
    record = tables.read_json(path)
    found = _parse(path, record)
    if found.video.sha256 != video.sha256 or record.get("settings_digest") != settings.digest:
        logger.warning("video %s: source or settings changed, cutting it anew", video.video_id)
        return None
    present = (f for f in found.frames if image_path(store, f.image_sha256).is_file())
    return replace(found, frames=tuple(present))


def _record_path(store: Path, video_id: str) -> Path:
    return store / "videos" / f"{video_id}.json"


def _write_video_frames(store: Path, found: VideoFrames, settings: FrameSettings) -> None:
    record = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "settings": asdict(settings),
        "settings_digest": settings.digest,
        **asdict(found),
    }
    with tables.replaced_file(_record_path(store, found.video.video_id)) as temporary:
        temporary.write_text(tables.canonical_json(record), encoding="utf-8")


def _parse(path: Path, record: Any) -> VideoFrames:
    try:
        if (record["format"], record["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise InputError(f"{path}: expected {FORMAT} version {FORMAT_VERSION}")
        return VideoFrames(
            video=Video(**record["video"]),
            frames=tuple(FrameImage(**frame) for frame in record["frames"]),
            reader=record["reader"],
            reader_reason=record["reader_reason"],
            missing_seconds=tuple(record["missing_seconds"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: is not a record of cut frames ({error!r}); delete it and cut again"
        ) from error


def _store_image(store: Path, image: npt.NDArray[np.uint8], settings: FrameSettings) -> str:
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(
        buffer, "JPEG", quality=settings.jpeg_quality, subsampling="4:2:0"
    )
    data = buffer.getvalue()
    digest = tables.sha256_bytes(data)
    path = image_path(store, digest)
    if not path.is_file():
        with tables.replaced_file(path) as temporary:
            temporary.write_bytes(data)
    return digest


def _fitted(survey: Survey, long_side_px: int) -> tuple[int, int] | None:
    """Return the size of the stored image, None where it is the video's own."""
    scale = long_side_px / max(survey.width, survey.height)
    if scale >= 1:
        return None
    return max(1, round(survey.width * scale)), max(1, round(survey.height * scale))


def _refuse_cut_off(survey: Survey, otherwise: str) -> None:
    if survey.promised_s > survey.duration_s:
        raise VideoError(
            f"{survey.path}: is cut off at {survey.duration_s:.2f} s of {survey.promised_s:.2f} s; "
            f"get the video again{otherwise}"
        )


def _refuse_missing(
    survey: Survey, reading: Reading, missing: Sequence[float], otherwise: str = ""
) -> None:
    if not missing:
        return
    what = reading.damage or f"ends at {survey.duration_s:.2f} s"
    seconds = ", ".join(f"{second:g}" for second in missing[:5])
    advice = "get the video again" if reading.damage else "check the times"
    raise VideoError(
        f"{survey.path}: {what}, so it shows nothing at {seconds}"
        f"{' ...' if len(missing) > 5 else ''} s; {advice}{otherwise}"
    )
