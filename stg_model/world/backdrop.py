"""The room behind the actions: wall, table, clutter, things that nobody uses, and the mover.

All but the mover is drawn once for each scene. Two of the six objects and a tool lie on the table
unused, so that seeing a carrot does not yet mean that it is cut; they and the mover keep out of
the places where the scene's actions happen, so that each action can be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from stg_model.world import props
from stg_model.world.actions import OBJECTS
from stg_model.world.scene import Scene, VideoPlan
from stg_model.world.sprites import (
    REFERENCE_HEIGHT,
    Colour,
    Drawing,
    Pen,
    PixelBox,
    Placed,
    Sprite,
    darker,
    kept,
    lighter,
    make_sprite,
    overlap,
    stick_on,
)
from stg_model.world.staging import reach_in_frame

TABLES = (
    (206, 164, 116),
    (150, 108, 74),
    (126, 136, 146),
    (178, 204, 190),
    (160, 182, 210),
    (226, 218, 204),
)
WALLS = ((232, 226, 210), (190, 210, 214), (214, 190, 176), (170, 184, 160), (210, 204, 226))
CLUTTER_COLOURS = (
    (188, 96, 82),
    (90, 130, 170),
    (214, 178, 96),
    (120, 150, 110),
    (170, 130, 170),
    (96, 96, 104),
    (236, 230, 220),
)
N_CLUTTER = (6, 11)
N_UNUSED = 2
PLACE_TRIES = 40
WALL_SHARE = (0.14, 0.24)
"""How much of the frame's height the wall takes."""
FOOT_BELOW_WALL = 14
TOOLS = ("cut", "stir", "pour")
"""The verbs that need a tool."""
MOVER_REACH = {"ball": (32, 72), "car": (106, 34), "pinwheel": (40, 56), "bell": (90, 70)}
"""Half the width and height within which a mover stays."""


@dataclass(frozen=True, slots=True)
class Mover:
    """Something that moves about (x, y), in pixels, `cycles_s` times a second."""

    kind: str
    colour: int
    x: int
    y: int
    scale: float
    cycles_s: float

    def at(self, time_s: float) -> Placed:
        """Where it is at a time."""
        angle = math.tau * time_s * self.cycles_s
        step, across, down = 0, 0.0, 0.0
        match self.kind:
            case "ball":
                down = 34 - 74 * abs(math.sin(angle / 2))
            case "car":
                across = 56 * math.sin(angle)
            case "pinwheel":
                step = int(12 * time_s * self.cycles_s * 3.4) % 12
            case _:
                step = round(5.5 - 5.5 * math.cos(angle))
        x, y = self.x + round(across * self.scale), self.y + round(down * self.scale)
        return Placed(_mover_sprite(self.kind, self.colour, step, self.scale), x, y)


@dataclass(frozen=True, slots=True)
class Room:
    """A scene ready to be filmed: its still picture and its mover."""

    still: Image.Image
    mover: Mover


def furnish(plan: VideoPlan, scene: Scene) -> Room:
    """Draw a scene's room and choose its mover."""
    rng = np.random.default_rng(scene.look_seed)
    scale = plan.height / REFERENCE_HEIGHT
    taken = [
        reach_in_frame(plan, take)
        for take in plan.takes
        if scene.start_s <= take.start_s < scene.end_s
    ]
    edge = float(rng.uniform(*WALL_SHARE)) * plan.height
    still = _wall_and_table(rng, plan, edge)
    mover = _choose_mover(rng, plan, scale, taken)
    for sprite in _unused(rng, scale) if plan.distractors else ():
        x1, y1, x2, y2 = sprite.solid
        on_table = (0, max(0, round(edge + FOOT_BELOW_WALL * scale) - (y2 - y1)))
        left, top = _free_place(rng, (x2 - x1, y2 - y1), on_table, plan, taken)
        placed = Placed(sprite, left - x1 + sprite.x, top - y1 + sprite.y)
        stick_on(still, placed)
        taken.append(placed.solid)
    return Room(still, mover)


