"""The same press, sent twice: a double click, or a reply that was lost on its way.

The page with the button marks its browser with 256 random bits. Whatever can be done once (using
an invite, beginning a visit) is stored with the mark's hash, and for some minutes the browser that
shows the mark again is given the same reply. Other browsers are not: they cannot know the mark.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

REPEATS_FOR = timedelta(minutes=10)


def hash_of_mark(mark: str) -> str:
    """Return what is stored of a browser's mark; it is random, so a fast hash is enough."""
    return hashlib.sha256(mark.encode("utf-8", "surrogatepass")).hexdigest()


def is_repeat(stored: str | None, browser: str | None, *, since: datetime, now: datetime) -> bool:
    """Say whether a press comes again from the browser in which it was done.

    Args:
        stored: the mark's hash of the press that was done.
        browser: the mark's hash of the press that comes now, None without a mark.
        since: when it was done.
        now: the time.
    """
    return browser is not None and browser == stored and now - since < REPEATS_FOR
