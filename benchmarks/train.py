"""What one training step costs: the default form of the local scores against the plain one.

A step is selection, forward and backward of both losses on stored tokens of CLIP's layout: of 16
candidate frames 8 are chosen by Sinkhorn, with 49 regions each, 20 words, D = 512, and the layers
of the released training code. Times are CPU seconds of one thread, the forms in turns, the median
of several steps; memory is the peak of a process of its own, above what it held before the step.
Where a GPU is at hand, a batch of 512 is also run on it, in bfloat16.

    python benchmarks/train.py [--batch N] [--large-batch N] [--repeats N] [--json]
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from stg_model.features.encoder import StoredFrames, StoredTexts
from stg_model.network.model import Clips, GroundingModel
from stg_model.network.tokens import Texts
from stg_model.settings import Settings

N_CANDIDATES, N_FRAMES, N_REGIONS, N_WORDS, DIM = 16, 8, 49, 20, 512
FORMS = ("plain", "cheap")
GPU_BATCH = 512
GPU_MEMORY_MB = 20_000
GPU_REPEATS = 5
MB = 1e6


def settings_of(form: str, **network: Any) -> Settings:
    """Return the released training code's layers with a form of the local scores."""
    settings = Settings()
    layers = replace(
        settings.network,
        dim=DIM,
        cross_attention="dot_scaled",
        self_attention_scope="clip",
        second_cross_residual=True,
        normalise_scores=False,
        form=form,
        **network,
    )
    return replace(
        settings,
        network=layers,
        selection=replace(settings.selection, n_frames=N_FRAMES),
        loss=replace(settings.loss, temperature=1.0),
    )


def model_of(settings: Settings) -> GroundingModel:
    """Return a model on stored tokens with seeded weights."""
    torch.manual_seed(0)
    return GroundingModel(StoredFrames(), StoredTexts(), settings, token_dim=DIM, word_dim=DIM)


def clips_of(n_clips: int, device: str = "cpu") -> Clips:
    """Return random clips with sentences of 3 to 20 words, of unit variance as CLIP's tokens."""
    generator = torch.Generator().manual_seed(1)
    n_words = torch.randint(3, N_WORDS + 1, (n_clips, 1), generator=generator)
    n_words[0] = N_WORDS
    texts = Texts(
        torch.randn(n_clips, N_WORDS, DIM, generator=generator),
        torch.arange(N_WORDS)[None] < n_words,
        torch.randn(n_clips, DIM, generator=generator),
    )
    frames = torch.randn(n_clips, N_CANDIDATES, 1 + N_REGIONS, DIM, generator=generator)
    mask = torch.ones(n_clips, N_CANDIDATES, dtype=torch.bool)
    where = torch.device(device)
    return Clips(
        frames.to(where), mask.to(where), texts.to(where), torch.arange(n_clips, device=where)
    )


def step(model: GroundingModel, clips: Clips) -> float:
    """Do the forward and backward pass of a step; return the loss."""
    model.zero_grad(set_to_none=True)
    losses = model(clips, len(clips.video_B))
    losses.total.backward()
    return losses.total.item()


def cpu_seconds(n_clips: int, repeats: int) -> dict[str, Any]:
    """Time the forms in turns; both must find the same loss."""
    torch.set_num_threads(1)
    clips = clips_of(n_clips)
    models = {form: model_of(settings_of(form)) for form in FORMS}
    losses = {form: step(model, clips) for form, model in models.items()}
    if abs(losses["cheap"] / losses["plain"] - 1) > 1e-4:
        raise SystemExit(f"the forms disagree: {losses}")
    spent: dict[str, list[float]] = {form: [] for form in FORMS}
    for _ in range(repeats):
        for form, model in models.items():
            started = time.process_time()
            step(model, clips)
            spent[form].append(time.process_time() - started)
    return {form: statistics.median(values) for form, values in spent.items()} | {
        f"{form}_range": [min(values), max(values)] for form, values in spent.items()
    }


