"""The three drawings of one video, side by side in a folder."""

from __future__ import annotations

from pathlib import Path

from stg_model.inference.drawing.film import write_film
from stg_model.inference.drawing.grounded import GroundedVideo
from stg_model.inference.drawing.sheet import write_sheet
from stg_model.inference.drawing.timeline import write_timeline

FILM_NAME, SHEET_NAME, TIMELINE_NAME = "annotated.mp4", "contact-sheet.png", "timeline.png"


def write_drawings(grounded: GroundedVideo, folder: Path) -> list[Path]:
    """Write the film, the contact sheet and the timeline; returns their paths.

    Raises:
        VideoError: the video cannot be read.
    """
    write_timeline(grounded, folder / TIMELINE_NAME)
    write_sheet(grounded, folder / SHEET_NAME)
    write_film(grounded, folder / FILM_NAME)
    return [folder / name for name in (FILM_NAME, SHEET_NAME, TIMELINE_NAME)]
