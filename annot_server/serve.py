"""Run the application under gunicorn: threads in each worker, one worker by default (R12)."""

from __future__ import annotations

from typing import Any

from gunicorn.app.base import BaseApplication

from annot_server.app import create_app
from annot_server.config import Home

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
        return create_app(self.home)


def serve(home: Home, *, host: str, port: int, workers: int, threads: int) -> None:
    """Serve until the process is told to stop."""
    options = {
        "bind": f"{host}:{port}",
        "workers": workers,
        "worker_class": "gthread",
        "threads": threads,
        "keepalive": KEEP_ALIVE_S,
        "graceful_timeout": 10,
        # Two servers of one user would share its path, and nothing here talks to it.
        "control_socket_disable": True,
    }
    Application(home, options).run()
