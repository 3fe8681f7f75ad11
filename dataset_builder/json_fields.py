"""Fields of a JSON record from outside: each of the right kind, or an error that says which is not.

The messages name the field and the value; callers put `file:line` in front.
"""

from __future__ import annotations

import sys
from typing import Any

from dataset_builder.errors import InputError
from dataset_builder.tables import Row


def field(record: Row, name: str, kind: type) -> Any:
    """Return a field that must be of one kind; true and false are no numbers."""
    value = record.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"field {name!r} must be {kind.__name__}, got {value!r:.80}")
    return value


def whole_second(record: Row) -> int:
    """Return the field `second`: a whole number, 0 or more."""
    second: int = field(record, "second", int)
    if second < 0:
        raise InputError(f"second must be 0 or more, got {second}")
    return second


def number(value: object, what: str) -> float:
    """Return a finite number; `what` names it in the error."""
    # NaN fails the comparison as well, and a whole number that no float can hold does not raise.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) <= sys.float_info.max
    ):
        raise InputError(f"{what} must be a finite number, got {value!r:.40}")
    return float(value)


def numbers(record: Row, name: str, n: int) -> list[float]:
    """Return a field that must be a list of `n` finite numbers."""
    values = record.get(name)
    if not isinstance(values, list) or len(values) != n:
        raise InputError(f"field {name!r} must be a list of {n} numbers, got {values!r:.80}")
    return [number(value, name) for value in values]
