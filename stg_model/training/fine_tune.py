"""Go on from a checkpoint with a release's clicks beside the narration (losses: `click_lessons`).

From videos of the release that are scored or belong to another split nothing is learned.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dataset_builder import frames
from dataset_builder.console import progress
from dataset_builder.errors import InputError
from dataset_builder.release import Release
from stg_model.errors import SettingsError
from stg_model.features.encoder import Encoder
from stg_model.features.store import extract_features
from stg_model.settings import Settings
from stg_model.training.apart import refuse_learned
from stg_model.training.checkpoint import Checkpoint
from stg_model.training.click_lessons import Lessons, TunedModel
from stg_model.training.clicks import (
    ClickedClip,
    ClickedClips,
    clicked_clips,
    side_of,
    videos_to_learn_from,
)
from stg_model.training.dataset import NarratedClips
from stg_model.training.inputs import Inputs, Memory
from stg_model.training.learn import Sources, clear_run, narrated_videos, newly_set, prepare_folder
from stg_model.training.processes import ALONE, Processes
from stg_model.training.train import Narration, parameter_groups, repeatable, run_name, teach
from stg_model.training.unread import warn_of_unread

logger = logging.getLogger(__name__)


def fine_tune(
    folder: Path,
    checkpoint: Checkpoint,
    release: Release,
    videos: Path,
    sources: Sources,
    *,
    settings: Settings,
    split: str = "train",
    force: bool = False,
    processes: Processes = ALONE,
) -> Checkpoint:
    """Train on; the result is not saved yet (see `learn.finish`).

    Args:
        folder: receives the run's files, as `learn` does; a cut run goes on.
        checkpoint: where to begin.
        release: its clicks are learned from.
        videos: folder of the release's videos.
        sources: narrated videos; those that the release scores, or puts into another split, are
            left out.
        settings: those of the checkpoint, but for `fine_tuning`, `training` and `inference`.
        split: which of the release's videos to learn from.
        force: start afresh in a folder that holds a run.
        processes: those that train together.

    Returns:
        A checkpoint that names the release, with the learned tau as its background threshold.

    Raises:
        SettingsError: the settings are those of another network.
        InputError: nothing to learn from, a video that is not the release's, or one of the
            validation set.
        OutputError, TrainingError, CheckpointError: see `learn`.
    """
    _refuse_other_network(checkpoint.settings, settings)
    if processes.leads:
        prepare_folder(folder, force=force)
        warn_of_unread(settings, checkpoint.settings)
    processes.wait()
    encoder, model = checkpoint.encoder, checkpoint.model
    learnable = videos_to_learn_from(release, split)
    others = {v.video_id: v.sha256 for v in release.videos if v.video_id not in learnable}
    sources = replace(sources, without=sources.without | others.keys())
    refuse_learned(sources.apart, {}, checkpoint.trained_on.get("videos_sha256", ()))
    narrated = narrated_videos(folder, sources, encoder, settings, processes)
    narrated = [v for v in narrated if v.source_sha256 not in others.values()]
    memory = Memory(sources.features, encoder, settings.training.data_memory_mb)
    with processes.in_turn():
        inputs = _inputs(release, learnable, videos, memory, sources.apart)
    one_frame = next(iter(inputs.values()))[0:1]
    side = side_of(model.visual(one_frame).cells_FNC.shape[1])
    found = clicked_clips(release, frozenset(inputs), side, settings.fine_tuning.click_sigma)
    found = tuple(one for one in found if encoder.knows(one.description))
    counts = _counts(found)
    logger.info("learning from %s", ", ".join(f"{name} {n}" for name, n in counts.items()))

    tuning = settings.fine_tuning
    training = replace(settings.training, steps=tuning.steps, learning_rate=tuning.learning_rate)
    schedule = replace(
        settings, training=training, selection=replace(settings.selection, warmup=0.0)
    )
    kinds = {frame.visible > 0.5 for one in found for frame in one.frames}
    clicks = ClickedClips(found, inputs, tuning, training.seed, processes)
    clips = NarratedClips(narrated, encoder, training, processes)
    texts = {one.clip.clip_id: encoder.texts(phrases_of(one, encoder)) for one in found}
    lessons = Lessons(Narration(clips, schedule, processes), clicks, texts, tuning, len(kinds) == 2)
    tuned = TunedModel(model, settings.inference.background_threshold or 0.0)
    threshold = {"params": [tuned.tau], "lr": tuning.threshold_rate, "weight_decay": 0.0}
    run = run_name(schedule, narrated, checkpoint.digest, release.digest, split)
    if force:
        clear_run(folder, processes)
    with repeatable(training.seed):
        teach(
            folder,
            tuned,
            [*parameter_groups(model, training), threshold],
            lessons,
            settings=schedule,
            run=run,
            processes=processes,
        )
    learned = tuned.tau.item() if lessons.teaches_threshold else None
    named = {"name": release.name, "version": release.version, "digest": release.digest}
    more = {
        "release": {**named, "split": split, **counts},
        "fine_tuned_on": {**sources.describe(narrated), "processes": processes.count},
        "started_from": checkpoint.digest,
        "torch": torch.__version__,
    }
    return _tuned(checkpoint, settings, more, learned)


def phrases_of(found: ClickedClip, encoder: Encoder) -> list[str]:
    """Return a clip's action, then those of its video's that the encoder knows.

    Inference never predicts the others (`score_video`); here their cosines would be a bias alone.
    """
    return [found.description, *filter(encoder.knows, found.pool)]


def open_thresholds(checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint without thresholds that were found, so that a validation set can."""
    sources = checkpoint.trained_on.get("thresholds", {})
    found: dict[str, Any] = {name: None for name, source in sources.items() if source != "set"}
    inference = replace(checkpoint.settings.inference, **found)
    return replace(
        checkpoint,
        settings=replace(checkpoint.settings, inference=inference),
        trained_on={
            **checkpoint.trained_on,
            "thresholds": sources | dict.fromkeys(found, "default"),
        },
    )