def _unused(rng: np.random.Generator, scale: float) -> list[Sprite]:
    """Choose two objects and a tool that only lie there."""
    chosen = rng.choice(len(OBJECTS), size=N_UNUSED, replace=False)
    objects = [_object_sprite(OBJECTS[i], scale) for i in chosen]
    return [*objects, _tool_sprite(str(rng.choice(TOOLS)), scale)]


def _choose_mover(
    rng: np.random.Generator, plan: VideoPlan, scale: float, taken: list[PixelBox]
) -> Mover:
    kind = str(rng.choice(list(MOVER_REACH)))
    colour = int(rng.integers(len(props.MOVER_COLOURS)))
    cycles_s = float(rng.uniform(0.6, 1.1))
    rx, ry = (math.ceil(side * scale) for side in MOVER_REACH[kind])
    left, top = _free_place(rng, (2 * rx, 2 * ry), (0, 0), plan, taken)
    taken.append((left, top, left + 2 * rx, top + 2 * ry))
    return Mover(kind, colour, left + rx, top + ry, scale, cycles_s)


def _free_place(
    rng: np.random.Generator,
    size: tuple[int, int],
    least: tuple[int, int],
    plan: VideoPlan,
    taken: list[PixelBox],
) -> tuple[int, int]:
    """Return the left and top of a place that touches nothing taken, or the least where none does.

    Places are drawn uniformly between `least` and the far edges of the frame.
    """
    width, height = size
    lefts = rng.integers(least[0], plan.width - width, size=PLACE_TRIES)
    tops = rng.integers(least[1], plan.height - height, size=PLACE_TRIES)

    def covered(place: tuple[int, int]) -> int:
        left, top = place
        return sum(overlap((left, top, left + width, top + height), box) for box in taken)

    return min(zip(lefts.tolist(), tops.tolist(), strict=True), key=covered)


def _wall_and_table(rng: np.random.Generator, plan: VideoPlan, edge_px: float) -> Image.Image:
    """Draw the room, twice as large and then reduced so that edges are smooth."""
    picture = Image.new("RGB", (plan.width * 2, plan.height * 2))
    scale = plan.height / REFERENCE_HEIGHT
    pen = Pen(picture, (scale * 2, 0, 0, 0, scale * 2, 0))
    right, bottom, edge = plan.width / scale, REFERENCE_HEIGHT, edge_px / scale
    wall = WALLS[int(rng.integers(len(WALLS)))]
    table = TABLES[int(rng.integers(len(TABLES)))]
    _draw_wall(pen, rng, wall, right, edge)
    _draw_table(pen, rng, table, right, (edge, bottom))
    for _ in range(int(rng.integers(*N_CLUTTER))):
        colour = CLUTTER_COLOURS[int(rng.integers(len(CLUTTER_COLOURS)))]
        spot = pen.at(float(rng.uniform(0, right)), float(rng.uniform(edge * 0.6, bottom)))
        _draw_clutter(spot, int(rng.integers(6)), colour, float(rng.uniform(-25, 25)))
    still = picture.reduce(2)
    return Image.composite(still, Image.new("RGB", still.size, (24, 18, 16)), _light(still.size))


def _draw_wall(pen: Pen, rng: np.random.Generator, wall: Colour, right: float, edge: float) -> None:
    pen.polygon([(0, 0), (right, 0), (right, edge), (0, edge)], wall, None)
    pattern = int(rng.integers(3))
    if pattern == 0:
        for y in np.arange(0, edge, 26):
            pen.line([(0, y), (right, y)], darker(wall, 0.12), 2)
            for x in np.arange(13 if int(y / 26) % 2 else 0, right, 44):
                pen.line([(x, y), (x, min(edge, y + 26))], darker(wall, 0.12), 2)
    elif pattern == 1:
        for x in np.arange(0, right, 36):
            pen.polygon([(x, 0), (x + 18, 0), (x + 18, edge), (x, edge)], lighter(wall, 0.3), None)
    pen.line([(0, edge - 3), (right, edge - 3)], darker(wall, 0.4), 6)


