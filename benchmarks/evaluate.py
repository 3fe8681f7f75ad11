"""How long `evaluate` takes on a benchmark of GroundingYouTube's size, and how much memory.

A release and the predictions of one system are generated and written to files. Then a program of
its own, on one core, reads both files and scores the system in every metric, without and with
intervals; reading is timed apart.

    python benchmarks/evaluate.py [--videos N] [--replicates N] [--json]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from generated_tubes import write_generated

from dataset_builder.predictions import read_predictions
from dataset_builder.release import read_release
from stg_model.evaluation import IntervalSettings, evaluate

STEPS = {
    "reading the release": "release_",
    "reading the predictions": "file_",
    "scoring": "",
    "scoring with intervals": "intervals_",
}
"""Prefix of each step's figures."""


def peak_mb() -> float:
    """Return the most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def measure(folder: Path, replicates: int) -> dict[str, Any]:
    """Read what `write_generated` wrote and score it; return seconds and peaks."""
    found: dict[str, Any] = {}

    def timed(what: str, act: Callable[[], Any]) -> Any:
        started, cpu_started = time.perf_counter(), time.process_time()
        result = act()
        found[f"{what}seconds"] = round(time.perf_counter() - started, 2)
        found[f"{what}cpu_seconds"] = round(time.process_time() - cpu_started, 2)
        found[f"{what}peak_mb"] = peak_mb()
        return result

    release = timed("release_", lambda: read_release(folder / "release"))
    predictions = timed("file_", lambda: read_predictions(folder / "predictions.jsonl"))
    report = timed("", lambda: evaluate(release, predictions))
    if replicates:
        settings = IntervalSettings(replicates)
        timed("intervals_", lambda: evaluate(release, predictions, intervals=settings))
    (row,) = report.systems
    if row.missing:
        raise SystemExit(f"not every metric was scored: {dict(row.missing)}")
    return {
        "tubes": row.counts["true_tubes"],
        "predictions": row.counts["tubes"],
        "records": row.counts["records"],
        "metrics": len(row.metrics),
        "replicates": replicates,
    } | found


@click.command()
@click.option("--videos", default=250, show_default=True, help="Videos of 5 minutes.")
@click.option("--replicates", default=1000, show_default=True, help="0: no intervals.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option("--folder", type=click.Path(path_type=Path), hidden=True, help="Score this folder.")
def main(*, videos: int, replicates: int, as_json: bool, folder: Path | None) -> None:
    """Score a generated system on one core and print time and memory."""
    if folder:
        click.echo(json.dumps(measure(folder, replicates)))
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as made:
        write_generated(Path(made), videos)
        command = [sys.executable, __file__, "--folder", made, "--replicates", str(replicates)]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    outcome = json.loads(result.stdout)
    names = ("tubes", "predictions", "records", "metrics", "replicates")
    click.echo(", ".join(f"{outcome[name]:,} {name}" for name in names))
    click.echo(f"{'':24} {'seconds':>8} {'CPU s':>7} {'peak MB':>8}")
    for what, prefix in STEPS.items():
        if f"{prefix}seconds" in outcome:
            figures = (outcome[prefix + name] for name in ("seconds", "cpu_seconds", "peak_mb"))
            click.echo("{:24} {:>8.2f} {:>7.2f} {:>8.1f}".format(what, *figures))
    if as_json:
        click.echo(json.dumps(outcome))


if __name__ == "__main__":
    main()
