"""A small release whose pictures lie in a frame store, for what is exported with them."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from PIL import Image

from dataset_builder.build import build_release
from dataset_builder.frames import image_path
from dataset_builder.release import Release
from dataset_builder.snapshot import Snapshot
from dataset_builder.tables import sha256_bytes

SCALE = 4
"""Stored pictures are a quarter as wide and high as the video."""


def put_picture(store: Path, size: tuple[int, int], colour: tuple[int, int, int]) -> str:
    """Store a plain picture under its digest, and return the digest."""
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="JPEG")
    digest = sha256_bytes(buffer.getvalue())
    path = image_path(store, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return digest


def pictured_release(snapshot: Snapshot, store: Path) -> Release:
    """Return the release of a snapshot, with one picture in the store for each video's second."""
    videos = {clip.clip_id: clip.video_id for clip in snapshot.clips}
    frames = []
    for frame in snapshot.frames:
        red = int(videos[frame.clip_id].removeprefix("video")) * 80
        colour = (red, frame.second * 7 % 256, 128)
        size = (frame.width // SCALE, frame.height // SCALE)
        digest = put_picture(store, size, colour)
        frames.append(replace(frame, image_sha256=digest))
    pictured = replace(snapshot, frames=tuple(frames))
    return build_release(pictured, name="demo", version="1.0.0", licence="CC-BY-4.0")
