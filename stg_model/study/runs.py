"""One run of a study: train a variant on a world, score it on that world's held-out videos.

A run leaves one JSON file, which names everything that decided it; a run whose file says the same
is not done again (R17).
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from dataset_builder import frames, tables
from dataset_builder.errors import InputError
from dataset_builder.predictions import Predictions, read_predictions
from dataset_builder.release import Release, read_release
from stg_model.baselines.trivial import trivial_baselines
from stg_model.evaluation.report import evaluate_all
from stg_model.features.encoders import encoder_for, whole_frames
from stg_model.features.store import VideoFeatures, extract_features
from stg_model.inference.calibration import calibrate
from stg_model.inference.predicting import ground_release
from stg_model.settings import Settings
from stg_model.study.coverage import action_auc, selection_coverage
from stg_model.study.variants import Variant
from stg_model.training.checkpoint import Checkpoint, build_model
from stg_model.training.dataset import NarratedVideo
from stg_model.training.narrations import Sentence
from stg_model.training.train import repeatable, train
from stg_model.world.narrate import narrate
from stg_model.world.scene import plan_set
from stg_model.world.settings import WorldSettings

VERSION = 2
"""Goes up when the same run gives other figures: runs done before are done again."""

Source = Literal["rollout", "global_patches", "global_shares"]
SOURCES: tuple[Source, ...] = ("rollout", "global_patches", "global_shares")
"""Where the points are read from: the local branch, and the global one in two ways."""

Figures = Mapping[str, Mapping[str, float | None]]
"""By system, its metrics."""


@dataclass(frozen=True, slots=True)
class Run:
    """A variant, a seed of the model, a world that is rendered in `folder`."""

    variant: Variant
    model: Settings
    seed: int
    world: WorldSettings
    folder: Path

    @property
    def settings(self) -> Settings:
        """The settings that the model is trained with."""
        return self.variant.settings(self.model, self.seed)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides the figures."""
        return _digest(self.world, self.settings.to_json(), self.variant.narration)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run found.

    Attributes:
        digest: of what decided it.
        world_seed: which world.
        model_seed: which weights and batches; None for baselines.
        steps: of training.
        training_s: processor seconds of these steps.
        other_s: processor seconds of everything else.
        figures: metrics by system; of a model one for each of `SOURCES`.
        coverage: see `selection_coverage`.
    """

    digest: str
    world_seed: int
    model_seed: int | None
    steps: int
    training_s: float
    other_s: float
    figures: Figures
    coverage: Mapping[str, float | None]


def load_finished(path: Path, digest: str = "") -> Finished | None:
    """Return a run from its file; None where there is none, or one of another digest."""
    try:
        content = tables.read_json(path)
        found = Finished(**content)
    except (InputError, TypeError):
        return None
    return found if digest in ("", found.digest) else None


def save_finished(path: Path, found: Finished) -> None:
    """Write a run's file."""
    with tables.replaced_file(path) as temporary:
        temporary.write_text(tables.canonical_json(asdict(found)), encoding="utf-8")


def do_run(run: Run) -> Finished:
    """Train and score; one thread, so that runs side by side do not disturb each other."""
    torch.set_num_threads(1)
    started_s = time.process_time()
    settings, folder = run.settings, run.folder
    release = read_release(folder / "held-out/truth")
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint, training_s = _trained(run, Path(scratch))
        systems = [_predictions(checkpoint, s, release, run, Path(scratch)) for s in SOURCES]
    coverage = selection_coverage(checkpoint, _features(folder, "held-out", settings), run.world)
    figures = score(release, systems)
    other_s = time.process_time() - started_s - training_s
    steps = settings.training.steps if run.variant.narration != "unheard" else 0
    return Finished(
        run.digest, run.world.seed, run.seed, steps, training_s, other_s, figures, coverage
    )


def baselines_digest(world: WorldSettings) -> str:
    """SHA-256 of everything that decides the baselines' figures."""
    return _digest(world, {}, "baselines")


