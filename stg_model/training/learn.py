"""From a folder of videos and their narration to a checkpoint on disk.

A finished folder has a config.json; a cut run has a resume.pt and goes on when the same command is
given again.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dataset_builder import frames, tables
from dataset_builder.console import progress
from dataset_builder.errors import InputError, OutputError
from stg_model.features.encoder import Encoder
from stg_model.features.encoders import encoder_for, whole_frames
from stg_model.features.paths import NO_PATHS, BackbonePaths
from stg_model.features.store import extract_features
from stg_model.settings import CALIBRATED, InferenceSettings, Settings
from stg_model.training.apart import refuse_learned
from stg_model.training.checkpoint import (
    CONFIG_NAME,
    RESUME_NAME,
    WEIGHTS_NAME,
    Checkpoint,
    save_checkpoint,
)
from stg_model.training.dataset import NarratedVideo, without_late
from stg_model.training.inputs import Memory
from stg_model.training.model_card import CARD_NAME, model_card
from stg_model.training.narrations import Sentence
from stg_model.training.processes import ALONE, Processes
from stg_model.training.run_log import CURVES_NAME, METRICS_NAME, TENSORBOARD_NAME, add_line
from stg_model.training.train import train
from stg_model.training.transcripts.found import Transcripts
from stg_model.training.transcripts.reading import digest_of, read_transcripts
from stg_model.training.transcripts.sampling import read_video_list
from stg_model.training.unread import warn_of_unread

logger = logging.getLogger(__name__)

REFUSED_NAME = "refused.txt"
N_REFUSED_SHOWN = 20

Pair = tuple[Path, tuple[Sentence, ...]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where narrated videos come from.

    `videos` is a folder of files named by video_id, `transcripts` narration in any layout of
    `transcripts.reading`, `features` the store, filled where needed, `only` a list of the videos to
    take (None: all), `without` ids of videos that are left out whoever lists them, `apart` the
    files of a validation set, none of which may be learned from.
    """

    videos: Path
    transcripts: Path
    features: Path
    only: Path | None = None
    without: frozenset[str] = frozenset()
    apart: Mapping[str, Path] = field(default_factory=dict)

    def describe(self, videos: Sequence[NarratedVideo]) -> dict[str, Any]:
        """Return what a checkpoint says of them."""
        return {
            "n_videos": len(videos),
            "n_sentences": sum(len(video.sentences) for video in videos),
            "transcripts_sha256": digest_of(self.transcripts),
            "videos_sha256": sorted(video.source_sha256 for video in videos),
            "video_list_sha256": tables.sha256_file(self.only) if self.only else None,
        }


def learn(
    folder: Path,
    videos: Path,
    transcripts: Path,
    settings: Settings,
    features: Path,
    *,
    only: Path | None = None,
    apart: Mapping[str, Path] | None = None,
    paths: BackbonePaths = NO_PATHS,
    force: bool = False,
    processes: Processes = ALONE,
) -> Checkpoint:
    """Train on the videos that have narration; the result is not saved yet (see `finish`).

    Args:
        folder: receives the run's metrics, its state while it is unfinished, and refused.txt with
            a line for each row of the transcripts that could not be read, and for each video that
            ends before its narration does.
        videos: see `Sources`.
        transcripts: see `Sources`.
        settings: all settings.
        features: see `Sources`.
        only: see `Sources`.
        apart: see `Sources`.
        paths: files of the frozen backbone that the settings name.
        force: start afresh in a folder that holds a finished or unfinished run.
        processes: those that train together; all give the same arguments.

    Raises:
        OutputError: the folder holds a finished run and `force` is not set.
        InputError: videos or transcripts are missing or wrong, share no video_id, or a video is
            among those `apart`.
        TrainingError, CheckpointError: see `train`.
    """
    if processes.leads:
        prepare_folder(folder, force=force)
        warn_of_unread(settings)
    processes.wait()
    sources = Sources(videos, transcripts, features, only, apart=apart or {})
    encoder = encoder_for(settings, paths)
    narrated = narrated_videos(folder, sources, encoder, settings, processes)
    with processes.in_turn():  # a frozen backbone's tokens of the sentences are stored
        encoder = encoder.listen((s.text for video in narrated for s in video.sentences), features)
    if force:
        clear_run(folder, processes)
    model = train(folder, narrated, encoder, settings, processes)
    trained_on = {
        **sources.describe(narrated),
        "processes": processes.count,
        "thresholds": threshold_sources(settings.inference),
        "torch": torch.__version__,
    }
    return Checkpoint(model, settings, whole_frames(encoder), trained_on)


