"""PostgreSQL's own programs for copying a database out and in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL

from annot_server.errors import StorageError


def dump(url: URL, to: Path, *, snapshot: str) -> None:
    """Write a database with `pg_dump`, as one open transaction sees it.

    Args:
        url: of the database.
        to: the file to write.
        snapshot: what that transaction's `pg_export_snapshot()` gave.

    Raises:
        StorageError: `pg_dump` is missing or failed.
    """
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    _run("pg_dump", [*options, f"--file={to}"], url)


def load(url: URL, path: Path) -> None:
    """Read a dump into an empty database with `pg_restore`: all of it or nothing.

    Raises:
        StorageError: `pg_restore` is missing or failed.
    """
    options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    _run("pg_restore", [*options, str(path)], url)


def _run(program: str, arguments: list[str], url: URL) -> None:
    path = shutil.which(program)
    if path is None:
        raise StorageError(
            f"{program} was not found; install PostgreSQL's client programs "
            "(Debian: apt-get install postgresql-client)"
        )
    plain = url.set(drivername="postgresql", password=None)
    where = f"--dbname={plain.render_as_string(hide_password=False)}"
    environment = dict(os.environ)
    if url.password is not None:  # arguments are seen by every user of the machine
        environment["PGPASSWORD"] = str(url.password)
    done = subprocess.run(
        [path, *arguments, where], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
        raise StorageError(f"{program} failed: {reason}")