def do_baselines(world: WorldSettings, folder: Path) -> Finished:
    """Score the systems that have learnt nothing on a world's held-out videos."""
    started_s = time.process_time()
    release = read_release(folder / "held-out/truth")
    figures = score(release, trivial_baselines(release, folder / "held-out/videos"))
    other_s = time.process_time() - started_s
    return Finished(baselines_digest(world), world.seed, None, 0, 0.0, other_s, figures, {})


def score(release: Release, systems: list[Predictions]) -> Figures:
    """Return each system's metrics on the exact truth, and its `auc`."""
    rows = evaluate_all(release, systems).systems
    return {
        row.system.name: {**row.metrics, "auc": action_auc(release, found)}
        for row, found in zip(rows, systems, strict=True)
    }


def _digest(world: WorldSettings, settings: Any, what: str) -> str:
    content = {"version": VERSION, "world": world.to_json(), "settings": settings, "what": what}
    return tables.sha256_bytes(tables.canonical_json(content).encode())


def _trained(run: Run, scratch: Path) -> tuple[Checkpoint, float]:
    """Return the model and the processor seconds that its training took."""
    settings = run.settings
    videos = _narrated(run)
    sentences = [sentence.text for video in videos for sentence in video.sentences]
    encoder = encoder_for(settings).listen(sentences)
    with repeatable(run.seed):
        pass  # the first in a process loads more of torch; that belongs to no step
    started_s = time.process_time()
    if run.variant.narration == "unheard":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            model = build_model(settings, encoder).eval()
    else:
        model = train(scratch / "run", videos, encoder, settings)
    training_s = time.process_time() - started_s
    trained_on = {
        "n_videos": len(videos),
        "n_sentences": len(sentences),
        "transcripts_sha256": tables.sha256_file(run.folder / "train/transcripts.json"),
    }
    return Checkpoint(model, settings, whole_frames(encoder), trained_on), training_s


def _narrated(run: Run) -> list[NarratedVideo]:
    """Return the training videos; where narration is shuffled each has the next one's."""
    plans = {plan.video_id: plan for plan in plan_set(run.world, "train")}
    found = _features(run.folder, "train", run.settings)
    told = [narrate(run.world, plans[video.video_id]) for video in found]
    if run.variant.narration == "shuffled":
        told = [*told[1:], *told[:1]]
    encoder = encoder_for(run.settings)
    return [
        NarratedVideo(
            video.video_id,
            video.source_sha256,
            encoder.inputs(video.values[: video.n_seconds]),
            tuple(Sentence(s.start_s, s.end_s, s.text) for s in said),
        )
        for video, said in zip(found, told, strict=True)
    ]


@functools.lru_cache(maxsize=3)
def _read_features(folder: Path, set_name: str, settings: Settings) -> tuple[VideoFeatures, ...]:
    files = frames.find_videos(folder / set_name / "videos")
    return tuple(extract_features(files, folder / "features", encoder_for(settings)))


def _features(folder: Path, set_name: str, settings: Settings) -> tuple[VideoFeatures, ...]:
    """Return what the model reads of a set's videos; runs of one world and kind share it."""
    return _read_features(folder, set_name, replace(Settings(), features=settings.features))


def _predictions(
    checkpoint: Checkpoint, source: Source, release: Release, run: Run, scratch: Path
) -> Predictions:
    """Predict the held-out videos with thresholds, points and boxes for one source of heat."""
    settings = checkpoint.settings
    inference = replace(settings.inference, heatmap_from=source)
    shown = replace(checkpoint, settings=replace(settings, inference=inference))
    truth = read_release(run.folder / "validation/truth")
    shown = calibrate(shown, _features(run.folder, "validation", settings), truth)
    output = scratch / f"{source}.jsonl"
    ground_release(shown, run.folder / "held-out/videos", release, output, run.folder / "features")
    found = read_predictions(output)
    return replace(found, system=replace(found.system, name=source))
