"""Narration: what was said in a video, and when. Training text only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """One narrated sentence with the seconds in which it was spoken."""

    start_s: float
    end_s: float
    text: str

    @property
    def middle_s(self) -> float:
        """The time on which a training window is centred."""
        return (self.start_s + self.end_s) / 2
