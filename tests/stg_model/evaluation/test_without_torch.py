"""`stg-model evaluate` runs to its end where torch and the server's libraries are not (R28)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dataset_builder.predictions import write_predictions
from dataset_builder.release import write_release

BLOCKED = ("torch", "safetensors", "sklearn", "flask", "sqlalchemy")


def run_without(blocked: tuple[str, ...], program: str, *arguments: Path) -> tuple[int, str, str]:
    """Run a program in a new interpreter in which some packages cannot be imported."""
    block = f"import sys\nsys.modules.update(dict.fromkeys({blocked!r}))\n"
    command = [sys.executable, "-c", block + program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


EVALUATE = "from stg_model.cli import main\nmain(['evaluate', *sys.argv[1:], '--json'])\n"


def test_evaluate_runs_without_torch(two_videos, make_perfect, tmp_path):
    write_release(tmp_path / "release", two_videos)
    found = make_perfect(two_videos)
    predictions = tmp_path / "predictions.jsonl"
    write_predictions(predictions, found.system, found.seconds.values(), found.points.values())
    code, out, err = run_without(BLOCKED, EVALUATE, tmp_path / "release", predictions)
    assert (code, err) == (0, "")
    assert '"iou_pointing":1.0' in out


def test_the_block_would_be_felt():
    """The same runner fails as soon as something imports torch, at whatever depth."""
    for program in ("import torch\n", "from stg_model.network import model\n"):
        code, _, err = run_without(BLOCKED, program)
        assert code == 1
        assert "torch" in err
