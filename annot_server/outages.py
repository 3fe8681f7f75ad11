"""Which database errors mean "not now": the same request may well work in a moment."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_LOCKED")


def is_away(error: DBAPIError) -> bool:
    """Say whether the database is away (restarting, locked, disk full), not the statement wrong."""
    if error.connection_invalidated:
        return True
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(SQLITE_AWAY)
    return isinstance(error, OperationalError)
