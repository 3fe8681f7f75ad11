"""The strip below a film: which action when, how similar each is, and where the film stands."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from stg_model.inference.drawing.grounded import GroundedVideo
from stg_model.inference.drawing.overlay import INK, OVERSAMPLE
from stg_model.inference.drawing.text import Colour, draw_text

PAGE_S = 120
"""A longer film turns pages, so that a strip stays readable and as cheap at any length."""

PAPER: Colour = (24, 24, 26)
FAINT: Colour = (120, 120, 124)
BAND_SHARE = 0.24
CURVES = (0.34, 0.92)
"""Top and bottom of the curves, as shares of the strip's height."""


class Strip:
    """Draws one page at a time; `at` puts the cursor on it."""

    def __init__(self, grounded: GroundedVideo, size: tuple[int, int]) -> None:
        """Fix the scale of scores over the whole video.

        Args:
            grounded: what is drawn.
            size: width and height of the strip in pixels.
        """
        self.grounded, self.size = grounded, size
        scores = [x for s in grounded.seconds for x in (*s.scores.values(), s.background)]
        known = [x for x in scores if x is not None]
        self._low, self._high = (min(known), max(known)) if known else (0.0, 1.0)
        self._page, self._number = Image.new("RGB", size), -1

    def at(self, time_s: float) -> Image.Image:
        """Return the strip at a time."""
        number = int(time_s // PAGE_S)
        if number != self._number:
            self._page, self._number = self._draw(number), number
        strip = self._page.copy()
        x = self._x(time_s, number)
        ImageDraw.Draw(strip).line((x, 0, x, self.size[1]), INK, max(1, self.size[1] // 60))
        return strip

    def _span(self, number: int) -> tuple[int, int]:
        start = number * PAGE_S
        return start, min(start + PAGE_S, max(self.grounded.end_s, start + 1))

    def _x(self, time_s: float, number: int) -> float:
        start, end = self._span(number)
        return (time_s - start) / (end - start) * (self.size[0] - 1)

    def _y(self, score: float) -> float:
        top, bottom = (share * self.size[1] for share in CURVES)
        return bottom - (score - self._low) / max(self._high - self._low, 1e-9) * (bottom - top)

    def _draw(self, number: int) -> Image.Image:
        width, height = self.size
        large = Image.new("RGB", (width * OVERSAMPLE, height * OVERSAMPLE), PAPER)
        draw = ImageDraw.Draw(large)
        start, end = self._span(number)
        inside = [s for s in self.grounded.seconds if start - 1 <= s.second <= end]
        for action in self.grounded.actions:
            colour = self.grounded.colour(action.action_id)
            steps = [(s.second + 0.5, s.scores.get(action.action_id)) for s in inside]
            path = [(t, score) for t, score in steps if score is not None]
            self._line(draw, path, number, colour, OVERSAMPLE)
        taus = [(s.second + 0.5, s.background) for s in inside if s.background is not None]
        for (t, score), (later, _) in zip(taus[::2], taus[1::2], strict=False):
            self._line(draw, [(t, score), (later, score)], number, FAINT, OVERSAMPLE)
        page = large.resize(self.size, Image.Resampling.BOX)
        self._draw_band(ImageDraw.Draw(page), number)
        return page

    def _line(
        self,
        draw: ImageDraw.ImageDraw,
        path: list[tuple[float, float]],
        number: int,
        colour: Colour,
        thick: int,
    ) -> None:
        at = [(self._x(t, number) * OVERSAMPLE, self._y(score) * OVERSAMPLE) for t, score in path]
        if len(at) > 1:
            draw.line(at, colour, 2 * thick, joint="curve")
        for x, y in at if len(at) == 1 else ():
            draw.ellipse((x - thick, y - thick, x + thick, y + thick), colour)

    def _draw_band(self, draw: ImageDraw.ImageDraw, number: int) -> None:
        width, height = self.size
        bottom, size_px = round(BAND_SHARE * height), max(9, round(BAND_SHARE * height * 0.6))
        start, end = self._span(number)
        for segment in self.grounded.segments:
            if segment.end_s <= start or segment.start_s >= end:
                continue
            x1, x2 = self._x(max(segment.start_s, start), number), self._x(segment.end_s, number)
            colour = self.grounded.colour(segment.action_id)
            draw.rectangle((math.ceil(x1), 2, min(x2, width) - 1, bottom), colour)
            name = next(
                a.description for a in self.grounded.actions if a.action_id == segment.action_id
            )
            space = min(x2, width) - x1 - size_px
            if space > 2 * size_px:
                draw_text(
                    draw,
                    (x1 + size_px / 2, bottom / 2 + 1),
                    name,
                    size_px,
                    ink_on(colour),
                    longest_px=space,
                )


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever can be read on a colour."""
    luminance = float(np.dot(colour, (0.299, 0.587, 0.114)))
    return (0, 0, 0) if luminance > 130 else (255, 255, 255)