def _tuned(
    checkpoint: Checkpoint, settings: Settings, more: dict[str, Any], tau: float | None
) -> Checkpoint:
    """Return what came out; a threshold that was `set` stays."""
    trained_on = {
        name: value
        for name, value in checkpoint.trained_on.items()
        if name not in ("validation", "validation_videos_sha256")
    }
    sources = newly_set(checkpoint.settings.inference, settings.inference)
    thresholds = {**trained_on.get("thresholds", {}), **sources}
    if tau is not None and thresholds.get("background_threshold") != "set":
        settings = replace(
            settings, inference=replace(settings.inference, background_threshold=tau)
        )
        release = more["release"]
        thresholds["background_threshold"] = (
            f"clicks of {release['name']} {release['version']} ({release['digest'][:12]})"
        )
    return Checkpoint(
        checkpoint.model,
        settings,
        checkpoint.encoder,
        {**trained_on, **more, "thresholds": thresholds},
    )


def _inputs(
    release: Release,
    learnable: frozenset[str],
    videos: Path,
    memory: Memory,
    apart: Mapping[str, Path],
) -> dict[str, Inputs]:
    """Return what the model reads of the videos to learn from, those that have a file.

    Raises:
        InputError: none has one, a file is not the release's, or it is `apart`.
    """
    found = frames.find_videos(videos)
    files = {video_id: found[video_id] for video_id in sorted(learnable & found.keys())}
    if not files:
        raise InputError(
            f"{videos}: none of the {len(learnable)} videos to learn from has a file there"
        )
    refuse_learned(apart, files)
    if len(files) < len(learnable):
        logger.warning("%d of %d videos have no file", len(learnable) - len(files), len(learnable))
    wanted = {video.video_id: video.sha256 for video in release.videos}
    inputs: dict[str, Inputs] = {}
    extracted = extract_features(files, memory.store, memory.encoder)
    for video in progress(extracted, "features", total=len(files)):
        if video.source_sha256 != wanted[video.video_id]:
            raise InputError(
                f"{files[video.video_id]}: is not the file that the release names "
                f"(SHA-256 {video.source_sha256[:12]}, not {wanted[video.video_id][:12]})"
            )
        inputs[video.video_id] = memory.inputs(video)
    return inputs


def _counts(found: Sequence[ClickedClip]) -> dict[str, int]:
    frames_of = [frame for one in found for frame in one.frames]
    return {
        "n_videos": len({one.clip.video_id for one in found}),
        "n_clips": len(found),
        "n_clicked_frames": sum(frame.visible > 0 for frame in frames_of),
        "n_not_visible_frames": sum(frame.visible <= 0.5 for frame in frames_of),
    }


def _refuse_other_network(before: Settings, after: Settings) -> None:
    for section in ("features", "network", "selection", "loss"):
        if getattr(before, section) != getattr(after, section):
            raise SettingsError(
                f"fine-tune cannot change [{section}] of a checkpoint; train a new one"
            )
