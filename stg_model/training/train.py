"""The training loop: AdamW, a rate that rises and falls, both losses, a state to go on from.

`train` sees narration only: no click, box or action label enters it. `teach` is the loop itself,
which fine-tuning shares. Everything random is a function of the seed and the step.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from dataset_builder import tables
from dataset_builder.console import progress
from stg_model.errors import TrainingError
from stg_model.features.encoder import Encoder
from stg_model.network.model import Clips, GroundingModel
from stg_model.settings import Settings, TrainingSettings
from stg_model.training.checkpoint import build_model, load_progress, save_progress
from stg_model.training.dataset import NarratedClips, NarratedVideo, made_ahead, moved
from stg_model.training.processes import ALONE, Processes, device_of
from stg_model.training.run_log import RunLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a batch is worth: losses, whose sum is trained on, and more figures for the metrics."""

    losses: Mapping[str, Tensor]
    figures: Callable[[], dict[str, float]] = dict


class Lesson(Protocol):
    """What is taught: batches that depend on the step alone, and what a model makes of one."""

    def batch(self, step: int) -> tuple[Any, Sequence[str]]:
        """Make a step's batch, and a name for each of its clips; a thread calls this."""

    def marks(self, model: Any, batch: Any, step: int) -> Marks:
        """Return the losses of a batch."""


@dataclass(frozen=True, slots=True)
class Narration:
    """The lesson of `train`: the two losses of a batch of narrated clips."""

    clips: NarratedClips
    settings: Settings
    processes: Processes

    def batch(self, step: int) -> tuple[Clips, Sequence[str]]:
        """Draw a batch."""
        return self.clips.batch(step)

    def marks(self, model: GroundingModel, batch: Clips, step: int) -> Marks:
        """Return both losses; in the warm-up nothing is selected by untrained projections."""
        training = self.settings.training
        found = model(
            moved(batch, next(model.parameters()).device),
            self.processes.shared(training.local_batch, "training.local_batch"),
            select=step >= self.settings.selection.warmup * training.steps,
            generator=torch.Generator().manual_seed(training.seed + step),
            together=self.processes.together,
        )
        losses = {"loss_global": found.global_loss, "loss_local": found.local_loss}
        return Marks(losses, found.diagnostics)


def train(
    folder: Path,
    videos: Sequence[NarratedVideo],
    encoder: Encoder,
    settings: Settings,
    processes: Processes = ALONE,
) -> GroundingModel:
    """Train a model, or go on where a cut run with the same inputs stopped.

    Args:
        folder: receives metrics.jsonl, tensorboard/, curves.png and, while the run lasts,
            resume.pt.
        videos: the narrated videos.
        encoder: reads the sentences; has listened to them.
        settings: all settings; the seed fixes weights and batches.
        processes: those that share the batches.

    Returns:
        The trained model in evaluation mode, on the CPU.

    Raises:
        TrainingError: too few videos, or a loss that is not finite (the clips are named).
        CheckpointError: the folder holds the state of another run.
    """
    clips = NarratedClips(videos, encoder, settings.training, processes)
    with repeatable(settings.training.seed):
        model = build_model(settings, encoder)
        groups = parameter_groups(model, settings.training)
        lesson = Narration(clips, settings, processes)
        run = run_name(settings, videos)
        teach(folder, model, groups, lesson, settings=settings, run=run, processes=processes)
    return model


def teach(
    folder: Path,
    model: torch.nn.Module,
    groups: list[dict[str, Any]],
    lesson: Lesson,
    *,
    settings: Settings,
    run: str,
    processes: Processes,
) -> None:
    """Take the steps that are still to do; the model is left in evaluation mode, on the CPU.

    Args:
        folder: see `train`.
        model: what is trained.
        groups: its parameters as AdamW takes them; `lr` is each group's peak rate.
        lesson: batches and losses.
        settings: of which `training` counts.
        run: names everything that the outcome depends on; only a run of this name is gone on with.
        processes: those that share the batches.

    Raises:
        TrainingError, CheckpointError: see `train`.
    """
    training = settings.training
    model.to(device_of(training.device)).train()
    optimiser = torch.optim.AdamW(groups, weight_decay=training.weight_decay)
    peaks = [group["lr"] for group in optimiser.param_groups]
    done = load_progress(folder, model, optimiser, run)
    if done:
        logger.info("going on after step %d of an unfinished run", done)
    log = RunLog(folder, done, tensorboard=training.tensorboard) if processes.leads else None
    steps = range(done, training.steps)
    batches = made_ahead(lesson.batch, steps, training.prefetch)
    if processes.leads:
        batches = progress(batches, "train", total=len(steps))
    asked_s = time.perf_counter()
    for step, (batch, names) in batches:
        started_s = time.perf_counter()
        factor = rate_factor(step, training)
        for group, peak in zip(optimiser.param_groups, peaks, strict=True):
            group["lr"] = peak * factor
        marks = lesson.marks(model, batch, step)
        total = torch.stack(list(marks.losses.values())).sum()
        _require_finite(total, "loss", step, names)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        processes.sum_gradients(list(model.parameters()))
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
        _require_finite(norm, "gradient", step, names)
        optimiser.step()
        last = step == steps[-1]
        if log and (last or step % training.log_every == 0):
            losses = {name: loss.item() for name, loss in marks.losses.items()}
            now_s = time.perf_counter()
            log.add(
                {"step": step, **losses, "lr": peaks[0] * factor, "grad_norm": norm.item()}
                | {"seconds": now_s - asked_s, "waited_s": started_s - asked_s}
                | marks.figures()
            )
        if processes.leads and (last or (step + 1) % training.save_every == 0):
            save_progress(folder, model, optimiser, step + 1, run)
        asked_s = time.perf_counter()
    if log:
        log.close()
    model.cpu().eval()


def rate_factor(step: int, settings: TrainingSettings) -> float:
    """Share of the peak learning rate at a step: a linear rise, then half a cosine down to 0."""
    n_rising = max(1, round(settings.rate_warmup * settings.steps))
    if step < n_rising:
        return (step + 1) / n_rising
    falling = (step - n_rising) / max(1, settings.steps - n_rising)
    return 0.5 * (1 + math.cos(math.pi * falling))


def parameter_groups(model: GroundingModel, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Return the trainable parameters with their peak rates: words learn faster than the rest."""
    words = [p for p in model.textual.parameters() if p.requires_grad]
    others = [
        p
        for name, p in model.named_parameters()
        if p.requires_grad and not name.startswith("textual.")
    ]
    rate = settings.learning_rate
    groups = ((others, rate), (words, rate * settings.word_rate_factor))
    return [{"params": params, "lr": peak} for params, peak in groups if params]


def run_name(settings: Settings, videos: Sequence[NarratedVideo], *more: str) -> str:
    """Return a digest of everything that a run's outcome depends on; `more` are other inputs."""
    content = {
        "settings": settings.digest,
        "more": more,
        "videos": {
            v.video_id: [v.source_sha256, [[s.start_s, s.end_s, s.text] for s in v.sentences]]
            for v in videos
        },
    }
    return tables.sha256_bytes(tables.canonical_json(content).encode())


@contextlib.contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Seed torch and allow only repeatable kernels; both are put back afterwards."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)


def _require_finite(value: Tensor, what: str, step: int, names: Sequence[str]) -> None:
    if not torch.isfinite(value):
        raise TrainingError(
            f"step {step}: the {what} is {value.item()}; lower training.learning_rate, raise "
            "loss.temperature or network.cross_temperature where they are small, or look at the "
            f"clips of this batch: {'; '.join(names)}"
        )
