"""What `verify` finds: each difference with a code, so that a script can count them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: its code, the file or record it is about, and what differs."""

    code: str
    where: str
    message: str


def frame_name(key: tuple[str, int]) -> str:
    """Return a frame in words.

    >>> frame_name(("clip", 7))
    'clip/7'
    """
    return f"{key[0]}/{key[1]}"
