"""The training loop: AdamW, a rate that rises and falls, both losses, a state to go on from.

Only narration is seen: no click, box or action label enters here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from dataset_builder import tables
from dataset_builder.console import progress
from stg_model.errors import TrainingError
from stg_model.features.encoder import Encoder
from stg_model.network.model import GroundingModel
from stg_model.settings import Settings, TrainingSettings
from stg_model.training.checkpoint import build_model, load_progress, save_progress
from stg_model.training.dataset import NarratedClips, NarratedVideo

logger = logging.getLogger(__name__)

METRICS_NAME = "metrics.jsonl"


def train(
    folder: Path,
    videos: Sequence[NarratedVideo],
    encoder: Encoder,
    settings: Settings,
) -> GroundingModel:
    """Train a model, or go on where a cut run with the same inputs stopped.

    Args:
        folder: receives metrics.jsonl and, while the run lasts, resume.pt.
        videos: the narrated videos.
        encoder: reads the sentences; has listened to them.
        settings: all settings; the seed fixes weights and batches.

    Returns:
        The trained model in evaluation mode.

    Raises:
        TrainingError: too few videos, or a loss that is not finite (the clips are named).
        CheckpointError: the folder holds the state of another run.
    """
    clips = NarratedClips(videos, encoder, settings.training)
    with _repeatable(settings.training.seed):
        model = build_model(settings, encoder).train()
        optimiser = _optimiser(model, settings.training)
        run = run_name(settings, videos)
        done = load_progress(folder, model, optimiser, run)
        if done:
            logger.info("going on after step %d of an unfinished run", done)
        _keep_metrics(folder / METRICS_NAME, done)
        steps = range(done, settings.training.steps)
        for step in progress(steps, "train", total=len(steps)):
            record = _step(model, optimiser, clips, settings, step)
            if step % settings.training.log_every == 0 or step == steps[-1]:
                _write_metrics(folder / METRICS_NAME, record)
            if (step + 1) % settings.training.save_every == 0 or step == steps[-1]:
                save_progress(folder, model, optimiser, step + 1, run)
    return model.eval()


def rate_factor(step: int, settings: TrainingSettings) -> float:
    """Share of the peak learning rate at a step: a linear rise, then half a cosine down to 0."""
    n_rising = max(1, round(settings.rate_warmup * settings.steps))
    if step < n_rising:
        return (step + 1) / n_rising
    falling = (step - n_rising) / max(1, settings.steps - n_rising)
    return 0.5 * (1 + math.cos(math.pi * falling))


def run_name(settings: Settings, videos: Sequence[NarratedVideo]) -> str:
    """Return a digest of everything that a run's outcome depends on."""
    content = {
        "settings": settings.digest,
        "videos": {
            v.video_id: [v.source_sha256, [[s.start_s, s.end_s, s.text] for s in v.sentences]]
            for v in videos
        },
    }
    return tables.sha256_bytes(tables.canonical_json(content).encode())


def _step(
    model: GroundingModel,
    optimiser: torch.optim.Optimizer,
    clips: NarratedClips,
    settings: Settings,
    step: int,
) -> dict[str, float]:
    started_s = time.perf_counter()
    factor = rate_factor(step, settings.training)
    for group in optimiser.param_groups:
        group["lr"] = group["peak_rate"] * factor
    batch, names = clips.batch(step)
    losses = model(
        batch,
        settings.training.local_batch,
        select=step >= settings.selection.warmup * settings.training.steps,
        generator=torch.Generator().manual_seed(settings.training.seed + step),
    )
    if not torch.isfinite(losses.total):
        raise TrainingError(
            f"step {step}: the loss is {losses.total.item()}; lower training.learning_rate or look "
            f"at the clips of this batch: {'; '.join(names)}"
        )
    optimiser.zero_grad(set_to_none=True)
    losses.total.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.training.gradient_clip)
    optimiser.step()
    return {
        "step": step,
        "loss_global": losses.global_loss.item(),
        "loss_local": losses.local_loss.item(),
        "lr": settings.training.learning_rate * factor,
        "grad_norm": norm.item(),
        "seconds": time.perf_counter() - started_s,
    }


def _optimiser(model: GroundingModel, settings: TrainingSettings) -> torch.optim.AdamW:
    words = list(model.textual.parameters())
    others = [p for name, p in model.named_parameters() if not name.startswith("textual.")]
    rates = (settings.learning_rate, settings.learning_rate * settings.word_rate_factor)
    groups = [
        {"params": params, "lr": rate, "peak_rate": rate}
        for params, rate in zip((others, words), rates, strict=True)
    ]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)


@contextlib.contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Seed torch and allow only repeatable kernels; both are put back afterwards."""
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)


def _keep_metrics(path: Path, n_steps: int) -> None:
    """Drop the lines of steps that will be done again."""
    kept = []
    if n_steps and path.is_file():
        kept = [record for _, record in tables.read_json_lines(path) if record["step"] < n_steps]
    tables.write_json_lines(path, kept)


def _write_metrics(path: Path, record: dict[str, float]) -> None:
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")
    logger.debug("%s", record)
