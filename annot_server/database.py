"""One database, opened so that it keeps what we promise, and the two ways to use it.

`write` runs a function in one transaction that no other writer disturbs; `read` gives a session
that sees one moment; `look` runs one statement. On SQLite a writer begins IMMEDIATE (a deferred one
fails with "database is locked" when it turns from reading to writing) behind one lock of all our
threads and processes, since SQLite's own waiting is sleeping; every connection is WAL with
`synchronous=FULL`, asserted (R12). On PostgreSQL writers lock rows: first the person's, then the
frame's, never the other way round.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Executable,
    Row,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from annot_server.errors import StorageError

try:
    import fcntl
except ImportError:  # Windows, where one process serves
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

T = TypeVar("T")

WRITE_ATTEMPTS = 5
BUSY_TIMEOUT_MS = 30_000
SERIALIZATION_FAILURE, DEADLOCK_DETECTED = "40001", "40P01"
SYNCHRONOUS_FULL = 2

IS_WRITER = contextvars.ContextVar("IS_WRITER", default=False)
"""Whether the transaction that begins now is one of `Database.write`."""


def open_engine(url: str) -> Engine:
    """Return an engine for a SQLite file or a PostgreSQL database; nothing is opened yet.

    Raises:
        StorageError: no URL, another kind of database, or its driver is not installed.
    """
    try:
        kind = make_url(url).get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise StorageError(f"database_url names {kind!r}; sqlite and postgresql are known")
        engine = create_engine(
            url, pool_size=20, max_overflow=40, pool_pre_ping=kind == "postgresql"
        )
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StorageError(
            f"database_url cannot be used ({error}); it should be sqlite:///FILE or, with the "
            "extra [postgres] installed, postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from error
    if kind == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        # A listener for "begin" would do, but any listener makes every statement half as fast.
        engine.dialect.do_begin = _begin_sqlite  # type: ignore[assignment,method-assign]
    return engine


def keep_private(engine: Engine) -> None:
    """Make a SQLite file readable by its owner only; its companions are made like it."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path:
        with contextlib.suppress(OSError):  # whoever opens it is told
            Path(path).touch(mode=0o600)
            Path(path).chmod(0o600)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Set and assert what durability and references rest on."""
    connection.isolation_level = None  # transactions begin in _begin_sqlite, not in the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    found = (
        cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0],
        cursor.execute("PRAGMA synchronous").fetchone()[0],
        cursor.execute("PRAGMA foreign_keys").fetchone()[0],
    )
    cursor.close()
    if found != ("wal", SYNCHRONOUS_FULL, 1):
        raise StorageError(
            f"SQLite has (journal_mode, synchronous, foreign_keys) = {found}, needs "
            "('wal', 2, 1); is the database on a network disk?"
        )


def _begin_sqlite(connection: Any) -> None:
    connection.execute("BEGIN IMMEDIATE" if IS_WRITER.get() else "BEGIN")


def core(session: Session) -> Connection:
    """Return the connection under a session, for statements that need no objects.

    What the session still has to write is written first.
    """
    session.flush()
    return session.connection()


def new_id(inserted: CursorResult[Any]) -> int:
    """Return the id of the one row that a statement inserted."""
    key = inserted.inserted_primary_key
    assert key is not None  # so it is for one row with a generated key
    return int(key[0])


def locks_rows(session: Session) -> bool:
    """Say whether writers lock rows (PostgreSQL), or wait for each other as a whole (SQLite)."""
    return session.get_bind().dialect.name == "postgresql"


class Database:
    """The open database of one process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        path = engine.url.database
        self._one_writer = (
            OneWriter(f"{path}-writer") if self._is_sqlite and path else contextlib.nullcontext()
        )
        self._reader = (
            engine
            if self._is_sqlite
            else engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        )

        self._looker = (
            engine
            if self._is_sqlite
            else engine.execution_options(isolation_level="AUTOCOMMIT")  # spares two round trips
        )

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction, again from its beginning when others got in its way.

        Two tabs of one person can meet in a unique constraint, and PostgreSQL may end one of two
        transactions; the second try sees what the first one ran into. `work` must therefore hold
        no state of its own.
        """
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                with (
                    self._one_writer,
                    Session(self.engine, expire_on_commit=False) as session,
                    session.begin(),
                ):
                    _begin_writing(session)
                    return work(session)
            except DBAPIError as error:
                if attempt == WRITE_ATTEMPTS or not _is_worth_another_try(error):
                    raise
                logger.debug("write attempt %d failed: %s", attempt, error.orig)
        raise AssertionError("unreachable: the last attempt returns or raises")

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees the database at one moment and writes nothing."""
        with Session(self._reader) as session, session.begin():
            yield session

    def look(self, statement: Executable, values: Mapping[str, Any]) -> Row[Any] | None:
        """Return the first row of one statement that only reads, run by itself."""
        with self._looker.connect() as connection:
            return connection.execute(statement, values).first()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if isinstance(self._one_writer, OneWriter):
            self._one_writer.close()


class OneWriter:
    """The lock in front of SQLite's own: one writer at a time, of all threads and processes.

    SQLite lets a second writer sleep, longer each time, however soon the first has finished. Here
    the system wakes it, and lets go of the lock when a process dies.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: int | None = None

    def __enter__(self) -> None:
        """Wait for the lock."""
        self._threads.acquire()
        try:
            if fcntl is None:
                return
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        if fcntl is not None and self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        """Let go of the file, which a child process would otherwise share."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _begin_writing(session: Session) -> None:
    """Begin the session's transaction as a writer's."""
    token = IS_WRITER.set(True)
    try:
        session.connection()
    finally:
        IS_WRITER.reset(token)


def _is_worth_another_try(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(error, IntegrityError) or state in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED)
