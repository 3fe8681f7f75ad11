"""What is read from videos, saved once: one safetensors file per video, made only when missing.

A file holds `pixels` (seconds, 2, side, side, 3) uint8: the frame at each whole second and the one
shown a moment later, upright, squeezed to a square. Its header holds the settings' digest and the
source's SHA-256, so that a file is made again exactly when one of them changed (R17).
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from dataset_builder import frames, tables
from dataset_builder.errors import InputError, VideoError
from stg_model.config import FeatureSettings, digest_of

logger = logging.getLogger(__name__)

FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True)
class VideoFeatures:
    """What was read of one video: `pixels` is `(seconds, 2, side, side, 3)` uint8."""

    video_id: str
    source_sha256: str
    pixels: np.ndarray

    @property
    def n_seconds(self) -> int:
        """Whole seconds 0..n-1 have features."""
        return len(self.pixels)


def read_features(
    path: Path, video_id: str, settings: FeatureSettings, source_sha256: str | None = None
) -> VideoFeatures:
    """Read a video's features from its file.

    Raises:
        VideoError: the video cannot be opened or decoded.
    """
    probe = frames.probe_video(path)
    seconds = np.arange(max(1, math.ceil(probe.duration_s - 1e-6)))
    later_s = np.minimum(seconds + settings.sub_frame_s, probe.duration_s)
    times_s = np.stack([seconds, later_s], axis=1).ravel()
    side = settings.frame_px
    pixels = frames.read_frames_at(path, times_s.tolist(), (side, side))
    return VideoFeatures(
        video_id,
        source_sha256 or tables.sha256_file(path),
        pixels.reshape(len(seconds), 2, side, side, 3),
    )


def extract_features(
    videos: Mapping[str, Path], store: Path | None, settings: FeatureSettings
) -> Iterator[VideoFeatures]:
    """Yield each video's features, from the store where it holds them, else from the video.

    Without a store (None) nothing is kept. A video that cannot be read is left out with a warning:
    one bad file does not end a long run.

    Raises:
        InputError: not one of the videos could be read.
    """
    n_read = 0
    for video_id, path in videos.items():
        source_sha256 = tables.sha256_file(path)
        file = store and store / f"{video_id}.safetensors"
        features = load_features(file, settings, source_sha256) if file else None
        if features is None:
            try:
                features = read_features(path, video_id, settings, source_sha256)
            except VideoError as error:
                logger.warning("left out: %s", error)
                continue
            if file:
                save_features(file, features, settings)
        n_read += 1
        yield features
    if videos and not n_read:
        raise InputError(f"none of the {len(videos)} videos could be read; see the warnings above")


def save_features(file: Path, features: VideoFeatures, settings: FeatureSettings) -> None:
    """Write one video's file in one step."""
    header = {
        "format_version": FORMAT_VERSION,
        "video_id": features.video_id,
        "source_sha256": features.source_sha256,
        "settings": json.dumps(asdict(settings), sort_keys=True),
        "settings_digest": digest_of(settings),
    }
    with tables.replaced_file(file) as temporary:
        safetensors.numpy.save_file({"pixels": features.pixels}, temporary, metadata=header)


def load_features(
    file: Path, settings: FeatureSettings, source_sha256: str
) -> VideoFeatures | None:
    """Return a stored video, or None when it is missing, damaged or of other settings or source."""
    try:
        with safetensors.safe_open(file, framework="numpy") as stored:
            header = stored.metadata() or {}
            wanted = {
                "format_version": FORMAT_VERSION,
                "source_sha256": source_sha256,
                "settings_digest": digest_of(settings),
            }
            if wanted.items() <= header.items():
                return VideoFeatures(header["video_id"], source_sha256, stored.get_tensor("pixels"))
    except FileNotFoundError:
        return None
    except (OSError, safetensors.SafetensorError) as error:
        logger.warning("%s: cannot be read (%s); making it again", file, error)
    return None