def prepare_folder(folder: Path, *, force: bool) -> None:
    """Make a run's folder; an earlier run in it stays until `clear_run`.

    Raises:
        OutputError: it is a file, or holds a finished run and `force` is not set.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder, which will hold the checkpoint")
    if (folder / CONFIG_NAME).exists() and not force:
        raise OutputError(f"{folder}: holds a checkpoint; choose another folder or pass --force")
    folder.mkdir(parents=True, exist_ok=True)


def clear_run(folder: Path, processes: Processes = ALONE) -> None:
    """Remove an earlier run; called once all that the new one reads was found to be right.

    The leading process removes it, and the others wait.
    """
    if processes.leads:
        for name in (CONFIG_NAME, WEIGHTS_NAME, METRICS_NAME, RESUME_NAME, CURVES_NAME, CARD_NAME):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / TENSORBOARD_NAME, ignore_errors=True)
    processes.wait()


def narrated_videos(
    folder: Path,
    sources: Sources,
    encoder: Encoder,
    settings: Settings,
    processes: Processes = ALONE,
) -> list[NarratedVideo]:
    """Return the videos that have narration, their features extracted where they are missing.

    The leading process extracts while the others wait.

    Raises:
        InputError: see `learn`.
    """
    found = read_transcripts(sources.transcripts)
    where = f"{sources.transcripts} and {sources.videos}"
    paired = pairs_of(frames.find_videos(sources.videos), found.videos, where)
    if sources.only:
        paired = listed(paired, sources.only)
    paired = {v: pair for v, pair in paired.items() if v not in sources.without}
    files = {video_id: path for video_id, (path, _) in paired.items()}
    refuse_learned(sources.apart, files)
    if processes.leads:
        report_problems(found, folder / REFUSED_NAME)
    memory = Memory(sources.features, encoder, settings.training.data_memory_mb)
    with processes.in_turn():
        extracted = extract_features(files, sources.features, encoder)
        narrated = [
            NarratedVideo(
                video.video_id, video.source_sha256, memory.inputs(video), paired[video.video_id][1]
            )
            for video in progress(extracted, "features", total=len(files))
        ]
    logger.info("%d of %d videos are held in memory", memory.n_held, len(narrated))
    narrated, late = without_late(narrated)
    if late and processes.leads:
        report_late(late, found, folder / REFUSED_NAME)
    return narrated


def pairs_of(
    files: Mapping[str, Path], narration: Mapping[str, tuple[Sentence, ...]], where: str
) -> dict[str, Pair]:
    """Return file and sentences of each video that has both, in the order of their ids.

    Collections of captions write `v_` before an id; a file is also found without it.

    Raises:
        InputError: no video has both.
    """
    spoken = {v.removeprefix("v_"): found for v, found in narration.items()} | dict(narration)
    shared = {v: (files[v], spoken[v]) for v in sorted(files.keys() & spoken.keys())}
    if not shared:
        raise InputError(
            f"{where} share no video_id ({next(iter(narration))!r}, ... and "
            f"{next(iter(files))!r}, ...); file names without suffix are the ids"
        )
    logger.info(
        "%d videos have narration; %d files and %d transcripts stand alone",
        len(shared), len(files) - len(shared), len(narration) - len(shared),
    )  # fmt: skip
    return shared


def listed(paired: Mapping[str, Pair], only: Path) -> dict[str, Pair]:
    """Return the pairs of the videos that a list names; those that have none are counted.

    Raises:
        InputError: the list cannot be read, or none of its videos is there.
    """
    wanted = read_video_list(only)
    missing = [video_id for video_id in wanted if video_id not in paired]
    if len(missing) == len(wanted):
        raise InputError(f"{only}: none of its {len(wanted)} videos has a file and narration")
    if missing:
        logger.warning(
            "%d of %d listed videos have no file or no narration, such as %s",
            len(missing), len(wanted), missing[0],
        )  # fmt: skip
    return {video_id: paired[video_id] for video_id in sorted(set(wanted) - set(missing))}


def report_problems(found: Transcripts, path: Path) -> None:
    """Log what was refused and passed over, and write every refused row to a file."""
    for note in found.notes:
        logger.info("%s", note)
    if not found.problems:
        path.unlink(missing_ok=True)  # an earlier run's
        return
    for problem in found.problems[:N_REFUSED_SHOWN]:
        logger.warning("%s", problem)
    _write_lines(path, found.problems)
    logger.warning("%d rows of the narration were refused: %s", len(found.problems), path)


def report_late(late: Sequence[str], found: Transcripts, path: Path) -> None:
    """Log whose sentences begin after the video, and add them to the file of refused rows."""
    for line in late[:N_REFUSED_SHOWN]:
        logger.warning("%s", line)
    _write_lines(path, (*found.problems, *late))
    logger.warning("%d videos end before their narration: %s", len(late), path)


def threshold_sources(settings: InferenceSettings) -> dict[str, str]:
    """Return for each threshold, and the box's sides, whether it is `set` or `default` (R26)."""
    return {name: "default" if getattr(settings, name) is None else "set" for name in CALIBRATED}


def newly_set(before: InferenceSettings, after: InferenceSettings) -> dict[str, str]:
    """Return as `set` those of the same values that a command changed in a checkpoint."""
    return {
        name: "set"
        for name in CALIBRATED
        if getattr(after, name) not in (None, getattr(before, name))
    }


def finish(folder: Path, checkpoint: Checkpoint, n_steps: int) -> Checkpoint:
    """Save the checkpoint and its model card; its validation figures go to the metrics."""
    figures = checkpoint.trained_on.get("validation")
    if figures:
        add_line(folder / METRICS_NAME, {"step": n_steps, "validation": figures})
    saved = save_checkpoint(folder, checkpoint)
    _write_lines(folder / CARD_NAME, model_card(saved).splitlines())
    (folder / RESUME_NAME).unlink(missing_ok=True)
    logger.info("checkpoint %s in %s", saved.digest[:12], folder)
    return saved


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with tables.replaced_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
