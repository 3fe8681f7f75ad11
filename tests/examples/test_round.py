"""The whole circle through the real commands, small: every road between the programs is open."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROUND = Path(__file__).parents[2] / "examples" / "round.py"


@pytest.mark.learning
@pytest.mark.timeout(600)
def test_the_small_round_goes_all_the_way_and_keeps_its_promises(tmp_path: Path) -> None:
    command = [sys.executable, str(ROUND), str(tmp_path / "round"), "--once", "--small"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["over_assigned"], result["duplicate_answers"]) == (0, 0)
    assert result["answers"] >= 5 * result["frames"] / 2
    assert result["assisted_answers"] > 0
    assert 0 < result["prelabels"] < result["frames"]
    assert len(result["release_sha256"]) == 64
    for scores in (result["pointing"], result["pointing_true"]):
        assert {"model", "centre", "random", "motion"} <= scores.keys()
        assert all(0 <= score <= 1 for score in scores.values())
    assert result["gold"]["questions"] >= 9 * 10
    assert result["gold"]["answers"] > 0
    assert result["gold"]["right_careful"] > 0.5
    assert result["iou_pointing"].keys() == {"model", "random"}
