"""What the tests of people share: one database is enough for most of them."""

from __future__ import annotations

import pytest


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    """Return the URL of a migrated SQLite file without rows."""
    return sqlite_database_url