def peak_mb() -> float:
    """Return the most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MB if sys.platform == "darwin" else MB / 1024)


def held_mb() -> float:
    """Return the memory that this process holds now; where nothing says so, the peak so far."""
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        return peak_mb()
    return int(statm.read_text().split()[1]) * resource.getpagesize() / MB


def memory(n_clips: int, form: str) -> dict[str, float]:
    """Return the peak of one step, whole and above what the process held before, and its time."""
    torch.set_num_threads(1)
    clips, model = clips_of(n_clips), model_of(settings_of(form))
    before_mb, started = held_mb(), time.process_time()
    step(model, clips)
    return {
        "above_base_mb": peak_mb() - before_mb,
        "peak_mb": peak_mb(),
        "cpu_seconds": time.process_time() - started,
    }


def gpu_step(n_clips: int, form: str) -> dict[str, float]:
    """Time a step on the GPU; a form that does not fit has no figures."""
    settings = settings_of(form, precision="bfloat16", local_memory_mb=GPU_MEMORY_MB)
    clips, model = clips_of(n_clips, "cuda"), model_of(settings).cuda()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    try:
        with FlopCounterMode(display=False) as counter:
            step(model, clips)
    except torch.cuda.OutOfMemoryError:
        return {}
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(GPU_REPEATS):
        step(model, clips)
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - started) / GPU_REPEATS
    return {
        "clips_per_s": n_clips / seconds,
        "peak_mb": (torch.cuda.max_memory_allocated() - before) / MB,
        "share_of_peak": counter.get_total_flops() / seconds / matmul_rate(),
    }


def matmul_rate(size: int = 8192) -> float:
    """Measure the GPU's operations a second on a large bfloat16 matrix product."""
    square = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    for repeats in (3, 20):  # the first round warms up
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(repeats):
            square @ square
        torch.cuda.synchronize()
        seconds = (time.perf_counter() - started) / repeats
    return 2 * size**3 / seconds


def elsewhere(what: str, *values: Any) -> dict[str, Any]:
    """Call one of the functions above in a process of its own."""
    command = [sys.executable, __file__, "--only", json.dumps([what, *values])]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@click.command()
@click.option("--batch", default=8, show_default=True, help="Clips of the compared step.")
@click.option("--large-batch", default=64, show_default=True, help="0: none.")
@click.option("--repeats", default=5, show_default=True, help="Timed steps of each form.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option("--only", hidden=True, help="Do one measurement, for a process of its own.")
def main(*, batch: int, large_batch: int, repeats: int, as_json: bool, only: str | None) -> None:
    """Measure a training step in both forms."""
    if only:
        what, *values = json.loads(only)
        measure = {"time": cpu_seconds, "memory": memory, "gpu": gpu_step}[what]
        click.echo(json.dumps(measure(*values)))
        return
    spent = elsewhere("time", batch, repeats)
    held = {form: elsewhere("memory", batch, form) for form in FORMS}
    click.echo(f"{'':24} {'CPU s a step':>12} {'from':>7} {'to':>7} {'MB above base':>13}")
    for form in FORMS:
        figures = (spent[form], *spent[f"{form}_range"], held[form]["above_base_mb"])
        click.echo(
            f"{f'{form}, batch {batch}':24} {figures[0]:>12.3f} {figures[1]:>7.3f} "
            f"{figures[2]:>7.3f} {figures[3]:>13.0f}"
        )
    outcome: dict[str, Any] = {
        "clips_per_s": batch / spent["cheap"],
        "peak_mb": held["cheap"]["above_base_mb"],
        "memory_ratio_to_plain": held["plain"]["above_base_mb"] / held["cheap"]["above_base_mb"],
        "speed_ratio_to_plain": spent["plain"] / spent["cheap"],
    }
    click.echo(
        f"cheap needs {outcome['speed_ratio_to_plain']:.1f} times less CPU time and "
        f"{outcome['memory_ratio_to_plain']:.1f} times less memory"
    )
    if large_batch:
        large = elsewhere("memory", large_batch, "cheap")
        click.echo(
            f"cheap, batch {large_batch}: {large['cpu_seconds']:.1f} CPU s, {large['peak_mb']:.0f} "
            "MB at the peak, the process included"
        )
        outcome |= {f"large_{name}": value for name, value in large.items()}
    outcome["gpu"] = gpu() if torch.cuda.is_available() else None
    if as_json:
        click.echo(json.dumps(outcome))


def gpu() -> dict[str, Any]:
    """Measure both forms on the GPU and print them."""
    outcome = {form: elsewhere("gpu", GPU_BATCH, form) for form in FORMS}
    name = torch.cuda.get_device_name()
    for form, figures in outcome.items():
        text = "does not fit"
        if figures:
            text = (
                f"{figures['clips_per_s']:.0f} clips/s, {figures['peak_mb']:.0f} MB, "
                f"{figures['share_of_peak']:.0%} of a matrix product's rate"
            )
        click.echo(f"{name}, {form}, batch {GPU_BATCH}: {text}")
    return outcome | {"name": name}


if __name__ == "__main__":
    main()
