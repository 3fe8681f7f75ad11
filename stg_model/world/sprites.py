"""Drawing by shapes, and small pictures with smooth edges that are drawn once and kept.

A drawing is a function of a `Pen`; its units are pixels of a frame `REFERENCE_HEIGHT` high. Shapes
are drawn `SMOOTH` times as large and then reduced, which is what makes their edges smooth.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

REFERENCE_HEIGHT = 480
SMOOTH = 3
SOLID_ALPHA = 128
"""A pixel is part of a thing where it hides at least half of what lies behind (shadows do not)."""

INK = (58, 44, 42)
Colour = tuple[int, ...]
XY = tuple[float, float]
PixelBox = tuple[int, int, int, int]
"""(x1, y1, x2, y2) in pixels, half-open."""


def blend(colour: Colour, other: Colour, share: float) -> tuple[int, int, int]:
    """Return `colour` moved towards `other` by a share in 0..1.

    >>> blend((0, 100, 200), (100, 100, 100), 0.5)
    (50, 100, 150)
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=False))
    return red, green, blue


def lighter(colour: Colour, share: float = 0.35) -> tuple[int, int, int]:
    """The colour in light."""
    return blend(colour, (255, 250, 235), share)


def darker(colour: Colour, share: float = 0.3) -> tuple[int, int, int]:
    """The colour in shade."""
    return blend(colour, (30, 20, 40), share)


