from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks/train.py"


def test_the_training_benchmark_measures_both_forms_and_a_large_batch():
    sizes = ["--batch", "2", "--large-batch", "3", "--repeats", "1"]
    result = subprocess.run(
        [sys.executable, str(BENCHMARK), *sizes, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout.splitlines()[-1])
    for name in ("clips_per_s", "peak_mb", "memory_ratio_to_plain", "speed_ratio_to_plain"):
        assert found[name] > 0
    assert found["large_peak_mb"] > found["large_above_base_mb"] > 0
    assert "gpu" in found
    assert "cheap, batch 3" in result.stdout
