"""The things on the table: six objects, three tools, four movers, and clutter.

Each is drawn about the middle of its foot (movers: about their middle), upwards is negative y,
in the units of `sprites`. Tools in a hand are drawn with the hand, for the two move as one.
"""

from __future__ import annotations

import math

from stg_model.world.sprites import INK, Colour, Drawing, Pen, darker, lighter

SHADOW = (20, 14, 10, 70)
STEEL = (206, 214, 222)
WOOD = (150, 96, 54)
SKINS = ((246, 207, 176), (224, 172, 131), (178, 121, 82), (118, 76, 52))
SLEEVES = ((70, 96, 160), (190, 60, 70), (72, 130, 96), (92, 80, 110))
GREEN = (88, 172, 62)


def _salad(pen: Pen) -> None:
    pen.ellipse((0, -5), (56, 9), SHADOW, None)
    leaves = ((-30, -44, 20), (0, -54, 24), (30, -44, 20), (-14, -38, 20), (15, -38, 20))
    for i, (x, y, r) in enumerate(leaves):
        shade = (GREEN, lighter(GREEN, 0.3), darker(GREEN, 0.18))[i % 3]
        pen.ball((x, y), (r, r * 0.85), shade, darker(GREEN, 0.5))
        pen.line([(x - r * 0.5, y + 3), (x + r * 0.4, y - r * 0.4)], lighter(GREEN, 0.6), 2)
    bowl = [(-54, -36), (54, -36), (42, -10), (26, -2), (-26, -2), (-42, -10)]
    pen.polygon(bowl, (176, 206, 150))
    pen.polygon([(-48, -31), (-30, -31), (-22, -6), (-34, -11)], (206, 228, 184), None)


def _pancake(pen: Pen) -> None:
    pen.ellipse((0, -5), (62, 10), SHADOW, None)
    pen.ellipse((0, -10), (60, 14), (212, 222, 232))
    pen.ellipse((0, -13), (44, 9), (188, 200, 214), None)
    for y in (-18, -27, -36, -45):
        pen.ellipse((0, y), (46, 15), (176, 116, 52))
        pen.ellipse((0, y - 3), (44, 12), (226, 168, 92), None)
    pen.ellipse((-6, -50), (34, 8), (240, 194, 124), None)
    pen.polygon([(-9, -58), (7, -60), (13, -52), (-4, -49)], (255, 240, 150))


def _carrot(pen: Pen) -> None:
    pen.ellipse((0, -4), (58, 8), SHADOW, None)
    body = pen.at(0, -15, -8)
    for dy in (-12, -4, 5, 12):
        body.line([(36, 0), (58, dy * 1.4 - 2)], darker(GREEN, 0.2), 7)
        body.line([(36, 0), (56, dy * 1.3 - 3)], GREEN, 4)
    orange = (244, 132, 28)
    body.polygon([(-58, 4), (-20, -12), (24, -20), (40, -14), (43, 2), (36, 16), (14, 17)], orange)
    body.polygon([(-46, 1), (-18, -9), (24, -16), (30, -9), (-8, -3)], lighter(orange, 0.35), None)
    for x, y in ((-24, 4), (-4, 8), (18, 9), (8, -8), (30, -2)):
        body.line([(x, y), (x + 9, y - 1)], darker(orange, 0.3), 2)


def _soup(pen: Pen) -> None:
    pen.ellipse((0, -5), (50, 9), SHADOW, None)
    bowl = [(-56, -44), (56, -44), (50, -22), (30, -4), (-30, -4), (-50, -22)]
    pen.polygon(bowl, (128, 36, 44))
    pen.polygon([(-48, -34), (-34, -34), (-20, -9), (-30, -8)], (176, 78, 84), None)
    pen.ellipse((0, -46), (57, 15), (240, 222, 214))
    pen.ellipse((0, -45), (49, 11), (214, 36, 28))
    pen.ellipse((-12, -47), (22, 4), (240, 92, 70), None)
    for x, y in ((16, -44), (28, -48), (-30, -43)):
        pen.ellipse((x, y), (4, 2.5), (250, 222, 120), None)


def _jam(pen: Pen) -> None:
    purple = (126, 40, 150)
    pen.ellipse((0, -4), (40, 8), SHADOW, None)
    pen.rounded((-35, -76, 35, -2), 12, purple)
    pen.rounded((-30, -70, -20, -10), 5, lighter(purple, 0.45), None)
    pen.rounded((-22, -56, 26, -20), 4, (250, 240, 226), darker(purple))
    pen.ball((-4, -36), (8, 8), (186, 70, 190), darker(purple))
    pen.ball((9, -35), (8, 8), (158, 52, 172), darker(purple))
    pen.line([(2, -44), (7, -52)], darker(GREEN), 3)
    pen.ellipse((0, -78), (37, 9), (222, 196, 232))
    pen.ellipse((0, -78), (31, 6.5), darker(purple, 0.25))


