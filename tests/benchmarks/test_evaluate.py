from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BENCHMARK = BENCHMARKS / "evaluate.py"


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


def test_one_seed_is_one_file_whatever_the_order_of_sets(tmp_path):
    program = (
        "import sys, pathlib, generated_tubes as g; g.write_generated(pathlib.Path(sys.argv[1]), 2)"
    )
    found = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            cwd=BENCHMARKS,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
        )
        found.append((folder / "predictions.jsonl").read_bytes())
    assert found[0] == found[1]


def test_the_table_of_the_rules_has_a_number_for_each():
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / "rules.py"), "--videos", "3"],
        capture_output=True,
        text=True,
        check=True,
    )
    names, values = zip(*(line.rsplit(": ", 1) for line in result.stdout.splitlines()), strict=True)
    assert names[:3] == ("none", "ACT's tube IoU", "average_precision=trapezoid")
    assert len({float(value) for value in values}) > 3
    assert all(0 < float(value) < 1 for value in values)
