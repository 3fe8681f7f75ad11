"""From a plan to a real H.264 file: pictures, grain, encoding.

The encoder runs in one thread and without B-frames, and nothing reads the clock, so the bytes
depend on the plan alone (and on the encoder's version). Between two cuts only small parts of the
picture move: the still picture is turned into the encoder's colours once, and after that only the
patches in which something lies are drawn and turned anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from stg_model.world import backdrop, people, props
from stg_model.world.scene import GRAIN, Scene, Take, VideoPlan
from stg_model.world.sprites import (
    REFERENCE_HEIGHT,
    PixelBox,
    Placed,
    make_sprite,
    overlap,
    stick_on,
    union,
)
from stg_model.world.staging import parts_at, reach_in_frame

GRAIN_SD = 2.0
MAX_GRAIN = 10
"""Luminance lies in 16..235: with grain up to this it cannot wrap round in a byte."""
GRAIN_SHIFT_PX = 32
"""One field of noise, this much larger than the frame, is laid on each frame at another shift."""
CARD_MARGIN_PX = 12
ENCODER = {"preset": "ultrafast", "crf": "28", "bf": "0", "g": "30", "threads": "1"}

TO_YUV = (
    *(0.256788, 0.504129, 0.097906, 16),
    *(-0.148223, -0.290993, 0.439216, 128),
    *(0.439216, -0.367788, -0.071427, 128),
)
"""RGB in 0..255 to luminance and colour differences, ITU-R BT.601, studio range."""

Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: what stands still, and what lies on it, the hindmost first."""

    still: Image.Image
    parts: list[Placed]

    def picture(self, box: PixelBox | None = None) -> Image.Image:
        """The picture, or the part of it inside a box (x1, y1, x2, y2)."""
        left, top = box[:2] if box else (0, 0)
        picture = self.still.crop(box) if box else self.still.copy()
        for part in self.parts:
            stick_on(picture, part, -left, -top)
        return picture


class Camera:
    """Films one plan; keeps the room of the current scene and the studio of the talking head."""

    def __init__(self, plan: VideoPlan, *, with_actions: bool = True) -> None:
        """Make ready to film; without actions everything else stays the same."""
        self.plan = plan
        self.with_actions = with_actions
        self._studio: Image.Image | None = None
        self._scene: Scene | None = None
        self._room: backdrop.Room | None = None

    def shot_at(self, time_s: float) -> Shot:
        """What the camera sees at a time."""
        cover, take = self.plan.cover_at(time_s), self.plan.take_at(time_s)
        if cover and cover.kind == "head":
            if self._studio is None:
                self._studio = people.studio(self.plan.person, self.plan.width, self.plan.height)
            return Shot(self._studio, [people.head_at(self.plan, time_s)])
        scene = self.plan.scene_at(time_s)
        room = self._room_of(scene)
        parts: list[Placed] = []
        if not scene.mover_away_s <= time_s < scene.mover_back_s:
            parts.append(room.mover.at(time_s))
        if take and self.with_actions:
            parts += parts_at(self.plan, take, time_s)
        if take and cover:
            parts.append(_card_over(self.plan, take))
        return Shot(room.still, parts)

    def _room_of(self, scene: Scene) -> backdrop.Room:
        if self._room is None or scene is not self._scene:
            self._scene, self._room = scene, backdrop.furnish(self.plan, scene)
        return self._room


def encode(plan: VideoPlan, path: Path, comment: str) -> None:
    """Write a plan's video as mp4, with a comment in its metadata."""
    rng = plan.stream(GRAIN)
    noise = _noise(rng, plan.width, plan.height)
    camera, printer = Camera(plan), Printer()
    time_base = Fraction(1, plan.frames_per_second)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=plan.frames_per_second, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, "yuv420p"
        stream.codec_context.time_base = time_base
        for n in range(plan.n_frames):
            shot = camera.shot_at(n / plan.frames_per_second)
            right, down = rng.integers(GRAIN_SHIFT_PX, size=2)
            grain = noise[down : down + plan.height, right : right + plan.width]
            frame = printer.print(shot, grain)
            frame.pts, frame.time_base = n, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _noise(rng: np.random.Generator, width: int, height: int) -> Plane:
    """Noise to add to luminances modulo 256."""
    field = rng.normal(0, GRAIN_SD, (height + GRAIN_SHIFT_PX, width + GRAIN_SHIFT_PX)).round()
    return np.clip(field, -MAX_GRAIN, MAX_GRAIN).astype(np.int8).view(np.uint8)


class Printer:
    """Turns shots into frames for the encoder; keeps the planes of the last still picture."""

    def __init__(self) -> None:
        """Start without a still picture."""
        self._still: Image.Image | None = None
        self._planes: tuple[Plane, Plane, Plane] | None = None

    def print(self, shot: Shot, grain: Plane) -> av.VideoFrame:
        """Return a frame of the shot; `grain` (height, width) is added to its luminance."""
        if self._planes is None or shot.still is not self._still:
            self._still, self._planes = shot.still, planes_of(shot.still)
        frame = av.VideoFrame(*shot.still.size, "yuv420p")
        light, *colours = (_as_array(plane) for plane in frame.planes)
        np.add(self._planes[0], grain, out=light)
        for target, source in zip(colours, self._planes[1:], strict=True):
            target[:] = source
        for x1, y1, x2, y2 in _patches(shot):
            patch, *patch_colours = planes_of(shot.picture((x1, y1, x2, y2)))
            light[y1:y2, x1:x2] = patch + grain[y1:y2, x1:x2]
            for target, source in zip(colours, patch_colours, strict=True):
                target[y1 // 2 : y2 // 2, x1 // 2 : x2 // 2] = source
        return frame


def planes_of(picture: Image.Image) -> tuple[Plane, Plane, Plane]:
    """Luminance (h, w) and the two colour differences (h/2, w/2) of a picture with even sides."""
    converted = picture.convert("RGB", TO_YUV)
    halved = np.asarray(converted.reduce(2))
    return np.asarray(converted.getchannel(0)), halved[:, :, 1], halved[:, :, 2]


def _as_array(plane: Any) -> Plane:
    """A frame's plane as an array that can be written (its lines may be padded)."""
    lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return lines[:, : plane.width]


def _patches(shot: Shot) -> list[PixelBox]:
    """Boxes with even corners that hold everything that lies on the still; none overlap."""
    width, height = shot.still.size
    patches: list[PixelBox] = []
    for part in shot.parts:
        x1, y1, x2, y2 = part.drawn
        box = (
            max(0, x1 // 2 * 2),
            max(0, y1 // 2 * 2),
            min(width, (x2 + 1) // 2 * 2),
            min(height, (y2 + 1) // 2 * 2),
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            continue
        while touching := [other for other in patches if overlap(box, other)]:
            box = union([box, *touching])
            patches = [other for other in patches if other not in touching]
        patches.append(box)
    return patches


def _card_over(plan: VideoPlan, take: Take) -> Placed:
    """A card over every place that the action ever touches."""
    x1, y1, x2, y2 = reach_in_frame(plan, take)
    scale = plan.height / REFERENCE_HEIGHT
    margin = round(CARD_MARGIN_PX * scale)
    width, height = x2 - x1 + 2 * margin, y2 - y1 + 2 * margin
    sprite = make_sprite(props.card(width / scale, height / scale), scale)
    return Placed(sprite, x1 - margin, y1 - margin)
