"""One real server (`annot-server run`) on a database of its own, which can be killed by parts."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from annot_server.config import Config, Home
from annot_server.imports import ClipSettings, store_clips
from annot_server.invitations import invite
from annot_server.migration import upgrade
from annot_server.models import Person
from annot_server.server import Server, open_server
from dataset_builder.domain import Segment, Video
from dataset_builder.frames import FrameImage, VideoFrames
from dataset_builder.importers.clip_csv import ClipRow
from tests.faults.people import Visitor
from tests.postgres import DURABLE, Postgres, own_postgres

REDUNDANCY = 3
LEASE_S = 3
CLIP_FRAMES = 20
START_S = 60
END_S = 20
WORKERS, THREADS = 2, 4

SQLITE, POSTGRES = "sqlite", "postgres"
KILLS = {
    SQLITE: ("worker", "master", "whole group"),
    POSTGRES: ("worker", "master", "whole group", "database backend", "database postmaster"),
}


class Site:
    """The processes of one server, and a way in behind their backs."""

    def __init__(self, folder: Path, postgres: Postgres | None) -> None:
        self.home = Home(folder / "home")
        self.log = folder / "server.log"
        self.postgres = postgres
        self.kind = POSTGRES if postgres else SQLITE
        self.process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        settings = {"redundancy": REDUNDANCY, "lease_s": LEASE_S}
        if postgres:
            settings["database_url"] = postgres.url
        self.home.create(Config(**settings))
        self.behind: Server = open_server(self.home)
        upgrade(self.behind.database.engine)
        self._n_clips = 0
        self._groups: list[int] = []

    def __enter__(self) -> Site:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType
    ) -> None:
        self.stop()
        self.behind.database.close()

    # Its processes

    def start(self) -> None:
        """Start the server in a process group of its own and wait until it serves.

        The workers of a dead master hold the port until they end, so it may take some attempts,
        as a supervisor would make them.
        """
        deadline = time.monotonic() + START_S
        while not self._tries_to_start(deadline):
            assert time.monotonic() < deadline, f"no start:\n{self.log.read_text()[-3000:]}"

    def _tries_to_start(self, deadline: float) -> bool:
        options = ["--port", str(self.port), "--workers", str(WORKERS), "--threads", str(THREADS)]
        program = str(Path(sys.executable).with_name("annot-server"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program, "--home", str(self.home.path), "run", *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.append(self.process.pid)
        while not (children_of(self.process.pid) and self.answers()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def answers(self) -> bool:
        """Say whether somebody answers at the port."""
        try:
            self.request("GET", "/api/v1/openapi.json")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def stop(self) -> None:
        """End everything, also what outlived its master."""
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):  # nobody of it is left
                os.killpg(group, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(END_S)

    def kill(self, what: str, chance: random.Random) -> None:
        """Kill a part with SIGKILL and bring back what does not come back by itself."""
        assert self.process is not None
        if what == "worker":
            os.kill(chance.choice(children_of(self.process.pid)), signal.SIGKILL)
        elif what == "master":  # its workers notice, and end what they are at
            self.process.kill()
            self.process.wait(END_S)
            self.start()
        elif what == "whole group":
            self.stop()
            self.start()
        elif what == "database backend":
            self._kill_backend(chance)
        else:
            self._kill_postmaster()

    def _kill_backend(self, chance: random.Random) -> None:
        assert self.postgres is not None
        assert self.postgres.process is not None
        backends = [
            pid
            for pid in children_of(self.postgres.process.pid)
            if b"test postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(chance.choice(backends), signal.SIGKILL)
        self.postgres.wait()  # it ends all others and recovers

    def _kill_postmaster(self) -> None:
        assert self.postgres is not None
        assert self.postgres.process is not None
        children = children_of(self.postgres.process.pid)
        self.postgres.process.kill()
        self.postgres.process.wait(END_S)
        deadline = time.monotonic() + END_S
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < deadline, "backends outlive their postmaster"
            time.sleep(0.02)
        self.postgres.start()

    # What is in it

    def add_clips(self, n: int) -> int:
        """Add clips of twenty frames behind the running server's back; return the frames added."""
        for _ in range(n):
            self._n_clips += 1
            video_id = f"video-{self._n_clips:04}"
            sha = hashlib.sha256(video_id.encode()).hexdigest()
            row = ClipRow(2, video_id, Segment(0, CLIP_FRAMES), "crack egg")
            images = tuple(FrameImage(s, float(s), sha) for s in range(CLIP_FRAMES))
            cut = VideoFrames(Video(video_id, 640, 480, 100.0, sha), images, "test", "test", ())
            store = partial(
                store_clips,
                cut=cut,
                rows=[row],
                settings=ClipSettings(),
                redundancy=REDUNDANCY,
                hint_quota=0,
            )
            while not self._writes(store):
                time.sleep(0.05)
        return n * CLIP_FRAMES

    def wait_for_database(self) -> None:
        """Wait until the database answers, after a crash of its own."""
        while not self._writes(lambda session: session.execute(select(1))):
            time.sleep(0.05)

    def _writes(self, work: Callable[[Session], object]) -> bool:
        """Write behind the server's back; say whether the database was there for it."""
        try:
            self.behind.database.write(work)
        except OperationalError:
            return False
        return True

    def visitor(self, name: str) -> Visitor:
        """Return a new person who has joined by an invite link and been through the training."""
        now = datetime.now(UTC)
        token = self.behind.database.write(
            lambda session: invite(session, name=name, role="annotator", now=now)
        )
        response = self.request("POST", f"/join/{token}")
        assert response.status == http.client.SEE_OTHER, response.status
        cookie = str(response.headers["Set-Cookie"]).split(";", maxsplit=1)[0]

        def train(session) -> int:
            person = session.scalars(select(Person).where(Person.name == name)).one()
            person.introduced_at = person.qualified_at = now
            return person.id

        return Visitor(self.behind.database.write(train), cookie)

    def request(self, method: str, path: str) -> http.client.HTTPResponse:
        """Send one request and return the whole reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            return response
        finally:
            connection.close()


@contextmanager
def site(kind: str, folder: Path) -> Iterator[Site]:
    """Give a running server on a database of the given kind, PostgreSQL with durable settings."""
    if kind == SQLITE:
        with Site(folder, None) as running:
            yield running
        return
    with own_postgres(DURABLE) as postgres, Site(folder, postgres) as running:
        yield running


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def children_of(parent: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [pid for pid, ppid in _processes() if ppid == parent]


def _processes() -> Iterator[tuple[int, int]]:
    """Yield (pid, parent) of every process that is no zombie, from Linux's /proc."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue  # it has ended since
        state, ppid = stat.rpartition(")")[2].split()[:2]
        if state != "Z":
            yield int(entry.name), int(ppid)
