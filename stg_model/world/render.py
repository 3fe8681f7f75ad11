"""From a plan to a real H.264 file: pictures, grain, encoding.

The encoder runs in one thread and without B-frames, and nothing reads the clock, so the bytes
depend on the plan alone (and on the encoder's version).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from stg_model.world import backdrop, people, props
from stg_model.world.scene import GRAIN, Scene, Take, VideoPlan
from stg_model.world.sprites import make_sprite, stick_on
from stg_model.world.staging import parts_at, reach_in_frame, REFERENCE_HEIGHT

GRAIN_SD = 2.0
N_GRAINS = 16
CARD_MARGIN_PX = 6
ENCODER = {
    "preset": "ultrafast",
    "crf": "28",
    "bf": "0",
    "g": "30",
    "threads": "1",
}


class Camera:
    """Films one plan; keeps the room of the current scene and the studio of the talking head."""

    def __init__(self, plan: VideoPlan, *, with_actions: bool = True) -> None:
        """Make ready to film; without actions everything else stays the same."""
        self.plan = plan
        self.with_actions = with_actions
        self._studio: Image.Image | None = None
        self._scene: Scene | None = None
        self._room: backdrop.Room | None = None

    def picture_at(self, time_s: float) -> Image.Image:
        """The picture at a time, before grain."""
        cover, take = self.plan.cover_at(time_s), self.plan.take_at(time_s)
        if cover and cover.kind == "head":
            return self._talking_head(time_s)
        scene = self.plan.scene_at(time_s)
        room = self._room_of(scene)
        picture = room.still.copy()
        if not scene.mover_away_s <= time_s < scene.mover_back_s:
            placed = room.mover.at(time_s)
            stick_on(picture, placed.sprite, placed.x, placed.y)
        if take and self.with_actions:
            for part in parts_at(self.plan, take, time_s):
                stick_on(picture, part.sprite, part.x, part.y)
        if take and cover:
            self._lay_card(picture, take)
        return picture

    def _talking_head(self, time_s: float) -> Image.Image:
        if self._studio is None:
            self._studio = people.studio(self.plan.person, self.plan.width, self.plan.height)
        picture = self._studio.copy()
        people.stick_head(picture, self.plan.person, time_s)
        return picture

    def _room_of(self, scene: Scene) -> backdrop.Room:
        if self._room is None or scene is not self._scene:
            self._scene, self._room = scene, backdrop.furnish(self.plan, scene)
        return self._room

    def _lay_card(self, picture: Image.Image, take: Take) -> None:
        x1, y1, x2, y2 = reach_in_frame(self.plan, take)
        scale = self.plan.height / REFERENCE_HEIGHT
        margin = round(CARD_MARGIN_PX * scale)
        width, height = x2 - x1 + 2 * margin, y2 - y1 + 2 * margin
        sprite = make_sprite(props.card(width / scale, height / scale), scale)
        stick_on(picture, sprite, x1 - margin, y1 - margin)


def film(plan: VideoPlan) -> Iterator[Image.Image]:
    """Yield the pictures of a video in order."""
    camera = Camera(plan)
    for n in range(plan.n_frames):
        yield camera.picture_at(n / plan.frames_per_second)


def encode(plan: VideoPlan, path: Path, comment: str) -> None:
    """Write a plan's video as mp4, with a comment in its metadata."""
    rng = plan.stream(GRAIN)
    grains = (
        np.clip(rng.normal(0, GRAIN_SD, (N_GRAINS, plan.height, plan.width)).round(), -10, 10)
        .astype(np.int8)
        .view(np.uint8)
    )
    order = rng.integers(N_GRAINS, size=plan.n_frames)
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=plan.frames_per_second, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, plan.frames_per_second)
        for n, picture in enumerate(film(plan)):
            frame = av.VideoFrame.from_image(picture).reformat(format="yuv420p")
            _add_grain(frame, grains[order[n]])
            frame.pts, frame.time_base = n, Fraction(1, plan.frames_per_second)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _add_grain(frame: av.VideoFrame, grain: np.ndarray) -> None:
    """Add noise to the luminance; its range of 16..235 leaves room, so nothing can wrap round."""
    plane = frame.planes[0]
    luminance = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    luminance[:, : plane.width] += grain