def _milk(pen: Pen) -> None:
    blue = (52, 112, 214)
    pen.ellipse((0, -4), (34, 7), SHADOW, None)
    pen.polygon(
        [
            (-28, -2),
            (28, -2),
            (29, -62),
            (14, -88),
            (14, -108),
            (-14, -108),
            (-14, -88),
            (-29, -62),
        ],
        (246, 249, 255),
    )
    pen.rounded((-29, -56, 29, -16), 3, blue)
    pen.ellipse((-2, -36), (13, 11), (246, 249, 255), None)
    pen.polygon([(-13, -42), (-2, -54), (9, -42)], (246, 249, 255), None)
    pen.polygon([(15, -60), (24, -60), (23, -6), (15, -6)], (206, 216, 236), None)
    pen.rounded((15, -56, 28, -16), 3, darker(blue, 0.2), None)
    pen.ellipse((0, -110), (16, 6), lighter(blue))
    pen.ellipse((0, -111), (11, 3.5), (246, 249, 255))


OBJECT_DRAWINGS = {
    "salad": Drawing(64, 90, 64, 8, _salad),
    "pancake": Drawing(66, 66, 66, 8, _pancake),
    "carrot": Drawing(64, 56, 72, 8, _carrot),
    "soup": Drawing(62, 66, 62, 8, _soup),
    "jam": Drawing(44, 92, 44, 8, _jam),
    "milk": Drawing(38, 122, 38, 8, _milk),
}

TOP_OF = {"salad": 58, "pancake": 52, "carrot": 26, "soup": 46, "jam": 78, "milk": 110}
"""Height above the foot at which a spoon dips in, a stream lands, a blade comes down."""

POURED = {"pancake": (206, 122, 30), "soup": (224, 44, 34), "milk": (250, 250, 255)}
"""The colour of what a jug pours out: syrup, soup, milk."""


def _arm(pen: Pen, skin: Colour, sleeve: Colour) -> None:
    """The wrist and cuff of a hand whose knuckles lie at the origin; the arm goes to the right."""
    pen.polygon([(6, -12), (40, -14), (40, 14), (6, 12)], skin)
    pen.rounded((32, -19, 54, 19), 6, sleeve)
    pen.line([(39, -17), (39, 17)], darker(sleeve), 3)


def _fist(pen: Pen, skin: Colour) -> None:
    """Four fingers closed round something upright at the origin, seen from the front."""
    pen.rounded((-17, -25, 21, 25), 12, skin)
    for i in range(4):
        y = -24 + 12 * i
        pen.rounded((-21, y, 8, y + 12), 6, lighter(skin, 0.15))
    pen.rounded((0, -27, 26, -13), 7, lighter(skin, 0.1))


def _grip(pen: Pen, skin: Colour) -> None:
    """A hand closed round a handle that runs from left to right."""
    pen.rounded((-22, -17, 28, 21), 13, skin)
    for i in range(4):
        x = -22 + 11.5 * i
        pen.rounded((x, -2, x + 12, 23), 6, lighter(skin, 0.15))
    pen.rounded((-30, -15, 6, -2), 6.5, lighter(skin, 0.1))


def _hand(person: int) -> tuple[Colour, Colour]:
    return SKINS[person % len(SKINS)], SLEEVES[person % len(SLEEVES)]


def _knife(pen: Pen) -> None:
    """The blade's edge lies on y = 0, its middle at x = 0; the handle is on the right."""
    pen.polygon([(-50, 0), (-46, -12), (-24, -26), (34, -27), (34, 0)], STEEL)
    pen.polygon([(-50, 0), (-40, -7), (34, -8), (34, 0)], (244, 248, 252), None)
    pen.rounded((32, -27, 84, -11), 7, (62, 54, 58))
    for x in (44, 58, 72):
        pen.ellipse((x, -19), (2.5, 2.5), STEEL, None)


def _spoon(pen: Pen) -> None:
    """The spoon's tip lies at the origin; the handle goes up and a little to the right."""
    stick = pen.at(0, -6, 9)
    stick.rounded((-4, -104, 4, -16), 4, WOOD)
    stick.ellipse((0, -9), (14, 17), WOOD)
    stick.ellipse((-1, -10), (9, 12), lighter(WOOD, 0.3), None)


def _jug(pen: Pen, content: Colour) -> None:
    """The lip of a tilted jug lies at the origin; the jug is up and right of it."""
    jug = pen.at(0, 0, -38)
    glass = (188, 222, 232)
    jug.rounded((52, 6, 84, 58), 13, (120, 168, 184))
    jug.rounded((58, 14, 74, 48), 8, (60, 84, 96))
    body = [(0, 0), (12, 4), (14, 20), (8, 66), (58, 66), (56, 20), (58, 0)]
    jug.polygon(body, glass)
    jug.polygon([(6, 2), (18, 6), (55, 44), (56, 63), (11, 63), (16, 20)], content, None)
    jug.line([(22, 14), (19, 58)], (240, 250, 255), 5)
    jug.line(body, INK, 2)


