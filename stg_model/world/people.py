"""The talking head: a person who speaks to the viewer while no action can be seen."""

from __future__ import annotations

import math

from PIL import Image, ImageFilter

from stg_model.world.props import SKINS, SLEEVES
from stg_model.world.scene import VideoPlan
from stg_model.world.sprites import (
    INK,
    REFERENCE_HEIGHT,
    Colour,
    Drawing,
    Pen,
    Placed,
    Sprite,
    blend,
    darker,
    kept,
    lighter,
    make_sprite,
    stick_on,
)

HAIR = ((64, 42, 30), (28, 26, 30), (150, 96, 46), (196, 166, 110), (120, 118, 122))
STUDIO = ((196, 214, 220), (224, 206, 186), (186, 200, 176), (206, 196, 218))
MOUTHS = (0, 1, 2, 1, 0, 2, 1)
"""How wide the mouth is, one after the other."""


def studio(person: int, width: int, height: int) -> Image.Image:
    """The picture behind the head, with the person's shoulders."""
    wall = STUDIO[person % len(STUDIO)]
    picture = Image.new("RGB", (width, height), wall)
    unit = height / REFERENCE_HEIGHT
    pen = Pen(picture, (unit, 0, width / 2, 0, unit, 0))
    for i, x in enumerate((-290, -180, 150, 250)):
        shade = (darker(wall, 0.25), lighter(SLEEVES[i], 0.3), (176, 132, 92))[i % 3]
        pen.rounded((x, 60 + 20 * (i % 2), x + 70, 200 + 12 * i), 10, shade, None)
    pen.rounded((-330, 210, 330, 226), 2, (160, 122, 88), None)
    picture = picture.filter(ImageFilter.GaussianBlur(7 * unit))
    skin, shirt = SKINS[person % len(SKINS)], SLEEVES[person % len(SLEEVES)]
    torso = Drawing(220, 330, 220, 100, lambda pen: _torso(pen, skin, shirt))
    stick_on(picture, Placed(make_sprite(torso, unit), width // 2, round(390 * unit)))
    return picture


def _torso(pen: Pen, skin: Colour, shirt: Colour) -> None:
    pen.polygon([(-40, -110), (40, -110), (46, -20), (-46, -20)], darker(skin, 0.12))
    pen.rounded((-176, -48, 176, 160), 74, shirt)
    pen.polygon([(-58, -50), (58, -50), (26, 2), (0, 18), (-26, 2)], skin)
    pen.line([(0, 22), (0, 100)], darker(shirt), 4)
    for side in (-1, 1):
        pen.line([(side * 118, 30), (side * 108, 100)], darker(shirt), 4)


def head_at(plan: VideoPlan, time_s: float) -> Placed:
    """The head over the studio, as it sways and speaks at a time."""
    unit = plan.height / REFERENCE_HEIGHT
    mouth = MOUTHS[int(time_s * 6.4) % len(MOUTHS)]
    x = 7 * math.sin(time_s * 1.9) + 3 * math.sin(time_s * 4.3)
    y = 236 + 4 * math.sin(time_s * 2.7)
    sprite = _head_sprite(plan.person, mouth, unit)
    return Placed(sprite, round(plan.width / 2 + x * unit), round(y * unit))


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
        pen.ellipse((0, -34), (94, 96), hair)
    for side in (-1, 1):
        pen.ellipse((side * 82, 6), (14, 20), darker(skin, 0.1))
    pen.ball((0, 0), (80, 104), skin)
    crown = [(-84, -10), (-80, -64), (-48, -106), (0, -118), (48, -106), (80, -64), (84, -10)]
    pen.polygon([*crown, (68, -46), (30, -70), (-8, -66), (-52, -48), (-70, -36)], hair)
    for side in (-1, 1):
        pen.ellipse((side * 30, -8), (12, 9), (252, 252, 252), None)
        pen.ellipse((side * 30, -7), (6, 7), (52, 40, 34), None)
        pen.ellipse((side * 30 - 2, -10), (2, 2), (255, 255, 255), None)
        lid = [(side * 44, -7), (side * 38, -16), (side * 28, -18), (side * 18, -11)]
        pen.line(lid, INK, 3)
        brow = [(side * 46, -30), (side * 34, -37), (side * 19, -33)]
        pen.line(brow, darker(hair, 0.2), 5)
        pen.ellipse((side * 46, 28), (13, 9), blend(skin, (226, 96, 84), 0.3), None)
    pen.line([(-7, 24), (0, 29), (8, 24)], darker(skin, 0.35), 3)
    smile = [(-28, 50), (-15, 57), (0, 59), (15, 57), (28, 50)]
    if mouth:
        depth = (0, 14, 24)[mouth]
        pen.polygon([*smile, (18, 56 + depth), (0, 60 + depth), (-18, 56 + depth)], (150, 46, 52))
        pen.polygon([(-18, 56), (0, 60), (18, 56), (14, 63), (-14, 63)], (250, 250, 250), None)
    pen.line(smile, darker(skin, 0.6), 4)