class Pen:
    """Draws shapes on a picture under a turn, a scale and a shift (`matrix`: a b c d e f)."""

    def __init__(self, picture: Image.Image, matrix: tuple[float, ...]) -> None:
        """Draw on the picture; the matrix takes units to its pixels."""
        self.draw = ImageDraw.Draw(picture)
        self.matrix = matrix
        self.px = math.hypot(matrix[0], matrix[3])

    def at(self, x: float, y: float, degrees: float = 0.0, scale: float = 1.0) -> Pen:
        """Return a pen whose origin lies at (x, y), turned clockwise and scaled."""
        a, b, c, d, e, f = self.matrix
        cos = math.cos(math.radians(degrees)) * scale
        sin = math.sin(math.radians(degrees)) * scale
        pen = object.__new__(Pen)
        pen.draw = self.draw
        pen.matrix = (
            a * cos + b * sin,
            b * cos - a * sin,
            a * x + b * y + c,
            d * cos + e * sin,
            e * cos - d * sin,
            d * x + e * y + f,
        )
        pen.px = self.px * scale
        return pen

    def _map(self, points: Sequence[XY]) -> list[XY]:
        a, b, c, d, e, f = self.matrix
        return [(a * x + b * y + c, d * x + e * y + f) for x, y in points]

    def polygon(self, points: Sequence[XY], fill: Colour, ink: Colour | None = INK) -> None:
        """Fill a polygon and draw its outline, unless `ink` is None."""
        mapped = self._map(points)
        self.draw.polygon(mapped, fill=fill)
        if ink is not None:
            width = max(1, round(2 * self.px))
            self.draw.line([*mapped, *mapped[:2]], fill=ink, width=width, joint="curve")

    def ellipse(self, centre: XY, radii: XY, fill: Colour, ink: Colour | None = INK) -> None:
        """Fill an ellipse."""
        (x, y), (rx, ry) = centre, radii
        steps = [math.tau * i / 36 for i in range(36)]
        self.polygon([(x + rx * math.cos(s), y + ry * math.sin(s)) for s in steps], fill, ink)

    def ball(self, centre: XY, radii: XY, fill: Colour, ink: Colour | None = INK) -> None:
        """Fill an ellipse that is lit from the upper left."""
        (x, y), (rx, ry) = centre, radii
        self.ellipse(centre, radii, darker(fill, 0.22), ink)
        for step in range(1, 6):
            left, size = 0.055 * step, 1 - 0.17 * step
            shade = blend(darker(fill, 0.15), lighter(fill, 0.4), step / 5)
            self.ellipse((x - rx * left, y - ry * left), (rx * size, ry * size), shade, None)

    def rounded(
        self,
        box: tuple[float, ...],
        radius: float,
        fill: Colour,
        ink: Colour | None = INK,
    ) -> None:
        """Fill a rectangle (x1, y1, x2, y2) with round corners."""
        x1, y1, x2, y2 = box
        r = min(radius, (x2 - x1) / 2, (y2 - y1) / 2)
        points: list[XY] = []
        corners = ((x2 - r, y2 - r), (x1 + r, y2 - r), (x1 + r, y1 + r), (x2 - r, y1 + r))
        for quarter, (cx, cy) in enumerate(corners):
            for turn in range(0, 91, 15):
                angle = math.radians(90 * quarter + turn)
                points.append((cx + r * math.cos(angle), cy + r * math.sin(angle)))
        self.polygon(points, fill, ink)

    def line(self, points: Sequence[XY], fill: Colour = INK, width: float = 2.0) -> None:
        """Draw a bent line."""
        pixels = max(1, round(width * self.px))
        self.draw.line(self._map(points), fill=fill, width=pixels, joint="curve")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing function and the canvas it needs, in units; (0, 0) is `left`, `top` inside it."""

    left: float
    top: float
    right: float
    bottom: float
    draw: Callable[[Pen], None]


@dataclass(frozen=True, slots=True)
class Sprite:
    """A small picture with see-through surroundings.

    `x`, `y`: where its origin lies inside it, in pixels. `solid`: the box of the pixels that count
    as the thing.
    """

    colour: Image.Image
    alpha: Image.Image
    x: int
    y: int
    solid: PixelBox


def make_sprite(drawing: Drawing, scale: float, mirrored: bool = False) -> Sprite:
    """Draw a sprite, `scale` pixels a unit."""
    x, y = math.ceil(drawing.left * scale) + 1, math.ceil(drawing.top * scale) + 1
    width = x + math.ceil(drawing.right * scale) + 1
    height = y + math.ceil(drawing.bottom * scale) + 1
    big = Image.new("RGBA", (width * SMOOTH, height * SMOOTH))
    big_scale = scale * SMOOTH
    drawing.draw(Pen(big, (big_scale, 0, x * SMOOTH, 0, big_scale, y * SMOOTH)))
    picture = big.reduce(SMOOTH)
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        x = width - x
    alpha = picture.getchannel("A")
    solid = alpha.point(lambda a: 255 if a >= SOLID_ALPHA else 0).getbbox()
    if solid is None:
        raise ValueError("a drawing must hold at least one solid pixel")
    return Sprite(picture.convert("RGB"), alpha, x, y, solid)


@dataclass(frozen=True, slots=True)
class Placed:
    """A sprite and the pixel on which its origin lies."""

    sprite: Sprite
    x: int
    y: int

    @property
    def drawn(self) -> PixelBox:
        """All pixels that its picture covers."""
        left, top = self.x - self.sprite.x, self.y - self.sprite.y
        return left, top, left + self.sprite.colour.width, top + self.sprite.colour.height

    @property
    def solid(self) -> PixelBox:
        """The pixels that count as the thing."""
        x1, y1, x2, y2 = self.sprite.solid
        left, top = self.x - self.sprite.x, self.y - self.sprite.y
        return left + x1, top + y1, left + x2, top + y2


def stick_on(picture: Image.Image, placed: Placed, right: int = 0, down: int = 0) -> None:
    """Lay a sprite over a picture, shifted by some pixels; what reaches outside is cut."""
    left, top, _, _ = placed.drawn
    picture.paste(placed.sprite.colour, (left + right, top + down), placed.sprite.alpha)


def union(boxes: Iterable[PixelBox]) -> PixelBox:
    """The smallest box round all boxes (at least one).

    >>> union([(0, 5, 2, 6), (1, 0, 4, 2)])
    (0, 0, 4, 6)
    """
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def overlap(a: PixelBox, b: PixelBox) -> int:
    """How many pixels two boxes share.

    >>> overlap((0, 0, 4, 4), (3, 2, 9, 9))
    2
    """
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0, across) * max(0, down)


kept = functools.lru_cache(maxsize=4096)
"""Keeps a function's sprites: each is drawn once in a process."""
