"""Do the runs of a study: each once, several at a time, going on where a cut study stopped.

    OUT/worlds/w<seed>/            a rendered world, and the features read of it
    OUT/runs/w<seed>-baselines.json
    OUT/runs/w<seed>-m<seed>-<variant>-<digest>.json

A run's file holds the digest of everything that decided it, of which its name has eight digits: a
shorter study, or one of other settings, writes beside it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_builder import cluster
from stg_model.study.differences import Cell
from stg_model.study.runs import (
    Finished,
    Run,
    baselines_digest,
    do_baselines,
    do_run,
    load_finished,
    save_finished,
)
from stg_model.study.settings import Study
from stg_model.study.variants import REFERENCE, TABLES, Variant
from stg_model.world import render_world

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Results:
    """What a study found: by variant its runs, and the baselines, by world.

    Variants whose settings are the same share their runs.
    """

    runs: Mapping[Variant, Mapping[Cell, Finished]]
    baselines: Mapping[int, Finished]


def variants_of(study: Study) -> list[Variant]:
    """Return every variant that the study's tables need, the reference first."""
    rows = [row for name in study.plan.tables for row in TABLES[name].variants]
    return [REFERENCE, *rows]


def conduct(study: Study, out: Path, processes: int = 1) -> Results:
    """Render the worlds, do the runs that are missing, return all of them.

    Args:
        study: what to run.
        out: the study's folder.
        processes: runs at once; each takes one processor.

    Raises:
        ModelError, DatasetError: a run that fails ends the study; what is done is kept.
    """
    for world in study.worlds:
        render_world(world_folder(out, world.seed), world, processes=processes)
    for world in study.worlds:
        path = out / "runs" / f"w{world.seed}-baselines.json"
        if load_finished(path, baselines_digest(world)) is None:
            save_finished(path, do_baselines(world, world_folder(out, world.seed)))
    todo = missing(study, out)
    workers = cluster.Workers(processes)
    left = dict(todo)
    for (path, _), found in cluster.map_items(_do, todo, workers, what="runs"):
        save_finished(path, found)
        del left[path]
        n_done = len(todo) - len(left)
        how_long = told(estimate(out, list(left.values())))
        logger.info("%s: %d of %d runs; %s", path.stem, n_done, len(todo), how_long)
    return collect(study, out)


def world_folder(out: Path, seed: int) -> Path:
    """Return where a world of the study stands."""
    return out.resolve() / "worlds" / f"w{seed}"


def runs_of(study: Study, out: Path) -> Iterator[tuple[Path, Run]]:
    """Yield every run once with its file, seed by seed, so that a cut study has whole seeds."""
    seen: set[str] = set()
    for run in _all_runs(study, out):
        if run.digest not in seen:
            seen.add(run.digest)
            yield _path(out, run), run


def missing(study: Study, out: Path) -> list[tuple[Path, Run]]:
    """Return the runs that have no file yet, or one of other settings."""
    return [
        (path, run) for path, run in runs_of(study, out) if load_finished(path, run.digest) is None
    ]


def collect(study: Study, out: Path) -> Results:
    """Return the runs that are done, whichever variant they were done for."""
    loaded = ((run.digest, load_finished(path, run.digest)) for path, run in runs_of(study, out))
    by_digest = {digest: found for digest, found in loaded if found}
    runs: dict[Variant, dict[Cell, Finished]] = {variant: {} for variant in variants_of(study)}
    for run in _all_runs(study, out):
        if run.digest in by_digest:
            runs[run.variant][run.world.seed, run.seed] = by_digest[run.digest]
    baselines = {}
    for world in study.worlds:
        path = out / "runs" / f"w{world.seed}-baselines.json"
        if found := load_finished(path, baselines_digest(world)):
            baselines[world.seed] = found
    return Results(runs, baselines)


def estimate(out: Path, runs: Sequence[Run]) -> float | None:
    """Return how many processor seconds some runs will take, judged by those that are done.

    A run costs what the finished ones of its variant cost on average, or else those of all
    variants: so much for each step, and so much for all the rest.

    Returns:
        Seconds; None where no run is done.
    """
    done: dict[str, list[Finished]] = {}
    for path in sorted((out / "runs").glob("w*-m*.json")):
        if found := load_finished(path):
            done.setdefault(_slug_of(path), []).append(found)
    everything = [found for mine in done.values() for found in mine]
    if not everything:
        return None
    return sum(_cost(done.get(_slug(run.variant), everything), run) for run in runs)


def outlook(study: Study, out: Path) -> str:
    """Say how many runs of a study are missing and what they will take."""
    runs = [run for _, run in missing(study, out)]
    return f"{len(runs)} runs, {told(estimate(out, runs))}"


def told(seconds: float | None) -> str:
    """Say how much time a number of processor seconds is.

    >>> told(5000.0), told(None)
    ('about 1.4 processor hours left', 'no run done yet to judge by')
    """
    if seconds is None:
        return "no run done yet to judge by"
    if seconds < 3600:
        return f"about {seconds / 60:.0f} processor minutes left"
    return f"about {seconds / 3600:.1f} processor hours left"


def _all_runs(study: Study, out: Path) -> Iterator[Run]:
    for seed in range(study.plan.model_seeds):
        for variant in variants_of(study):
            for world in study.worlds:
                yield Run(variant, study.model, seed, world, world_folder(out, world.seed))


def _do(item: tuple[Path, Run]) -> Finished:
    return do_run(item[1])


def _cost(known: Sequence[Finished], run: Run) -> float:
    n_steps = sum(found.steps for found in known)
    a_step_s = sum(found.training_s for found in known) / n_steps if n_steps else 0.0
    rest_s = sum(found.other_s for found in known) / len(known)
    steps = 0 if run.variant.narration == "unheard" else run.settings.training.steps
    return rest_s + steps * a_step_s


def _path(out: Path, run: Run) -> Path:
    name = f"w{run.world.seed}-m{run.seed}-{_slug(run.variant)}-{run.digest[:8]}.json"
    return out / "runs" / name


def _slug_of(path: Path) -> str:
    return path.stem.split("-", 2)[2].rpartition("-")[0]


def _slug(variant: Variant) -> str:
    """Return a file name's part that tells the variants apart.

    >>> _slug(Variant("sinkhorn, round_robin", ("selection.readout=round_robin",)))
    'sinkhorn-round-robin'
    """
    return re.sub(r"[^a-z0-9]+", "-", variant.name.lower())
