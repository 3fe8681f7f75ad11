from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks/pages.py"


def test_the_pages_benchmark_asks_for_every_page_of_a_project_that_keeps_the_promises():
    result = subprocess.run(
        [sys.executable, str(BENCHMARK), "--scale", "0.01", "--repeats", "1", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout.splitlines()[-1])
    assert (found["database"], found["frames"]) == ("sqlite", 270 + 60)
    assert found["answers"] > 1_000
    paths = {page["path"].partition("?")[0] for page in found["pages"]}
    assert {"/maintain", "/maintain/people", "/review", "/maintain/audit"} <= paths
    assert all(page["median_ms"] > 0 for page in found["pages"])
