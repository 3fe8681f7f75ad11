"""One running server's parts, opened from its home folder: what a request or a command needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError

from annot_server.config import Config, Home
from annot_server.database import Database, open_engine


@dataclass(frozen=True, slots=True)
class Server:
    """Settings, database, clock and chance of one server."""

    home: Home
    config: Config
    database: Database
    clock: Callable[[], datetime]
    rng: np.random.Generator

    def now(self) -> datetime:
        """Return the time in UTC."""
        return self.clock()


def utc_now() -> datetime:
    """Return the machine's time in UTC."""
    return datetime.now(UTC)


def open_server(
    home: Home | Path | str,
    *,
    engine: Engine | None = None,
    clock: Callable[[], datetime] = utc_now,
    rng: np.random.Generator | None = None,
) -> Server:
    """Open a server's parts.

    Args:
        home: the folder that `annot-server init` made.
        engine: another database than the settings name.
        clock: gives the time; tests pass their own.
        rng: draws the hints' arms; seeded by the system where it is None.

    Raises:
        ConfigError: the folder's settings or secret cannot be read.
    """
    home = home if isinstance(home, Home) else Home(Path(home))
    config = home.config()
    engine = engine or open_engine(database_url(home, config))
    return Server(home, config, Database(engine), clock, rng or np.random.default_rng())


def database_url(home: Home, config: Config) -> str:
    """Return the database's URL, a relative SQLite path being one inside the home folder."""
    try:
        url = make_url(config.database_url)
    except ArgumentError:
        return config.database_url  # `open_engine` says what is wrong with it
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(home.path.resolve() / url.database))
    return url.render_as_string(hide_password=False)