def _draw_table(
    pen: Pen,
    rng: np.random.Generator,
    table: Colour,
    right: float,
    span: tuple[float, float],
) -> None:
    edge, bottom = span
    pen.polygon([(0, edge), (right, edge), (right, bottom), (0, bottom)], table, None)
    pattern = int(rng.integers(3))
    if pattern == 0:
        for y in np.arange(edge + 58, bottom, 62):
            pen.line([(0, y), (right, y)], darker(table, 0.22), 3)
        for _ in range(40):
            x, y = float(rng.uniform(0, right)), float(rng.uniform(edge, bottom))
            pen.line([(x, y), (x + float(rng.uniform(30, 120)), y)], darker(table, 0.09), 2)
    elif pattern == 1:
        for x in np.arange(-40, right, 80):
            pen.polygon(
                [(x, edge), (x + 40, edge), (x + 40, bottom), (x, bottom)],
                lighter(table, 0.16),
                None,
            )
    else:
        for _ in range(90):
            x, y = float(rng.uniform(0, right)), float(rng.uniform(edge, bottom))
            pen.ellipse((x, y), (7, 3), _speck(table, x), None)


def _speck(table: Colour, x: float) -> Colour:
    """A speck of stone, light or dark."""
    return lighter(table, 0.2) if int(x) % 2 else darker(table, 0.1)


def _draw_clutter(pen: Pen, kind: int, colour: Colour, turn: float) -> None:
    """One small thing that means nothing: cup, book, cloth, jar, coin or block."""
    match kind:
        case 0:
            pen.rounded((14, -34, 34, -12), 9, darker(colour))
            pen.rounded((-20, -42, 22, 0), 7, colour)
            pen.ellipse((1, -41), (21, 6), lighter(colour, 0.5))
        case 1:
            book = pen.at(0, 0, turn)
            book.rounded((-36, -24, 36, 24), 4, colour)
            book.rounded((-24, -14, 24, -4), 2, lighter(colour, 0.6), None)
        case 2:
            cloth = pen.at(0, 0, turn)
            cloth.polygon([(-44, -30), (40, -34), (46, 26), (-38, 32)], lighter(colour, 0.45), None)
            for y in (-18, 0, 18):
                cloth.line([(-40, y), (42, y - 3)], colour, 4)
        case 3:
            pen.rounded((-17, -52, 17, 0), 6, colour)
            pen.rounded((-19, -60, 19, -48), 4, darker(colour, 0.4))
            pen.rounded((-12, -38, 12, -14), 3, lighter(colour, 0.6), None)
        case 4:
            pen.ellipse((0, 0), (26, 11), lighter(colour, 0.25))
            pen.ellipse((0, -2), (17, 6), darker(colour, 0.1), None)
        case _:
            pen.at(0, 0, turn).rounded((-18, -18, 18, 18), 4, colour)


@kept
def _light(size: tuple[int, int]) -> Image.Image:
    """A mask that darkens the corners a little."""
    width, height = size
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    shade = 255 * (1 - 0.16 * np.clip(x * x + y * y - 0.35, 0, None))
    return Image.fromarray(shade.astype(np.uint8)).filter(ImageFilter.BLUR)


@kept
def _object_sprite(thing: str, scale: float) -> Sprite:
    return make_sprite(props.OBJECT_DRAWINGS[thing], scale)


@kept
def _tool_sprite(verb: str, scale: float) -> Sprite:
    return make_sprite(props.tool(verb), scale)


@kept
def _mover_sprite(kind: str, colour: int, step: int, scale: float) -> Sprite:
    drawing: Drawing = props.mover(kind, colour, step)
    return make_sprite(drawing, scale)
