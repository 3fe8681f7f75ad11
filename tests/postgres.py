"""A PostgreSQL of our own: on a socket only, in a temporary folder, ended by its own process id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 30
NEEDED = ("initdb", "postgres")
NOT_FOUND = "PostgreSQL's initdb and postgres were not found (apt-get install postgresql)"
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests in which nothing dies: a crash would cost the database."""
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""As a server that people rely on runs: what was committed outlives the process."""


class PostgresDidNotStartError(Exception):
    """The end of its log is the message."""


class Postgres:
    """One PostgreSQL server that can be started, killed and started again."""

    def __init__(self, programs: Path, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.url = f"postgresql+psycopg://test@/postgres?host={folder}"
        self._programs = programs
        self._user = unprivileged_user()
        self._settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "deadlock_timeout": "200ms",
            "restart_after_crash": "on",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the empty database cluster."""
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        initdb = [self._programs / "initdb", "-D", self.folder / "data", "-A", "trust"]
        subprocess.run(
            [*initdb, "-U", "test", "--no-sync", "-E", "UTF8"],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **run_as(self._user),
        )

    def start(self) -> None:
        """Start it and wait until it lets somebody in.

        Raises:
            PostgresDidNotStartError: it ended, or took longer than `START_S`.
        """
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **run_as(self._user)
            )
        self.wait()

    def wait(self) -> None:
        """Wait until it lets somebody in, after a start or a crash; see `start`."""
        import psycopg

        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(f"user=test dbname=postgres host={self.folder}").close()
                return
            except psycopg.OperationalError:
                has_ended = self.process is None or self.process.poll() is not None
                if has_ended or time.monotonic() > deadline:
                    raise PostgresDidNotStartError(
                        (self.folder / "log").read_text(errors="replace")[-1500:]
                    ) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it as an operator would, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=START_S)


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, where there is one."""
    folders = [Path(found).parent for found in [shutil.which("initdb")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if all((f / name).exists() for name in NEEDED)), None)


def unprivileged_user() -> pwd.struct_passwd:
    """Return whom PostgreSQL runs as: it refuses to be started by root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LookupError("neither a user postgres nor a user nobody")


def run_as(user: pwd.struct_passwd) -> dict[str, Any]:
    """Return the arguments that make subprocess run a program as somebody else."""
    if os.geteuid() != 0:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def own_postgres(settings: dict[str, str]) -> Iterator[Postgres]:
    """Give a running PostgreSQL with an empty database, and leave nothing of it behind.

    Raises:
        FileNotFoundError: PostgreSQL's programs are not on this machine.
        PostgresDidNotStartError: see `Postgres.start`.
    """
    programs = postgres_programs()
    if programs is None:
        raise FileNotFoundError(NOT_FOUND)
    folder = Path(tempfile.mkdtemp(prefix="annot-pg-"))
    postgres = Postgres(programs, folder, settings)
    try:
        postgres.create()
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder)
