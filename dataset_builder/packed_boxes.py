"""Boxes by frame in little memory: numbers side by side in place of a record each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

from dataset_builder.geometry import Box

K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")


class PackedBoxes(Mapping[K, Box]):
    """Boxes by `(clip_id, second)`, or by `(clip_id, second, rule)` of one rule.

    A box takes 36 bytes. They are added in the order of clips and seconds.

    >>> boxes = PackedBoxes[tuple[str, int]]()
    >>> boxes.update({("clip", 7): Box(0.0, 0.0, 0.5, 0.5)})
    >>> boxes["clip", 7], ("clip", 8) in boxes
    (Box(x1=0.0, y1=0.0, x2=0.5, y2=0.5), False)
    """

    def __init__(self, *rule: str) -> None:
        self._rule = rule
        self._places: dict[str, range] = {}
        self._seconds, self._corners = array("i"), array("d")

    def update(self, boxes: Mapping[K, Box]) -> None:
        """Add the boxes of further clips, or further ones of the last clip."""
        for (clip_id, second, *_), box in boxes.items():
            place = len(self._seconds)
            first = self._places[clip_id].start if clip_id in self._places else place
            self._places[clip_id] = range(first, place + 1)
            self._seconds.append(second)
            self._corners.extend((box.x1, box.y1, box.x2, box.y2))

    def __len__(self) -> int:
        return len(self._seconds)

    def __iter__(self) -> Iterator[K]:
        for clip_id, places in self._places.items():
            for place in places:
                yield cast(K, (clip_id, self._seconds[place], *self._rule))

    def __getitem__(self, key: K) -> Box:
        clip_id, second, *rule = key
        mine = self._places.get(clip_id, range(0))
        place = bisect_left(self._seconds, second, mine.start, mine.stop)
        if tuple(rule) != self._rule or place == mine.stop or self._seconds[place] != second:
            raise KeyError(key)
        return Box(*self._corners[4 * place : 4 * place + 4])


class SameForAll(Mapping[K, V]):
    """One value for all keys of another mapping."""

    def __init__(self, keys: Mapping[K, Any], value: V) -> None:
        self._keys, self._value = keys, value

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._value
