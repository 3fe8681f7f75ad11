"""The process for long work that stands beside the web workers and ends with them (R11)."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from annot_server.config import Home
from annot_server.server import open_server
from annot_server.worker import work

logger = logging.getLogger(__name__)

RESTART_S = 5.0
"""A worker that ends at once is not started again faster than this."""
GRACE_S = 5.0
LOOK_S = 1.0


class Helper:
    """One worker process, started by `keep` where it is missing."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.pid: int | None = None
        self._started_at = -RESTART_S

    def keep(self, in_child: Callable[[], None] = lambda: None) -> None:
        """Start the process unless it runs; `in_child` is called first thing in the new one."""
        if self.is_running() or time.monotonic() - self._started_at < RESTART_S:
            return
        self._started_at = time.monotonic()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            in_child()
            os._exit(run(self.home, parent))

    def is_running(self) -> bool:
        """Say whether the process lives; somebody else may have reaped it."""
        if self.pid is None:
            return False
        try:
            ended, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            ended = self.pid
        if ended:
            self.pid = None
        return self.pid is not None

    def end(self) -> None:
        """End the process: kindly first, by force after `GRACE_S`."""
        if not self.is_running() or self.pid is None:
            return
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)
            while self.is_running():
                time.sleep(0.02)


def run(home: Home, parent: int) -> int:
    """Work until the parent ends or says so; return the exit status."""
    for name in ("SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGWINCH"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    is_told = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        # An exception that is raised while Python tidies up is lost; the event is not.
        is_told.set()
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        server = open_server(home)
        work(server, should_stop=lambda: is_told.is_set() or os.getppid() != parent)
    except SystemExit:
        return 0
    except Exception:
        logger.exception("the worker for long work ended")
        return 1
    finally:
        sys.stderr.flush()
    return 0


def _end_with(parent: int) -> None:
    """End this process soon after its parent, also in the middle of a job: it will be taken up."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
