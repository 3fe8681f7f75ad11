"""Text in any script: each character from the first font that has it.

matplotlib brings DejaVu Sans (Latin, Greek, Cyrillic, Arabic, Hebrew and more); other scripts are
looked for among the fonts of the machine. A character that no font has becomes U+FFFD.
"""

from __future__ import annotations

import functools
import itertools
import logging
import unicodedata
from pathlib import Path

import matplotlib
from matplotlib import font_manager, ft2font
from PIL import ImageDraw, ImageFont

logger = logging.getLogger(__name__)

OWN_FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
PLACEHOLDERS = "Last Resort"
"""A font of matplotlib's that has a box for every character there is."""

Colour = tuple[int, int, int]


def drawable(text: str) -> str:
    r"""Return the text on one line, with U+FFFD where no font of this machine has a character.

    >>> drawable("schneide Möhre,\nça é")
    'schneide Möhre, ça é'
    """
    plain = "".join(
        " " if unicodedata.category(c)[0] in "CZ" else c
        for c in unicodedata.normalize("NFC", text)
        if unicodedata.category(c) != "Cf"
    )
    return "".join(c if _font_with(c) else UNKNOWN for c in " ".join(plain.split()))


def families(text: str) -> list[str]:
    """Return the names of the fonts that `text` needs, for matplotlib, its own first."""
    paths = dict.fromkeys([OWN_FONT, *filter(None, map(_font_with, text))])
    return list(dict.fromkeys(_family(path) for path in paths))


def draw_text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size_px: int,
    colour: Colour,
    *,
    longest_px: float | None = None,
) -> None:
    """Write one line, its left middle at a place (x, y); what is too long ends in an ellipsis."""
    x, y = at
    text = drawable(text) if longest_px is None else shortened(text, size_px, longest_px)
    for path, run in _runs(text):
        font = _font(path, size_px)
        draw.text((x, y), run, colour, font, anchor="lm")
        x += font.getlength(run)


def text_width(text: str, size_px: int) -> float:
    """Return the width of one line in pixels."""
    return sum(_font(path, size_px).getlength(run) for path, run in _runs(drawable(text)))


def shortened(text: str, size_px: int, longest_px: float) -> str:
    """Return as much of a line as fits, with an ellipsis where something is left out."""
    text = drawable(text)
    if text_width(text, size_px) <= longest_px:
        return text
    kept = itertools.takewhile(
        lambda n: text_width(text[:n] + "…", size_px) <= longest_px, range(1, len(text))
    )
    return text[: max(kept, default=0)].rstrip() + "…"


def _runs(text: str) -> list[tuple[Path, str]]:
    runs = itertools.groupby(text, key=lambda c: _font_with(c) or OWN_FONT)
    return [(path, "".join(run)) for path, run in runs]


@functools.cache
def _font_with(character: str) -> Path | None:
    """Return the first font that has a character, the own one before those of the machine."""
    for path in (OWN_FONT, *_machine_fonts()):
        if ord(character) in _characters(path):
            return path
    logger.warning("no font on this machine has %r; drawn as %s", character, UNKNOWN)
    return None


@functools.cache
def _machine_fonts() -> tuple[Path, ...]:
    upright = (
        f
        for f in font_manager.fontManager.ttflist
        if f.style == "normal" and not f.name.startswith(PLACEHOLDERS)
    )
    by_weight = sorted(upright, key=lambda f: (f.weight != 400, f.name, f.fname))
    return tuple(dict.fromkeys(Path(f.fname) for f in by_weight))


@functools.cache
def _characters(path: Path) -> frozenset[int]:
    try:
        return frozenset(ft2font.FT2Font(str(path)).get_charmap())
    except (OSError, RuntimeError):  # a font list may be older than the folder
        return frozenset()


@functools.cache
def _family(path: Path) -> str:
    return ft2font.FT2Font(str(path)).family_name


@functools.lru_cache(64)
def _font(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size_px)
