"""How a JSON file is spelt: the six dialects in which GroundingYouTube's files were written.

A dialect turns a value into text. A file is of the one that gives exactly its bytes again, so that
a name of a dialect and the value are all that must be kept of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from dataset_builder.errors import InputError

_KEY_AND_BRACKET = re.compile(r'^( +)(".*"): ([\[{])$', re.MULTILINE)


def one_line(value: object) -> str:
    """Return the value as `json.dumps` writes it.

    >>> one_line({"a/b": [1, None]})
    '{"a/b": [1, null]}'
    """
    return json.dumps(value)


def one_line_and_newline(value: object) -> str:
    """Return the same with a newline at the end."""
    return json.dumps(value) + "\n"


def compact(value: object) -> str:
    r"""Return the value without spaces, as pandas does.

    >>> compact({"a/b": [1, None]})
    '{"a/b":[1,null]}'
    """
    return json.dumps(value, separators=(",", ":"))


def compact_escaped_slashes(value: object) -> str:
    r"""Return the value without spaces, each slash behind a backslash, as PHP does.

    >>> print(compact_escaped_slashes({"a/b": [1, None]}))
    {"a\/b":[1,null]}
    """
    # Outside strings JSON has no slash.
    return compact(value).replace("/", "\\/")


def indented(value: object) -> str:
    """Return the value with one entry a line, indented by four."""
    return json.dumps(value, indent=4)


def indented_brackets_below(value: object) -> str:
    """Return the same, but what a key opens begins on the next line.

    >>> print(indented_brackets_below({"a": [1]}))
    {
        "a":
        [
            1
        ]
    }
    """
    return _KEY_AND_BRACKET.sub(r"\1\2:\n\1\3", indented(value))


DIALECTS: dict[str, Callable[[object], str]] = {
    function.__name__: function
    for function in (
        one_line,
        one_line_and_newline,
        compact,
        compact_escaped_slashes,
        indented,
        indented_brackets_below,
    )
}


def dialect_of(value: object, data: bytes) -> str:
    """Return the dialect in which the value gives these bytes.

    Raises:
        InputError: none does; what comes nearest is named with the first byte that differs.
    """
    has_lines = b"\n" in data[:8]
    likely_first = sorted(DIALECTS, key=lambda name: name.startswith("indented") != has_lines)
    nearest, n_same = "", -1
    for name in likely_first:
        written = DIALECTS[name](value).encode()
        if written == data:
            return name
        if (n := same_bytes(written, data)) > n_same:
            nearest, n_same = name, n
    raise InputError(
        f"cannot be written again as it is; dialect {nearest!r} comes nearest and differs at byte "
        f"{n_same + 1}, {data[n_same : n_same + 20]!r}; is it the published file, unchanged?"
    )


def same_bytes(a: bytes, b: bytes) -> int:
    """Return how many bytes two texts share from their beginning.

    >>> same_bytes(b"abc", b"abd"), same_bytes(b"ab", b"abc"), same_bytes(b"", b"")
    (2, 2, 0)
    """
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low
