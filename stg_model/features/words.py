"""The words that a model learns by itself: split from texts, numbered, the rest dropped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

WORD = re.compile(r"[\w']+")


@dataclass(frozen=True)
class Vocabulary:
    """Words in alphabetical order; the first has id 1, since 0 is "no word here"."""

    words: tuple[str, ...]

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text's known words, in order; unknown words are dropped."""
        return [self._number[word] for word in words_of(text) if word in self._number]

    @cached_property
    def _number(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=1)}


def words_of(text: str) -> list[str]:
    """Split a text into lower-case words.

    >>> words_of("Now, don't CUT the_carrot")
    ['now', "don't", 'cut', 'the', 'carrot']
    """
    return WORD.findall(text.lower().replace("_", " "))


def vocabulary_of(texts: Iterable[str]) -> Vocabulary:
    """Return every word of some texts.

    >>> vocabulary_of(["stir the soup", "The carrot"]).words
    ('carrot', 'soup', 'stir', 'the')
    """
    return Vocabulary(tuple(sorted({word for text in texts for word in words_of(text)})))