def tool(name: str) -> Drawing:
    """A tool that lies about and does nothing."""
    if name == "cut":
        return Drawing(56, 34, 90, 6, lambda pen: _knife(pen.at(0, 0)))
    if name == "stir":
        return Drawing(24, 20, 120, 20, lambda pen: _spoon(pen.at(0, 0, 80)))
    return Drawing(20, 90, 96, 20, _standing_jug)


def _standing_jug(pen: Pen) -> None:
    pen.ellipse((30, 0), (34, 7), SHADOW, None)
    _jug(pen.at(0, -66, 38), (226, 240, 244))


def tool_in_hand(verb: str, thing: str, person: int) -> Drawing:
    """The tool of a verb and the hand that moves it; for "shake" the hand alone."""
    skin, sleeve = _hand(person)

    def knife(pen: Pen) -> None:
        _knife(pen)
        _arm(pen.at(66, -16, -14), skin, sleeve)
        _grip(pen.at(60, -20), skin)

    def spoon(pen: Pen) -> None:
        _spoon(pen)
        _arm(pen.at(14, -96, -24), skin, sleeve)
        _fist(pen.at(13, -92, 9), skin)

    def jug(pen: Pen) -> None:
        _jug(pen, POURED[thing])
        hand = pen.at(0, 0, -38).at(80, 30)
        _arm(hand.at(4, 0, 20), skin, sleeve)
        _fist(hand, skin)

    def shaking(pen: Pen) -> None:
        _arm(pen.at(18, 0, -12), skin, sleeve)
        _fist(pen.at(8, 0, 0, 1.15), skin)

    drawings: dict[str, Drawing] = {
        "cut": Drawing(56, 48, 130, 26, knife),
        "stir": Drawing(24, 150, 80, 22, spoon),
        "pour": Drawing(16, 120, 150, 60, jug),
        "shake": Drawing(34, 48, 80, 40, shaking),
    }
    return drawings[verb]


def dash(thing: str) -> Drawing:
    """One dash of a poured stream, below the origin."""
    paint = POURED[thing]
    return Drawing(8, 2, 8, 16, lambda pen: pen.rounded((-6, 0, 6, 13), 6, paint, darker(paint)))


MOVER_COLOURS = (
    (226, 92, 150),
    (40, 160, 160),
    (240, 200, 50),
    (150, 150, 160),
    (206, 52, 44),
    (66, 104, 210),
    (140, 190, 60),
    (130, 86, 54),
)


def mover(kind: str, colour: int, step: int) -> Drawing:
    """Something that moves by itself; `step` in 0..11 turns a pinwheel or swings a bell."""
    paint = MOVER_COLOURS[colour]

    def ball(pen: Pen) -> None:
        pen.ball((0, 0), (30, 30), paint)
        for turn in (-40, 0, 40):
            pen.at(0, 0, turn).line([(0, -28), (0, 28)], lighter(paint, 0.7), 4)

    def car(pen: Pen) -> None:
        pen.polygon([(-26, -12), (-14, -32), (16, -32), (30, -12)], lighter(paint, 0.55))
        pen.rounded((-48, -14, 48, 16), 10, paint)
        for x in (-26, 26):
            pen.ellipse((x, 17), (13, 13), (50, 50, 58))
            pen.ellipse((x, 17), (5, 5), STEEL, None)

    def pinwheel(pen: Pen) -> None:
        pen.rounded((-3, 0, 3, 62), 3, WOOD)
        for i in range(4):
            wing = pen.at(0, 0, 90 * i + 15 * step)
            shade = paint if i % 2 else lighter(paint, 0.6)
            wing.polygon([(0, 0), (10, -34), (38, -30)], shade)
        pen.ellipse((0, 0), (6, 6), INK)

    def bell(pen: Pen) -> None:
        swing = pen.at(0, -58, 38 * math.cos(math.pi * step / 11))
        swing.line([(0, 0), (0, 66)], WOOD, 5)
        swing.ball((0, 80), (26, 26), paint)
        pen.rounded((-20, -66, 20, -54), 5, WOOD)

    drawings: dict[str, Drawing] = {
        "ball": Drawing(34, 34, 34, 34, ball),
        "car": Drawing(52, 36, 52, 34, car),
        "pinwheel": Drawing(52, 52, 52, 66, pinwheel),
        "bell": Drawing(98, 70, 98, 52, bell),
    }
    return drawings[kind]


def card(width: float, height: float) -> Drawing:
    """A recipe card that hides what lies under it; its upper left corner is the origin."""

    def draw(pen: Pen) -> None:
        pen.rounded((0, 0, width, height), 8, (252, 246, 226))
        pen.rounded((10, 10, width - 10, 30), 5, (214, 110, 90), None)
        y = 46.0
        while y < height - 12:
            pen.line([(14, y), (width - 14 - (y * 7) % 40, y)], (170, 160, 150), 3)
            y += 15

    return Drawing(0, 0, width, height, draw)
