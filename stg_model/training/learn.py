"""From a folder of videos and a transcripts file to a checkpoint on disk.

A finished folder has a config.json; a cut run has a resume.pt and goes on when the same command is
given again.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch

from dataset_builder import frames, tables
from dataset_builder.console import progress
from dataset_builder.errors import InputError, OutputError
from stg_model.features.encoders import encoder_for
from stg_model.features.store import extract_features
from stg_model.settings import InferenceSettings, Settings
from stg_model.training.checkpoint import (
    CONFIG_NAME,
    RESUME_NAME,
    WEIGHTS_NAME,
    Checkpoint,
    save_checkpoint,
)
from stg_model.training.dataset import NarratedVideo
from stg_model.training.narrations import read_transcripts
from stg_model.training.train import METRICS_NAME, train

logger = logging.getLogger(__name__)


def learn(
    folder: Path,
    videos: Path,
    transcripts: Path,
    settings: Settings,
    features: Path,
    *,
    force: bool = False,
) -> Checkpoint:
    """Train on the videos that have narration; the result is not saved yet (see `finish`).

    Args:
        folder: receives metrics.jsonl and the state of an unfinished run.
        videos: folder of video files named by video_id.
        transcripts: JSON file in HowTo100M's layout.
        settings: all settings.
        features: store of features, filled where needed.
        force: start afresh in a folder that holds a finished or unfinished run.

    Raises:
        OutputError: the folder holds a finished run and `force` is not set.
        InputError: videos or transcripts are missing or wrong, or share no video_id.
        TrainingError, CheckpointError: see `train`.
    """
    if (folder / CONFIG_NAME).exists() and not force:
        raise OutputError(f"{folder}: holds a checkpoint; choose another folder or pass --force")
    if force:
        for name in (CONFIG_NAME, WEIGHTS_NAME, METRICS_NAME, RESUME_NAME):
            (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    narration = read_transcripts(transcripts)
    files = frames.find_videos(videos)
    shared = {video_id: files[video_id] for video_id in sorted(files.keys() & narration.keys())}
    if not shared:
        raise InputError(
            f"{transcripts} and {videos} share no video_id "
            f"({next(iter(narration))!r}, ... and {next(iter(files))!r}, ...); "
            "file names without suffix are the ids"
        )
    logger.info(
        "%d videos have narration; %d files and %d transcripts stand alone",
        len(shared), len(files) - len(shared), len(narration) - len(shared),
    )  # fmt: skip
    encoder = encoder_for(settings)
    extracted = extract_features(shared, features, encoder)
    narrated = [
        NarratedVideo(
            video.video_id,
            video.source_sha256,
            encoder.inputs(video.values[: video.n_seconds]),
            narration[video.video_id],
        )
        for video in progress(extracted, "features", total=len(shared))
    ]
    sentences = [sentence for video in narrated for sentence in video.sentences]
    encoder = encoder.listen(sentence.text for sentence in sentences)
    model = train(folder, narrated, encoder, settings)
    trained_on = {
        "n_videos": len(narrated),
        "n_sentences": len(sentences),
        "transcripts_sha256": tables.sha256_file(transcripts),
        "videos_sha256": sorted(video.source_sha256 for video in narrated),
        "thresholds": threshold_sources(settings.inference),
        "torch": torch.__version__,
    }
    return Checkpoint(model, settings, encoder, trained_on)


def threshold_sources(settings: InferenceSettings) -> dict[str, str]:
    """Return for each threshold whether it was `set` or is left to its `default` (R26)."""
    return {
        name: "default" if getattr(settings, name) is None else "set"
        for name in ("background_threshold", "mask_threshold")
    }


def finish(folder: Path, checkpoint: Checkpoint) -> Checkpoint:
    """Save the checkpoint, add its validation figures to metrics.jsonl, end the run."""
    figures = checkpoint.trained_on.get("validation")
    if figures:
        with (folder / METRICS_NAME).open("a", encoding="utf-8") as lines:
            step = checkpoint.settings.training.steps
            lines.write(json.dumps({"step": step, "validation": figures}) + "\n")
    saved = save_checkpoint(folder, checkpoint)
    (folder / RESUME_NAME).unlink(missing_ok=True)
    logger.info("checkpoint %s in %s", saved.digest[:12], folder)
    return saved
