"""One video and a list of actions: a predictions file, or a folder with all that can be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dataset_builder import frames, tables
from dataset_builder.domain import Action
from dataset_builder.errors import InputError
from dataset_builder.predicted_heatmaps import write_heatmaps
from dataset_builder.predictions import write_predictions
from stg_model.inference.drawing.all_drawings import draw_predictions
from stg_model.inference.grounding import system_of
from stg_model.inference.predicting import frame_size, heatmaps_file, warn_of_known_videos
from stg_model.inference.segments import segments_of, tubes_of, write_segments
from stg_model.inference.streaming import Grounded, ground_streamed
from stg_model.training.checkpoint import Checkpoint

PREDICTIONS_NAME = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class GroundedFolder:
    """What was written: counts, and the files of the drawings."""

    n_seconds: int
    n_points: int
    n_segments: int
    drawings: tuple[Path, ...] = ()


def ground_video(
    checkpoint: Checkpoint, video: Path, actions: Sequence[Action], output: Path
) -> tuple[int, int]:
    """Write the predictions of one video: every second, and points for the actions they name.

    Returns:
        How many seconds and how many points were written.

    Raises:
        InputError: there is no such file.
        VideoError: it cannot be read.
    """
    video_id, size = _known(checkpoint, video)
    said = ground_streamed(checkpoint, video, video_id, actions)
    write_predictions(
        output, system_of(checkpoint), said.seconds, said.points, frame_sizes_px={video_id: size}
    )
    return len(said.seconds), len(said.points)


def ground_into(
    checkpoint: Checkpoint,
    video: Path,
    actions: Sequence[Action],
    folder: Path,
    *,
    draw: bool = False,
) -> GroundedFolder:
    """Write into a folder what happens when and where in one video.

    `predictions.jsonl` with tubes, and its heatmaps; `segments.json` and `segments.csv`; with
    `draw` also `annotated.mp4`, `contact-sheet.png` and `timeline.png`.

    Raises:
        InputError: there is no such file.
        VideoError: it cannot be read.
    """
    video_id, size = _known(checkpoint, video)
    inference = checkpoint.settings.inference
    said = _with_heatmaps(
        ground_streamed(checkpoint, video, video_id, actions, with_heat=True), folder
    )
    segments = segments_of(said.seconds, inference.segment_gap_s)
    write_segments(
        folder,
        segments,
        actions,
        {"checkpoint_digest": checkpoint.digest, "inference": asdict(inference)},
    )
    write_predictions(
        folder / PREDICTIONS_NAME,
        system_of(checkpoint),
        said.seconds,
        said.points,
        tubes_of(segments, said.points),
        frame_sizes_px={video_id: size},
    )
    drawings: tuple[Path, ...] = ()
    if draw:
        drawings = draw_predictions(
            video, folder / PREDICTIONS_NAME, actions, folder, inference.segment_gap_s
        )
    return GroundedFolder(len(said.seconds), len(said.points), len(segments), drawings)


def _known(checkpoint: Checkpoint, video: Path) -> tuple[str, tuple[int, int]]:
    """Return a video's id and size; warn where the model has learnt from it."""
    if not video.is_file():
        raise InputError(f"{video}: is no file; give one video (--videos takes a folder)")
    ((video_id, file),) = frames.find_videos(video).items()
    source_sha256 = tables.sha256_file(file)
    warn_of_known_videos(checkpoint, {video_id: source_sha256})
    return video_id, frame_size(file, source_sha256)


def _with_heatmaps(said: Grounded, folder: Path) -> Grounded:
    """Write the heat beside the predictions; returns points that name it."""
    if said.heat is None:
        return said
    file = heatmaps_file(folder / PREDICTIONS_NAME)
    stored = write_heatmaps(file.parent, file.name, said.heat)
    points = [replace(p, heatmap=one) for p, one in zip(said.points, stored, strict=True)]
    return Grounded(said.seconds, points)
