"""Two processes do what one does, and what was killed goes on as if it had not been."""

import os
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stg_model.errors import TrainingError
from stg_model.training.processes import ALONE, Processes, device_of

PROGRAM = Path(__file__).with_name("shared_run.py")
N_PROCESSES = 2


@pytest.fixture(scope="module")
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def shared(tmp_path_factory, port):
    """The folder of a run of two processes that was killed at step 5 of 8 and gone on with."""
    folder = tmp_path_factory.mktemp("shared")
    for name in ("whole", "cut"):
        (folder / name).mkdir()
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(N_PROCESSES)]
    launch += ["--master-addr", "127.0.0.1", "--master-port", port]
    begun = subprocess.run(
        [*launch, str(PROGRAM), str(folder), "begin"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert begun.returncode, "it was to be killed"
    assert (folder / "whole.pt").exists(), begun.stderr
    assert (folder / "cut/resume.pt").exists(), begun.stderr
    assert not (folder / "cut.pt").exists()
    again = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), "go-on"],
            env=environment
            | {"RANK": str(rank), "WORLD_SIZE": str(N_PROCESSES), "MASTER_PORT": port},
        )
        for rank in range(N_PROCESSES)
    ]
    assert [process.wait() for process in again] == [0, 0]
    return folder


def test_two_processes_give_the_losses_and_gradients_of_one(shared):
    together = torch.load(shared / "gradients.pt")
    alone = runpy.run_path(str(PROGRAM))["gradients"](ALONE)
    assert together.keys() == alone.keys()
    for name, value in alone.items():
        assert torch.allclose(together[name], value, rtol=0, atol=1e-9), name
    assert any(value.abs().max() > 1e-3 for name, value in alone.items() if "loss" not in name)


def test_two_processes_that_were_killed_end_bit_for_bit_as_if_they_had_not_been(shared):
    whole, cut = (torch.load(shared / name) for name in ("whole.pt", "cut.pt"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    lines = [
        (shared / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "cut")
    ]
    assert len(lines[0]) == len(lines[1]) == 8


def test_a_killed_process_ends_bit_for_bit_as_if_it_had_not_been(tmp_path):
    program = runpy.run_path(str(PROGRAM))
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    command = [sys.executable, str(PROGRAM), str(tmp_path)]
    begun = subprocess.run([*command, "begin"], check=False)
    assert begun.returncode == -signal.SIGKILL
    arguments = (program["videos"](), program["encoder_of"](), program["SETTINGS"])
    cut = program["train"](tmp_path / "cut", *arguments).state_dict()
    whole = torch.load(tmp_path / "whole.pt")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_batch_is_dealt_and_put_together_in_its_order():
    rows = torch.arange(12.0).reshape(6, 2)
    shares = [rows[Processes(rank, 3).own] for rank in range(3)]
    assert torch.equal(torch.stack(shares, dim=1).flatten(0, 1), rows)
    assert ALONE.together(rows) is rows


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_one_clear_error():
    assert device_of("auto") == device_of("cpu") == torch.device("cpu")
    with pytest.raises(TrainingError, match="torch sees no GPU here; take auto or cpu"):
        device_of("cuda")
