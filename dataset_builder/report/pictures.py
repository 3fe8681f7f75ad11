"""Small pictures of frames for the page: from a folder of cut frames, or from the videos."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Protocol

import PIL.Image

from dataset_builder.errors import InputError, VideoError
from dataset_builder.frames import find_videos, image_path, read_frames_at, read_video_frames
from dataset_builder.release import Release

LONG_SIDE_PX = 480
JPEG_QUALITY = 70


class Pictures(Protocol):
    """Where the page gets a frame's picture from."""

    def jpeg(self, video_id: str, second: int) -> bytes | None:
        """Return the upright frame as a small JPEG, or None where there is none."""
        ...


class StoredPictures:
    """Pictures of a folder of cut frames (`dataset_builder.frames`)."""

    def __init__(self, store: Path, release: Release) -> None:
        """Look up which images of the store are which seconds of the release's videos.

        Raises:
            InputError: the store holds no frame of the release.
        """
        videos = (read_video_frames(store, video.video_id) for video in release.videos)
        self._paths = {
            (found.video.video_id, frame.second): image_path(store, frame.image_sha256)
            for found in videos
            if found is not None
            for frame in found.frames
        }
        if not self._paths:
            raise InputError(
                f"{store}: holds no frames of the videos of {release.name!r}; is it the right "
                "frame store?"
            )

    def jpeg(self, video_id: str, second: int) -> bytes | None:
        """See `Pictures`."""
        path = self._paths.get((video_id, second))
        if path is None or not path.is_file():
            return None
        try:
            with PIL.Image.open(path) as image:
                return small_jpeg(image)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read as an image ({error}); cut it again"
            ) from error


class VideoPictures:
    """Pictures read from the videos of a folder; other videos and unreadable seconds have none."""

    def __init__(self, folder: Path, release: Release) -> None:
        """Find the release's videos by name.

        Raises:
            InputError: no such folder, or none of its videos is one of the release.
        """
        wanted = {video.video_id for video in release.videos}
        self._files = {v: file for v, file in find_videos(folder).items() if v in wanted}
        if not self._files:
            raise InputError(f"{folder}: holds no video of {release.name!r}")

    def jpeg(self, video_id: str, second: int) -> bytes | None:
        """See `Pictures`."""
        if video_id not in self._files:
            return None
        try:
            image = read_frames_at(self._files[video_id], [float(second)])[0]
        except VideoError:
            return None
        return small_jpeg(PIL.Image.fromarray(image))


def small_jpeg(image: PIL.Image.Image) -> bytes:
    """Return the picture as a JPEG whose long side is at most `LONG_SIDE_PX`."""
    small = image.convert("RGB")
    small.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), PIL.Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()
