"""One picture with what is said of it: heat, box, point, name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dataset_builder.contact_sheet import HEAT_RAMP
from dataset_builder.geometry import Box, Point
from stg_model.inference.drawing.grounded import BACKGROUND_COLOUR, Shown
from stg_model.inference.drawing.text import Colour, draw_text, shortened, text_width

HEAT_OPACITY = 0.6
"""Of the hottest place; it falls with the square of the heat, so that pictures stay readable."""

INK: Colour = (255, 255, 255)
SHADE: Colour = (16, 16, 16)
OVERSAMPLE = 2
"""Lines are drawn twice as large and scaled down, since Pillow draws them without smoothing."""

_STEPS, _STOPS = np.linspace(0, 1, 256), [stop for stop, _ in HEAT_RAMP]
_CHANNELS = [np.interp(_STEPS, _STOPS, [colour[i] for _, colour in HEAT_RAMP]) for i in range(3)]
_PALETTE = np.stack(_CHANNELS, axis=1).round().astype(int).ravel().tolist()


def annotated(
    image: npt.NDArray[np.uint8], shown: Shown, colour: Colour, clock: str = ""
) -> Image.Image:
    """Draw over a picture what is said of it.

    Args:
        image: (height, width, 3) uint8, upright.
        shown: what is said.
        colour: of its action.
        clock: written at the right of the top.
    """
    picture = Image.fromarray(image)
    if shown.heat is not None:
        _draw_heat(picture, shown.heat)
    unit = max(1, round(min(picture.size) / 240))
    if shown.box:
        _draw_box(picture, shown.box, colour, unit + 2)  # films halve the colour's resolution
    if shown.point:
        _draw_point(picture, shown.point, unit)
    _write_heading(picture, shown, colour, clock)
    return picture


def _draw_heat(picture: Image.Image, heat: np.ndarray) -> None:
    cells = Image.fromarray(heat.astype(np.float32) * 255)
    level = cells.resize(picture.size, Image.Resampling.BILINEAR).convert("L")
    colours = level.copy()
    colours.putpalette(_PALETTE)
    picture.paste(
        colours.convert("RGB"),
        (0, 0),
        level.point([HEAT_OPACITY * v * v / 255 for v in range(256)]),
    )


def _draw_box(picture: Image.Image, box: Box, colour: Colour, unit: int) -> None:
    """Draw an outline of the action's colour between two thin dark ones."""
    width, height = picture.size
    left, top = round(box.x1 * width), round(box.y1 * height)
    right, bottom = max(left, round(box.x2 * width) - 1), max(top, round(box.y2 * height) - 1)
    draw = ImageDraw.Draw(picture)
    for inset, ink, thick in ((0, SHADE, unit + 2), (1, colour, unit)):
        if right - left > 2 * inset and bottom - top > 2 * inset:
            corners = (left + inset, top + inset, right - inset, bottom - inset)
            draw.rectangle(corners, outline=ink, width=thick)


def _draw_point(picture: Image.Image, point: Point, unit: int) -> None:
    """Draw a white ring with a dot, edged in black."""
    radius, scale = 8 * unit, OVERSAMPLE
    middle, u = radius * scale, unit * scale
    layer = Image.new("RGBA", (2 * middle, 2 * middle))
    draw = ImageDraw.Draw(layer)
    for r, ink, thick in ((7 * u, (*SHADE, 210), 4 * u), (6 * u, (*INK, 255), 2 * u)):
        draw.ellipse((middle - r, middle - r, middle + r, middle + r), None, ink, thick)
    draw.ellipse((middle - u, middle - u, middle + u, middle + u), (*INK, 255), (*SHADE, 210))
    small = layer.resize((2 * radius, 2 * radius), Image.Resampling.BOX)
    x, y = round(point.x * picture.width), round(point.y * picture.height)
    picture.paste(small.convert("RGB"), (x - radius, y - radius), small.getchannel("A"))


def _write_heading(picture: Image.Image, shown: Shown, colour: Colour, clock: str) -> None:
    size_px = max(11, round(min(picture.size) / 22))
    pad, middle = size_px // 2, size_px
    name = shown.action.description if shown.action else "background"
    score = "" if shown.score is None else f"  {shown.score:.2f}"
    chip = colour if shown.action else BACKGROUND_COLOUR
    draw = ImageDraw.Draw(picture, "RGBA")
    right = picture.width - pad
    if clock:
        right -= int(text_width(clock, size_px)) + 2 * pad
        draw.rounded_rectangle((right, pad // 2, picture.width - pad // 2, 2 * size_px - pad // 2),
                               pad, (*SHADE, 170))  # fmt: skip
        draw_text(draw, (right + pad, middle), clock, size_px, INK)
    space = right - 3 * pad - size_px - text_width(score, size_px)
    text = shortened(name, size_px, space) + score
    end = 2.5 * pad + size_px + text_width(text, size_px)
    draw.rounded_rectangle((pad // 2, pad // 2, end, 2 * size_px - pad // 2), pad, (*SHADE, 170))
    draw.rectangle(
        (pad, middle - size_px // 3, pad + size_px * 2 // 3, middle + size_px // 3), chip
    )
    draw_text(draw, (pad * 1.5 + size_px, middle), text, size_px, INK)
