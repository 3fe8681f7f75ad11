"""The talking head: a person who speaks to the viewer while no action can be seen."""

from __future__ import annotations

import math

from PIL import Image, ImageFilter

from stg_model.world.props import SKINS, SLEEVES
from stg_model.world.sprites import (
    Colour,
    Drawing,
    Pen,
    Sprite,
    darker,
    kept,
    lighter,
    make_sprite,
    stick_on,
)

HAIR = ((64, 42, 30), (28, 26, 30), (150, 96, 46), (196, 166, 110), (120, 118, 122))
STUDIO = ((196, 214, 220), (224, 206, 186), (186, 200, 176), (206, 196, 218))
N_MOUTHS = 3


def studio(person: int, width: int, height: int) -> Image.Image:
    """The picture behind the head, with the person's shoulders."""
    wall = STUDIO[person % len(STUDIO)]
    picture = Image.new("RGB", (width, height), wall)
    unit = height / 480
    pen = Pen(picture, (unit, 0, width / 2, 0, unit, 0))
    for i, x in enumerate((-290, -180, 150, 250)):
        shade = (darker(wall, 0.25), lighter(SLEEVES[i], 0.3), (176, 132, 92))[i % 3]
        pen.rounded((x, 60 + 20 * (i % 2), x + 70, 200 + 12 * i), 10, shade, None)
    pen.rounded((-330, 210, 330, 226), 2, (160, 122, 88), None)
    picture = picture.filter(ImageFilter.GaussianBlur(7 * unit))
    skin, shirt = SKINS[person % len(SKINS)], SLEEVES[person % len(SLEEVES)]
    torso = Drawing(220, 330, 220, 100, lambda pen: _torso(pen, skin, shirt))
    stick_on(picture, make_sprite(torso, unit), width // 2, round(390 * unit))
    return picture


def _torso(pen: Pen, skin: Colour, shirt: Colour) -> None:
    pen.polygon([(-40, -110), (40, -110), (46, -20), (-46, -20)], darker(skin, 0.12))
    pen.rounded((-176, -48, 176, 160), 74, shirt)
    pen.polygon([(-58, -50), (58, -50), (26, 2), (0, 18), (-26, 2)], skin)
    pen.line([(0, 22), (0, 100)], darker(shirt), 4)
    for side in (-1, 1):
        pen.line([(side * 118, 30), (side * 108, 100)], darker(shirt), 4)


def stick_head(picture: Image.Image, person: int, time_s: float) -> None:
    """Lay the head over the studio, as it sways and speaks at a time."""
    unit = picture.height / 480
    mouth = (0, 1, 2, 1, 0, 2, 1)[int(time_s * 6.4) % 7]
    x = 7 * math.sin(time_s * 1.9) + 3 * math.sin(time_s * 4.3)
    y = 236 + 4 * math.sin(time_s * 2.7)
    sprite = _head_sprite(person, mouth, unit)
    stick_on(picture, sprite, round(picture.width / 2 + x * unit), round(y * unit))


@kept
def _head_sprite(person: int, mouth: int, scale: float) -> Sprite:
    skin, hair = SKINS[person % len(SKINS)], HAIR[person % len(HAIR)]
    return make_sprite(
        Drawing(130, 150, 130, 150, lambda pen: _head(pen, skin, hair, mouth, person % 2 == 0)),
        scale,
    )


def _head(pen: Pen, skin: Colour, hair: Colour, mouth: int, long_hair: bool) -> None:
    if long_hair:
        pen.rounded((-98, -118, 98, 96), 70, hair)
    else:
        pen.ellipse(0, -34, 94, 96, hair)
    for side in (-1, 1):
        pen.ellipse(side * 82, 6, 14, 20, darker(skin, 0.1))
    pen.ball(0, 0, 80, 104, skin)
    fringe = [(-82, -18), (-72, -78), (-30, -112), (34, -112), (74, -78), (82, -18), (56, -62)]
    pen.polygon([*fringe, (10, -74), (-40, -62)], hair)
    for side in (-1, 1):
        pen.ellipse(side * 31, -10, 14, 10, (252, 252, 252))
        pen.ellipse(side * 31, -10, 6, 7, (52, 40, 34), None)
        pen.line([(side * 18, -31), (side * 46, -33)], darker(hair, 0.2), 6)
    pen.line([(2, 0), (-8, 26), (6, 29)], darker(skin, 0.35), 4)
    opened = (3, 9, 16)[mouth]
    pen.ellipse(0, 58, 24 - 2 * mouth, opened, (150, 46, 52))
    if mouth:
        pen.rounded((-12, 58 - opened + 2, 12, 60 - opened // 3), 2, (250, 250, 250), None)
