"""Work items in this process, in local processes, and on a real Dask cluster."""

from __future__ import annotations

import functools
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataset_builder import cluster
from dataset_builder.cluster import Workers, map_items
from dataset_builder.errors import InputError, WorkersError
from tests.dask_cluster import dask_cluster
from tests.dataset_builder import work_items

HERE = Workers()
TWO = Workers(processes=2)


@pytest.fixture(scope="module")
def on_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as running:
        yield Workers(scheduler=running.address)


@pytest.fixture(params=["here", "processes", "cluster"])
def workers(request: pytest.FixtureRequest) -> Workers:
    if request.param == "cluster":
        return request.getfixturevalue("on_cluster")
    return {"here": HERE, "processes": TWO}[request.param]


def test_every_item_is_done_once_and_comes_with_its_result(workers: Workers) -> None:
    numbers = range(40)
    found = list(map_items(work_items.double, numbers, workers, what="numbers"))
    assert sorted(found) == [(n, 2 * n) for n in numbers]
    in_order = map_items(work_items.double, numbers, workers, what="numbers", in_order=True)
    assert list(in_order) == [(n, 2 * n) for n in numbers]


def test_items_are_taken_as_they_are_needed(workers: Workers) -> None:
    endless = map_items(
        work_items.double, itertools.count(), workers, what="numbers", in_order=True
    )
    assert list(itertools.islice(endless, 50)) == [(n, 2 * n) for n in range(50)]
    endless.close()  # type: ignore[attr-defined]


def test_what_the_function_raises_ends_the_run(workers: Workers) -> None:
    with pytest.raises(ValueError, match="three cannot be done"):
        list(map_items(work_items.refuse_three, range(9), workers, what="numbers"))


def test_no_items_are_no_work(workers: Workers) -> None:
    assert list(map_items(work_items.double, [], workers, what="numbers")) == []


@pytest.mark.parametrize("workers", ["processes", "cluster"], indirect=True)
def test_other_processes_do_the_work(workers: Workers) -> None:
    found = dict(map_items(work_items.process_id, range(8), workers, what="numbers"))
    assert os.getpid() not in found.values()


def test_one_process_does_it_itself() -> None:
    found = dict(map_items(work_items.process_id, range(3), HERE, what="numbers"))
    assert set(found.values()) == {os.getpid()}


def test_the_log_lines_of_local_processes_come_out_here(caplog: pytest.LogCaptureFixture) -> None:
    list(map_items(work_items.warn, [7], TWO, what="numbers"))
    assert caplog.messages == ["item 7 is odd"]


def test_the_items_of_a_dead_process_are_done_by_another(tmp_path: Path) -> None:
    work = functools.partial(work_items.die_at_two, marker=tmp_path / "dead")
    found = list(map_items(work, range(9), TWO, what="numbers", in_order=True))
    assert found == [(n, n) for n in range(9)]
    assert (tmp_path / "dead").exists()


def test_processes_that_die_again_and_again_end_the_run() -> None:
    with pytest.raises(WorkersError, match=r"worker processes died 4 times .* fewer processes"):
        list(map_items(work_items.die, range(2), TWO, what="numbers"))


RUN = """
import functools, pathlib, sys
from dataset_builder.cluster import Workers, map_items
from tests.dataset_builder import work_items
if __name__ == "__main__":
    work = functools.partial(work_items.wait_for_ever, folder=pathlib.Path(sys.argv[1]))
    list(map_items(work, range(2), Workers(processes=2), what="numbers"))
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_worker_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(RUN)
    folder = tmp_path / "workers"
    folder.mkdir()
    command = [sys.executable, str(tmp_path / "run.py"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as parent:
        wait_until(lambda: len(list(folder.iterdir())) == 2)
        parent.kill()
    workers = [int(path.name) for path in folder.iterdir()]
    try:
        wait_until(lambda: not any(is_alive(worker) for worker in workers))
    finally:
        for worker in filter(is_alive, workers):
            os.kill(worker, signal.SIGKILL)


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to pass")


def is_alive(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_item_that_kills_workers_or_a_scheduler_that_goes_away_ends_the_run(
    tmp_path: Path,
) -> None:
    with dask_cluster(tmp_path, 2, SCHEDULER__ALLOWED_FAILURES="0") as running:
        workers = Workers(scheduler=running.address)
        with pytest.raises(WorkersError, match="over the same item"):
            list(map_items(work_items.die, [1], workers, what="numbers"))
        numbers = map_items(work_items.double, itertools.count(), workers, what="numbers")
        next(numbers)
        running.scheduler.kill()
        with pytest.raises(WorkersError, match="went away; what is done is kept"):
            list(numbers)


def test_a_worker_without_the_program_is_named(on_cluster: Workers, tmp_path: Path) -> None:
    (tmp_path / "unknown_there.py").write_text("def work(item): ...\n")
    sys.path.insert(0, str(tmp_path))
    try:
        module = __import__("unknown_there")
    finally:
        sys.path.remove(str(tmp_path))
    with pytest.raises(WorkersError, match=r"No module named 'unknown_there'.*the same version"):
        list(map_items(module.work, [1], on_cluster, what="numbers"))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:{free}", "no Dask scheduler answers there .*Timed out"),
        ("127.0.0.1", "missing port number"),
        ("carrier://pigeon:1", "unknown address scheme"),
    ],
)
def test_a_wrong_address_is_one_line(
    address: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    workers = Workers(scheduler=address.format(free=free))
    with pytest.raises(InputError, match=rf"--scheduler .*{reason}.*such as tcp://") as caught:
        list(map_items(work_items.double, [1], workers, what="numbers"))
    assert "\n" not in str(caught.value)


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"--scheduler needs Dask .*grounding-circle\[cluster\]"):
        list(map_items(work_items.double, [1], Workers(scheduler="tcp://x:1"), what="numbers"))


def test_wrong_workers_are_refused() -> None:
    with pytest.raises(InputError, match="--processes 0: must be 1 or more"):
        Workers(processes=0)
    with pytest.raises(InputError, match="exclude each other"):
        Workers(processes=2, scheduler="tcp://127.0.0.1:8786")
