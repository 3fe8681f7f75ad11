from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks/build.py"


def test_the_build_benchmark_measures_a_build_of_the_size_asked_for():
    result = subprocess.run(
        [sys.executable, str(BENCHMARK), "--frames", "60", "--times", "2", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout.splitlines()[-1])
    assert (found["frames"], found["answers"]) == (60, 300)
    assert found["seconds"] > 0
    assert 20 < found["peak_mb"] < 1000
    assert (found["times"]["frames"], found["times"]["answers"]) == (120, 600)
    assert found["ratios"]["frames"] == 2
