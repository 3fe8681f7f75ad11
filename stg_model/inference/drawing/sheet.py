"""A contact sheet: for each segment its surest seconds, with heat, box and point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dataset_builder import frames, tables
from dataset_builder.contact_sheet import FAINT, INK, PAPER
from stg_model.inference.drawing.grounded import BACKGROUND_COLOUR, GroundedVideo
from stg_model.inference.drawing.overlay import annotated
from stg_model.inference.drawing.text import Colour, draw_text

MAX_TILES = 24
TILE_PX = 360
"""Long side of a tile."""
ROW_PX = 1500
GAP_PX = 14
HEADER_PX = 64


def write_sheet(grounded: GroundedVideo, path: Path) -> list[int]:
    """Draw the sheet as PNG; returns the seconds that it shows.

    Raises:
        VideoError: the source cannot be read.
    """
    seconds = chosen_seconds(grounded)
    probe = frames.probe_video(grounded.path)
    scale = TILE_PX / max(probe.width, probe.height)
    size = max(1, round(probe.width * scale)), max(1, round(probe.height * scale))
    images = frames.read_frames_at(grounded.path, [float(s) for s in seconds], size)
    columns = min(len(seconds), max(1, ROW_PX // (size[0] + GAP_PX)))
    rows = -(-len(seconds) // columns)
    width = max(columns, 2) * (size[0] + GAP_PX) + GAP_PX
    sheet = Image.new("RGB", (width, HEADER_PX + rows * (size[1] + GAP_PX)), PAPER)
    _write_header(sheet, grounded, len(seconds))
    for number, (second, image) in enumerate(zip(seconds, images, strict=True)):
        shown = grounded.at_second(second)
        colour = grounded.colour(shown.action.action_id) if shown.action else BACKGROUND_COLOUR
        tile = annotated(image, shown, colour, f"{second // 60}:{second % 60:02}")
        row, column = divmod(number, columns)
        left, top = GAP_PX + column * (size[0] + GAP_PX), HEADER_PX + row * (size[1] + GAP_PX)
        sheet.paste(tile, (left, top))
        outline = (left - 3, top - 3, left + size[0] + 2, top + size[1] + 2)
        ImageDraw.Draw(sheet).rectangle(outline, None, colour, 3)
    with tables.replaced_file(path) as temporary:
        sheet.save(temporary, format="PNG")
    return seconds


def chosen_seconds(grounded: GroundedVideo) -> list[int]:
    """Return the seconds to show, in time order.

    Each segment gives its surest second first, then its next; where there are more segments than
    tiles the surest segments stand. A video without any is shown at even steps.
    """
    segments = sorted(grounded.segments, key=lambda one: (-one.score, one.start_s))
    if not segments:
        last = max(0, grounded.end_s - 1)
        steps = np.linspace(0, last, min(MAX_TILES // 2, last + 1))
        return sorted({int(step) for step in steps})
    scores = {s.second: s.scores.get(s.action_id or "", 0.0) for s in grounded.seconds}
    ranked = [sorted(one.seconds, key=lambda s: (-scores[s], s)) for one in segments]
    rounds = max(map(len, ranked))
    in_turn = [one[turn] for turn in range(rounds) for one in ranked if turn < len(one)]
    return sorted(dict.fromkeys(in_turn[:MAX_TILES]))


def _write_header(sheet: Image.Image, grounded: GroundedVideo, n_tiles: int) -> None:
    draw = ImageDraw.Draw(sheet)
    n_seconds = len(grounded.labels)
    said = (
        f"segments: {len(grounded.segments)}; seconds with an action: {n_seconds} of "
        f"{len(grounded.seconds)}; shown: {n_tiles}"
    )
    space = sheet.width - 2 * GAP_PX
    draw_text(draw, (GAP_PX, 20), grounded.video_id, 20, _rgb(INK), longest_px=space)
    draw_text(draw, (GAP_PX, 45), said, 14, _rgb(FAINT), longest_px=space)


def _rgb(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue
