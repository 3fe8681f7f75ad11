"""The worker as a process of its own: killed in mid-job, started again, ended with its server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from annot_server import jobs, worker
from annot_server.exports import export_folder
from annot_server.helper import Helper
from annot_server.server import open_server

SNAPSHOT_ID = "20260304T050607Z-0123abcd"
HANGING = """
import sys, time
from annot_server import worker
from annot_server.server import open_server
def hang(*_):
    print("begun", flush=True)
    time.sleep(600)
worker.KINDS["snapshot"] = hang
worker.work(open_server(sys.argv[1]), lambda: False)
"""
PARENT = """
import sys, time
from pathlib import Path
from annot_server import helper
from annot_server.config import Home
helper.RESTART_S = 0.0
mine = helper.Helper(Home(Path(sys.argv[1])))
for line in sys.stdin:
    if line == "keep\\n":
        mine.keep()
    else:
        mine.end()
    print(mine.pid, flush=True)
"""
PATIENCE_S = 30


def python(code, home) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(home.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def until(holds, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.fixture
def parent(home, server):
    del server  # the database is there, and is audited in the end
    process = python(PARENT, home)
    yield process
    process.kill()
    process.communicate()


def tell(process: subprocess.Popen[str], line: str) -> str:
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_job_whose_worker_was_killed_is_done_by_the_next(
    home, server, engine, two_frames, monkeypatch
) -> None:
    del two_frames
    server.database.write(
        lambda s: jobs.enqueue(
            s,
            jobs.SNAPSHOT,
            {"snapshot_id": SNAPSHOT_ID},
            by_person_id=None,
            now=datetime.now(UTC),
        )
    )
    killed = python(HANGING, home)
    assert killed.stdout.readline() == "begun\n"
    killed.kill()
    killed.communicate()
    folder = export_folder(home, SNAPSHOT_ID)
    (folder.parent / f".{SNAPSHOT_ID}.half").mkdir(parents=True)
    (folder.parent / f".{SNAPSHOT_ID}.half" / "frames.parquet").write_bytes(b"PAR")
    with server.database.read() as session:
        assert jobs.jobs_of(session, jobs.SNAPSHOT)[0].state == "running"
    monkeypatch.setattr(jobs, "SILENT_S", 0)
    worker.work(open_server(home, engine=engine), lambda: False, until_idle=True)
    with server.database.read() as session:
        (job,) = jobs.jobs_of(session, jobs.SNAPSHOT)
    assert (job.state, job.result["answers"]) == ("done", 4)
    assert [path.name for path in folder.parent.iterdir()] == [SNAPSHOT_ID]


def test_a_worker_that_was_killed_is_started_again(parent) -> None:
    first = int(tell(parent, "keep"))
    assert int(tell(parent, "keep")) == first
    os.kill(first, signal.SIGKILL)
    second = first

    def is_another() -> bool:
        nonlocal second
        second = int(tell(parent, "keep"))
        return second != first

    until(is_another, "the killed worker is not replaced")
    assert lives(second)


def test_the_worker_ends_when_its_server_says_so(parent) -> None:
    pid = int(tell(parent, "keep"))
    assert tell(parent, "end") == "None"
    assert not lives(pid)


def test_the_worker_ends_soon_after_a_server_that_was_killed(parent) -> None:
    pid = int(tell(parent, "keep"))
    parent.kill()
    parent.wait()
    until(lambda: not lives(pid), "the worker outlived its server")


def test_a_worker_that_never_ran_need_not_be_ended(home) -> None:
    Helper(home).end()
