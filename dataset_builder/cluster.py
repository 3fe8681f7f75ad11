"""One function over many work items: in this process, in local processes, or on a Dask cluster.

    def map_items(function, items, workers, *, what, total=None, in_order=False)
        -> Iterator[tuple[item, result]]

A work item is as a rule one video, and its result one file that is written under a temporary name
and renamed (R17). So an item may be done twice, by a worker that was thought dead or by a second
run, and nothing is lost or torn. Function, items and results are pickled: the function stands at a
module's top level (or is a `functools.partial` of one), and paths are absolute on a cluster, whose
workers stand in folders of their own. A function returns what the user should hear of an item, bad
files too; what it raises ends the whole run.

A worker that dies takes no item with it: the item is given to another. An item that takes down one
worker after the other ends the run. Local workers end with the process that started them, however
it ends.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import importlib
import logging
import logging.handlers
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeVar

from dataset_builder.console import progress
from dataset_builder.errors import InputError, WorkersError

T = TypeVar("T")
R = TypeVar("R")

MAX_DEATHS = 3
"""Local worker processes that may die in one run; Dask's own limit for one item is the same."""

CONNECT_S = 10
"""How long a scheduler may take to answer."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the work: `processes` on this machine (1 is this very one), or a Dask cluster's.

    Attributes:
        processes: local processes; 1 starts none.
        scheduler: address of a Dask scheduler, such as `tcp://10.0.0.1:8786`; empty for no cluster.
    """

    processes: int = 1
    scheduler: str = ""

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise InputError(f"--processes {self.processes}: must be 1 or more")
        if self.scheduler and self.processes > 1:
            raise InputError("--processes and --scheduler exclude each other; give one of them")


HERE = Workers()


def map_items(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: Workers,
    *,
    what: str,
    total: int | None = None,
    in_order: bool = False,
) -> Iterator[tuple[T, R]]:
    """Yield `(item, result)` for each item while a bar shows how many are done.

    Items are taken from their iterable a few at a time, so that memory does not grow with them.

    Args:
        function: what is done with an item.
        items: the work.
        workers: who does it.
        what: name of the items beside the bar, such as "videos".
        total: how many there are, where `items` does not know its length.
        in_order: yield in the order of `items` instead of as they are done.

    Raises:
        InputError: no scheduler answers, or Dask is not installed.
        WorkersError: workers died again and again, or the scheduler went away.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if workers.scheduler:
        results = _on_cluster(function, iter(items), workers.scheduler, in_order=in_order)
    elif workers.processes > 1:
        results = _in_processes(function, iter(items), workers.processes, in_order=in_order)
    else:
        results = ((item, function(item)) for item in items)
    yield from progress(results, what, total)


def _in_processes(
    function: Callable[[T], R], items: Iterator[T], n_processes: int, *, in_order: bool
) -> Iterator[tuple[T, R]]:
    # Spawned, not forked: decoders and torch have threads, which a fork would leave half alive.
    context = multiprocessing.get_context("spawn")
    unfinished: dict[concurrent.futures.Future[R], T] = {}

    def submit(item: T) -> concurrent.futures.Future[R]:
        try:
            return pool.submit(function, item)
        except BrokenProcessPool as error:  # then the item is not lost, but unfinished
            broken: concurrent.futures.Future[R] = concurrent.futures.Future()
            broken.set_exception(error)
            return broken

    with _log_lines_from(context) as set_up:
        for _ in range(1 + MAX_DEATHS):
            todo = chain(list(unfinished.values()), items)
            unfinished.clear()
            pool = concurrent.futures.ProcessPoolExecutor(n_processes, context, *set_up)
            try:
                yield from _results(
                    submit, todo, unfinished, lambda: 2 * n_processes, in_order=in_order
                )
                return
            except BrokenProcessPool:
                continue
            finally:
                pool.shutdown(cancel_futures=True)
    raise WorkersError(
        f"worker processes died {1 + MAX_DEATHS} times (killed, or out of memory); what is done is "
        "kept: run it again, with fewer processes if memory was short"
    )


def _on_cluster(
    function: Callable[[T], R], items: Iterator[T], address: str, *, in_order: bool
) -> Iterator[tuple[T, R]]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise InputError(
            f"--scheduler needs Dask ({error}); install it: pip install 'grounding-circle[cluster]'"
        ) from error
    try:
        # In a thread of its own: the caller may stand in a running event loop, as in a notebook.
        with concurrent.futures.ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, _knock(distributed, address)).result()
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers there ({error}); give the address "
            "that `dask scheduler` prints, such as tcp://10.0.0.1:8786"
        ) from error
    # What goes wrong is told below, in one line.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with (
        distributed.Client(address, timeout=CONNECT_S, set_as_default=False) as client,
        client.get_executor() as executor,
    ):
        try:
            yield from _results(
                lambda item: executor.submit(function, item),
                items,
                {},
                # Asked anew each time: workers come and go.
                lambda: 16 + 2 * sum(client.nthreads().values()),
                in_order=in_order,
            )
        except distributed.KilledWorker as error:
            raise WorkersError(
                f"workers died {1 + MAX_DEATHS} times over the same item (killed, or out of "
                "memory); what is done is kept: look into their logs, then run it again"
            ) from error
        except (concurrent.futures.CancelledError, distributed.comm.CommClosedError) as error:
            raise WorkersError(
                f"the scheduler at {address} went away; what is done is kept: run it again"
            ) from error
        except RuntimeError as error:
            if "deserialization" not in str(error):
                raise
            raise WorkersError(
                f"the scheduler at {address} or a worker cannot load this program "
                f"({error.__cause__ or error!s:.60}); install the same version of grounding-circle "
                "on all of them"
            ) from error


async def _knock(distributed: Any, address: str) -> None:
    """Raise OSError or ValueError where no scheduler answers; a `Client` would hang on to it."""
    security = distributed.Security().get_connection_args("client")
    comm = await distributed.comm.connect(address, timeout=CONNECT_S, **security)
    await comm.close()


def _results(
    submit: Callable[[T], concurrent.futures.Future[R]],
    items: Iterator[T],
    unfinished: dict[concurrent.futures.Future[R], T],
    n_at_once: Callable[[], int],
    *,
    in_order: bool,
) -> Iterator[tuple[T, R]]:
    """Yield results while at most `n_at_once()` items are away; `unfinished` tells which."""

    def fill() -> None:
        for item in islice(items, max(0, n_at_once() - len(unfinished))):
            unfinished[submit(item)] = item

    fill()
    while unfinished:
        if in_order:
            done = {next(iter(unfinished))}
        else:
            done = concurrent.futures.wait(unfinished, return_when="FIRST_COMPLETED").done
        for future in done:
            result = future.result()
            yield unfinished.pop(future), result
        fill()


@contextlib.contextmanager
def _log_lines_from(context: Any) -> Iterator[tuple[Callable[..., None], tuple[Any, int]]]:
    """Yield what sets up a worker process: its log lines come out here, above the bar."""
    lines = context.Queue()
    root = logging.getLogger()
    listener = logging.handlers.QueueListener(lines, *root.handlers, respect_handler_level=True)
    listener.start()
    try:
        yield _set_up_worker, (lines, root.level)
    finally:
        listener.stop()
        lines.close()


def _set_up_worker(lines: Any, level: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback of its own
    # A parent that is killed outright tells nobody, and its workers would wait for work for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Not by basicConfig, whose formatter would put level and name into the line.
    logging.getLogger().addHandler(logging.handlers.QueueHandler(lines))
    logging.getLogger().setLevel(level)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
