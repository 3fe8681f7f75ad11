from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks/frames.py"


def test_the_frames_benchmark_reads_every_number_back():
    command = [sys.executable, str(BENCHMARK), "--seconds", "2", "--pairs", "1", "--json"]
    result = subprocess.run(
        [*command, "--only", "H.264 MP4", "--only", "H.264 MP4, turned"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["wrong_frames"] == 0
    assert [(row["frames"], row["reader"]) for row in found["kinds"]] == [(2, "pyav")] * 2
