from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks/evaluate.py"


def test_the_evaluation_benchmark_scores_every_metric_without_and_with_intervals():
    result = subprocess.run(
        [sys.executable, str(BENCHMARK), "--videos", "4", "--replicates", "100", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout.splitlines()[-1])
    assert (found["predictions"], found["replicates"]) == (400, 100)
    assert found["tubes"] == 80
    assert found["metrics"] >= 25
    for step in ("release_", "file_", "", "intervals_"):
        assert found[f"{step}seconds"] > 0
        assert 20 < found[f"{step}peak_mb"] < 1000
