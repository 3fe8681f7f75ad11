"""Pickles of plain values: None, bool, numbers, text, bytes, lists and dictionaries.

A pickle is a program, and `pickle.load` calls whatever it names. This reader knows only the
instructions that build plain values: none is left that could look up a name or call anything.

It stands on Python's own unpickler in Python. The one in C is seven times faster, but a file of ten
bytes makes it ask for 64 GB (an entry of its memo that is numbered 2^32). Tuples come back as
lists: a nest of tuples as a key could take for ever to hash.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dataset_builder.errors import InputError

_KNOWN = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "LONG", "LONG1", "LONG4"),
    *("BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
)
_DAMAGED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
    struct.error,
)


class _PlainUnpickler(pickle._Unpickler):
    """Python's unpickler, without what makes anything but plain values."""

    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def load_empty_list(self) -> None:
        """Push a list, also for the empty tuple."""
        self.append([])

    def load_some(self, n_values: int) -> None:
        """Replace the last values by a list of them."""
        self.stack[-n_values:] = [self.stack[-n_values:]]

    def load_several(self) -> None:
        """Push a list of the values since the mark."""
        values = self.pop_mark()
        self.append(values)

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _KNOWN
    } | {
        pickle.EMPTY_TUPLE[0]: load_empty_list,
        pickle.TUPLE[0]: load_several,
        pickle.TUPLE1[0]: lambda self: self.load_some(1),
        pickle.TUPLE2[0]: lambda self: self.load_some(2),
        pickle.TUPLE3[0]: lambda self: self.load_some(3),
    }


def read_plain_pickle(path: Path) -> Any:
    """Return the value of a pickle that holds plain values only; nothing in it is run.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding="utf-8").load()
    except KeyError as error:
        raise InputError(f"{path}: {_why_refused(error)}") from error
    except _DAMAGED as error:
        raise InputError(
            f"{path}: is no pickle, or a damaged one ({type(error).__name__}: {error})"
        ) from error


def _why_refused(error: KeyError) -> str:
    """Say which instruction, or which missing entry of the memo, ended the reading."""
    number = error.args[0] if error.args else None
    names = {value[0]: name for name, value in vars(pickle).items() if _is_instruction(name, value)}
    if number in names:
        return (
            f"holds more than plain values (instruction {names[number]}); nothing was run. "
            "Save it as JSON where it comes from"
        )
    return f"is no pickle, or a damaged one (no {number!r})"


def _is_instruction(name: str, value: object) -> bool:
    return name.isupper() and isinstance(value, bytes) and len(value) == 1
