"""A small Dask cluster for tests: scheduler and workers are real processes, on loopback alone."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ON_LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")
PATIENCE_S = 60


@dataclass(frozen=True)
class DaskCluster:
    """A running cluster; its `workers` are not started again when they die."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: Sequence[subprocess.Popen[bytes]]


@contextlib.contextmanager
def dask_cluster(folder: Path, n_workers: int = 2, **settings: str) -> Iterator[DaskCluster]:
    """Yield a cluster with workers of one thread each; its files and logs go into `folder`.

    Args:
        folder: an existing folder.
        n_workers: worker processes.
        settings: Dask's own, as in its environment variables without `DASK_DISTRIBUTED__`.
    """
    changed = {f"DASK_DISTRIBUTED__{name}": value for name, value in settings.items()}
    environment = {**os.environ, **changed, "PYTHONPATH": str(ROOT)}
    file = folder / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", name, *ON_LOOPBACK, *arguments]
        with (folder / f"{len(started)}.log").open("wb") as log:
            started.append(
                subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            )
        return started[-1]

    try:
        scheduler = start("scheduler", "--port", "0", "--scheduler-file", str(file))
        # Workers wait for the file themselves.
        worker = ("--scheduler-file", str(file), "--nthreads", "1", "--no-nanny")
        workers = [start("worker", *worker) for _ in range(n_workers)]
        yield DaskCluster(_address(file, scheduler), scheduler, workers)
    finally:
        for process in started:
            process.kill()
            process.wait()


def _address(file: Path, scheduler: subprocess.Popen[bytes]) -> str:
    """Return where the scheduler listens, as soon as it has said so."""
    for _ in range(PATIENCE_S * 20):
        with contextlib.suppress(FileNotFoundError, ValueError):
            return str(json.loads(file.read_text())["address"])
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the scheduler ended with {scheduler.wait(0.05)}")
    raise AssertionError(f"no scheduler within {PATIENCE_S} s")
