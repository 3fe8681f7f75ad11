"""Run the application under gunicorn: a worker for each processor, threads in each (R12).

Python runs one thread of a process at a time; several workers use several processors, and on SQLite
their writes stand in one line (see `database`).
"""

from __future__ import annotations

import os
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from annot_server.app import create_app
from annot_server.config import Home
from annot_server.helper import Helper
from annot_server.views.media import limit_slow_replies

MAX_DEFAULT_WORKERS = 4
SWITCH_INTERVAL_S = 0.0005
"""How long a busy thread may keep another one waiting: after each of its statements, the one that
holds SQLite's writing lock has to get Python's back, and everybody waits with it."""
KEEP_ALIVE_S = 30
"""A page that sends one answer every few seconds keeps its connection."""


class Application(BaseApplication):
    """Our application as gunicorn loads it, in each worker for itself."""

    def __init__(self, home: Home, options: dict[str, Any]) -> None:
        self.home = home
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its options."""
        for name, value in self.options.items():
            if name in self.cfg.settings:  # older versions of gunicorn know fewer
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application of one worker, with database connections of its own."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        app = create_app(self.home)
        limit_slow_replies(app, n_threads=self.options["threads"])
        return app

    def run(self) -> None:
        """Run until told to stop."""
        Master(self).run()


class Master(Arbiter):
    """gunicorn's master, which keeps one process for long work beside the web workers (R11)."""

    def __init__(self, app: Application) -> None:
        self.helper = Helper(app.home)
        super().__init__(app)

    def manage_workers(self) -> None:
        """Start what is missing; gunicorn asks every second."""
        super().manage_workers()
        self.helper.keep(in_child=self._leave_sockets)

    def _leave_sockets(self) -> None:
        # Or the port would stay taken, and people wait on it, while a job outlives its server.
        for listener in self.LISTENERS:
            listener.sock.close()

    def stop(self, graceful: bool = True) -> None:
        """End the web workers and the other process."""
        self.helper.end()
        super().stop(graceful)


class Worker(ThreadWorker):
    """gunicorn's worker with threads, which makes way when its master has died.

    It would otherwise hold the port while its busy connections stay open, so that people wait on a
    server that accepts nobody, and no new master can start.
    """

    def is_parent_alive(self) -> bool:
        """Say whether the master lives; without it every connection is closed after its reply."""
        if super().is_parent_alive():
            return True
        self.alive = False
        return False


def default_workers() -> int:
    """Return one worker for each processor that this process may use, up to four."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(MAX_DEFAULT_WORKERS, usable or 1)


def serve(home: Home, *, host: str, port: int, workers: int | None, threads: int) -> None:
    """Serve until the process is told to stop."""
    options = {
        "bind": f"{host}:{port}",
        "workers": workers or default_workers(),
        "worker_class": Worker,
        "threads": threads,
        "keepalive": KEEP_ALIVE_S,
        "graceful_timeout": 10,
        # Two servers of one user would share its path, and nothing here talks to it.
        "control_socket_disable": True,
    }
    Application(home, options).run()
