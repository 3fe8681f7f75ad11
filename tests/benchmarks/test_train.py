from __future__ import annotations

import json
import runpy
from pathlib import Path

from click.testing import CliRunner

BENCHMARK = Path(__file__).parents[2] / "benchmarks/train.py"


def test_the_training_benchmark_measures_both_forms_and_a_large_batch():
    sizes = ["--batch", "2", "--large-batch", "3", "--repeats", "1"]
    main = runpy.run_path(str(BENCHMARK))["main"]  # each measurement starts a process of its own
    result = CliRunner().invoke(main, [*sizes, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(result.stdout.splitlines()[-1])
    for name in ("clips_per_s", "peak_mb", "memory_ratio_to_plain", "speed_ratio_to_plain"):
        assert found[name] > 0
    assert found["large_peak_mb"] > found["large_above_base_mb"] > 0
    assert "gpu" in found
    assert "cheap, batch 3" in result.stdout
