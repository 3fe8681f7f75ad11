"""What is read from videos, saved once: one safetensors file per video, made only when missing.

A file holds `values`, one entry for each whole second, as the encoder reads them (frozen backbones:
tokens in 16 bits). Its header holds the encoder's digest (settings and weights) and the source's
SHA-256, so that a file is made again exactly when one of them changed (R17); and, for people, the
backbone, its weights' digest and the times. What a frozen backbone read took hours, so another
encoder does not write over it.

A frame may lie a moment after the video's end (`OUTSIDE_TOLERANCE_S`), so seconds that begin there
are read too. They serve points of such frames alone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from dataset_builder import frames, tables
from dataset_builder.errors import InputError, VideoError
from dataset_builder.video_readers import OUTSIDE_TOLERANCE_S
from stg_model.features.encoder import Encoder

logger = logging.getLogger(__name__)

FORMAT_VERSION = "3"


@dataclass(frozen=True, slots=True)
class VideoFeatures:
    """What was read of one video: `values` has one entry a second, as `Encoder.read` gives them.

    The last `n_past` seconds begin after the video's end.
    """

    video_id: str
    source_sha256: str
    values: np.ndarray
    n_past: int = 0

    @property
    def n_seconds(self) -> int:
        """Whole seconds 0..n-1 begin before the video's end."""
        return len(self.values) - self.n_past


def whole_seconds(duration_s: float) -> tuple[int, int]:
    """Return how many seconds begin before a video's end, and how many shortly after it.

    >>> whole_seconds(9.7), whole_seconds(9.2)
    ((10, 1), (10, 0))
    """
    n_seconds = max(1, math.ceil(duration_s - 1e-6))
    return n_seconds, max(0, math.floor(duration_s + OUTSIDE_TOLERANCE_S) + 1 - n_seconds)


def read_features(
    path: Path, video_id: str, encoder: Encoder, source_sha256: str | None = None
) -> VideoFeatures:
    """Read a video's features from its file.

    Raises:
        VideoError: the video cannot be opened or decoded, or is cut off.
    """
    probe = frames.probe_video(path, whole=True)
    n_seconds, n_past = whole_seconds(probe.duration_s)
    values = encoder.read(path, np.arange(n_seconds + n_past), probe.duration_s)
    return VideoFeatures(video_id, source_sha256 or tables.sha256_file(path), values, n_past)


def extract_features(
    videos: Mapping[str, Path], store: Path | None, encoder: Encoder
) -> Iterator[VideoFeatures]:
    """Yield each video's features, from the store where it holds them, else from the video.

    Without a store (None) nothing is kept. A video that cannot be read is left out with a warning:
    one bad file does not end a long run.

    Raises:
        InputError: not one of the videos could be read, or see `refuse_other_work`.
    """
    n_read = 0
    for video_id, path in videos.items():
        try:
            features = stored_or_read(path, video_id, store, encoder)
        except VideoError as error:
            logger.warning("left out: %s", error)
            continue
        n_read += 1
        yield features
    if videos and not n_read:
        raise InputError(f"none of the {len(videos)} videos could be read; see the warnings above")


def stored_or_read(
    path: Path, video_id: str, store: Path | None, encoder: Encoder
) -> VideoFeatures:
    """Return a video's features, from the store where it holds them, else from the video.

    Raises:
        VideoError: they must be read, and the video cannot be opened or decoded, or is cut off.
        InputError: see `refuse_other_work`.
    """
    source_sha256 = tables.sha256_file(path)
    if store is None:
        return read_features(path, video_id, encoder, source_sha256)
    file = stored_file(store, video_id)
    features = load_features(file, encoder, source_sha256)
    if features is None:
        refuse_other_work(file, encoder)
        features = read_features(path, video_id, encoder, source_sha256)
        save_features(file, features, encoder)
    return features


def stored_file(store: Path, video_id: str) -> Path:
    """Return where the store keeps a video."""
    return store / f"{video_id}.safetensors"


def save_features(file: Path, features: VideoFeatures, encoder: Encoder) -> None:
    """Write one video's file in one step."""
    header = {
        "format_version": FORMAT_VERSION,
        "video_id": features.video_id,
        "source_sha256": features.source_sha256,
        "backbone": encoder.backbone,
        "weights_digest": encoder.describe().get("weights_digest", ""),
        "encoder_digest": encoder.digest,
        "first_s": "0",
        "step_s": "1",
        "n_past": str(features.n_past),
    }
    with tables.replaced_file(file) as temporary:
        safetensors.numpy.save_file({"values": features.values}, temporary, metadata=header)


def refuse_other_work(file: Path, encoder: Encoder) -> None:
    """Refuse to write over what another frozen backbone, or the same with other settings, read.

    Raises:
        InputError: the file holds that.
    """
    header = _header(file)
    if header.get("backbone", "tiny") != "tiny" and header.get("encoder_digest") != encoder.digest:
        raise InputError(
            f"{file}: holds what {header['backbone']} read with other weights or settings; give "
            "another folder for features, or remove this one"
        )


def is_of(file: Path, encoder: Encoder) -> bool:
    """Say by its header whether a stored file is of this encoder; of which source is not looked at.

    That would take reading the source.
    """
    return _wanted(encoder).items() <= _header(file).items()


def load_features(file: Path, encoder: Encoder, source_sha256: str) -> VideoFeatures | None:
    """Return a stored video; None when it is missing, damaged, or of another encoder or source."""
    try:
        with safetensors.safe_open(file, framework="numpy") as stored:
            header = stored.metadata() or {}
            wanted = {**_wanted(encoder), "source_sha256": source_sha256}
            if wanted.items() <= header.items():
                values = stored.get_tensor("values")
                n_past = int(header["n_past"])
                return VideoFeatures(header["video_id"], source_sha256, values, n_past)
    except FileNotFoundError:
        return None
    except (OSError, safetensors.SafetensorError) as error:
        logger.warning("%s: cannot be read (%s); making it again", file, error)
    return None


def _header(file: Path) -> dict[str, str]:
    """Return a stored file's header; an empty one where there is no such file."""
    try:
        with safetensors.safe_open(file, framework="numpy") as stored:
            return stored.metadata() or {}
    except (OSError, safetensors.SafetensorError):
        return {}


def _wanted(encoder: Encoder) -> dict[str, str]:
    return {"format_version": FORMAT_VERSION, "encoder_digest": encoder.digest}
