"""Where a form may send people next: pages of this server only."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_PATH = 500


def own_path(wanted: str | None, otherwise: str = "/") -> str:
    r"""Return a wanted address if it is a page of this server, else another.

    Browsers read a backslash as a slash and drop tabs and line ends, so that `/\evil.example` and
    `/<tab>/evil.example` lead away.

    >>> own_path("/account?tab=1"), own_path("//evil.example"), own_path("https://evil.example/")
    ('/account?tab=1', '/', '/')
    """
    if not wanted or len(wanted) > MAX_PATH or not wanted.isprintable() or "\\" in wanted:
        return otherwise
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return otherwise
    is_ours = not parts.scheme and not parts.netloc and wanted.startswith("/")
    return wanted if is_ours and not wanted.startswith("//") else otherwise
