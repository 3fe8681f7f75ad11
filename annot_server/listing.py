"""Long tables in pages: searched, sorted, and shown a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")

MAX_PAGE = 1_000_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked a table for: words to search, a column to sort by, a page from 1."""

    words: str = ""
    sort: str = ""
    is_descending: bool = False
    page: int = 1

    @classmethod
    def of(cls, values: Mapping[str, str], *, sort: str) -> Wish:
        """Read `q`, `sort` ("-name" falls) and `page` of an address; what cannot be is left out.

        >>> Wish.of({"q": " egg ", "sort": "-frames", "page": "2"}, sort="name")
        Wish(words='egg', sort='frames', is_descending=True, page=2)
        >>> Wish.of({"page": "none"}, sort="name").page
        1
        """
        wanted = values.get("sort") or sort
        page = values.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 1
        return cls(
            " ".join(values.get("q", "").split()),
            wanted.removeprefix("-"),
            wanted.startswith("-"),
            min(max(1, number), MAX_PAGE),
        )


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """One page of a table; `first` and `last` number its rows from 1, of `n_rows` found."""

    rows: Sequence[Row]
    n_rows: int
    n_pages: int
    page: int
    first: int
    last: int
    wish: Wish


def paged(rows: Sequence[Row], n_rows: int, wish: Wish, size: int) -> Listing[Row]:
    """Return the listing of rows that were already cut to the wished page."""
    n_pages = max(1, -(-n_rows // size))
    first = (wish.page - 1) * size + 1 if rows else 0
    return Listing(rows, n_rows, n_pages, wish.page, first, first + len(rows) - bool(rows), wish)


def listed(
    rows: Iterable[Row],
    wish: Wish,
    *,
    size: int,
    text: Callable[[Row], str],
    keys: Mapping[str, Callable[[Row], Any]],
) -> Listing[Row]:
    """Search, sort and cut rows that are in memory.

    Every word must be part of `text` of a row; rows whose key is None come last either way. A sort
    that `keys` does not know is the first of `keys`. A page behind the last one is the last.

    >>> listed(["b", "a"], Wish(), size=1, text=str, keys={"name": str}).rows
    ['a']
    """
    words = wish.words.casefold().split()
    found = [row for row in rows if all(word in text(row).casefold() for word in words)]
    key = keys.get(wish.sort) or next(iter(keys.values()))
    known = [row for row in found if key(row) is not None]
    known.sort(key=key, reverse=wish.is_descending)
    ordered = known + [row for row in found if key(row) is None]
    n_pages = max(1, -(-len(ordered) // size))
    page = min(wish.page, n_pages)
    wish = Wish(wish.words, wish.sort, wish.is_descending, page)
    return paged(ordered[(page - 1) * size : page * size], len(ordered), wish, size)
