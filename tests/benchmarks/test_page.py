from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks/page.py"


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium on this machine")
def test_the_page_benchmark_times_each_answer_in_a_real_browser():
    result = subprocess.run(
        [sys.executable, str(BENCHMARK), "--frames", "5", "--think", "0.2", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout.splitlines()[-1])
    for figures in (found, found["throttled"]):
        assert figures["frames"] == 5
        assert 0 < figures["dot_p50_ms"] <= figures["next_frame_p50_ms"]
        assert 80 <= figures["next_frame_p50_ms"] <= figures["next_frame_p95_ms"] < 5000
        assert 0 < figures["bytes_a_frame"] < 4096
