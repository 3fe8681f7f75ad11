"""The three drawings of one video, side by side in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dataset_builder.domain import Action
from dataset_builder.predictions import read_predictions
from stg_model.inference.drawing.film import write_film
from stg_model.inference.drawing.grounded import grounded_video
from stg_model.inference.drawing.sheet import write_sheet
from stg_model.inference.drawing.timeline import write_timeline

FILM_NAME, SHEET_NAME, TIMELINE_NAME = "annotated.mp4", "contact-sheet.png", "timeline.png"


def draw_predictions(
    video: Path, predictions: Path, actions: Iterable[Action], folder: Path, gap_s: int = 0
) -> tuple[Path, ...]:
    """Draw what a predictions file of any system says of one video; returns the pictures.

    Args:
        video: the file; its name without suffix is the video's id.
        predictions: the file.
        actions: names of actions; another one is called by its id.
        folder: receives the film, the contact sheet and the timeline.
        gap_s: seconds that a segment goes on over.

    Raises:
        InputError: the predictions are wrong, or say nothing of the video.
        VideoError: the video cannot be read.
    """
    grounded = grounded_video(read_predictions(predictions), video, actions, gap_s)
    write_timeline(grounded, folder / TIMELINE_NAME)
    write_sheet(grounded, folder / SHEET_NAME)
    write_film(grounded, folder / FILM_NAME)
    return tuple(folder / name for name in (FILM_NAME, SHEET_NAME, TIMELINE_NAME))
