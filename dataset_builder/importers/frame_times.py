"""Frame numbers of a video of constant frame rate, as seconds (R15).

The picture of second `s` is the frame nearest to `s`, of two the earlier one, and may begin a hair
after `s`: at 30000/1001 a second, second 2 is frame 60, which begins at 2.002 s.
"""

from __future__ import annotations

from fractions import Fraction

from dataset_builder.domain import Segment


def second_of(frame: int, fps: Fraction) -> int | None:
    """Return the whole second whose picture a frame is, counted from 0; None if no second's.

    >>> [second_of(frame, Fraction(30000, 1001)) for frame in (0, 29, 30, 60, 509, 510)]
    [0, None, 1, 2, 17, None]
    """
    # In whole numbers: fractions take twenty times as long, and files hold many thousand frames.
    frames, seconds = fps.numerator, fps.denominator
    before = frame * seconds // frames
    for second in (before, before + 1):
        if -((seconds - 2 * second * frames) // (2 * seconds)) == frame:
            return second
    return None


def segment_of(first: int, end: int, fps: Fraction) -> Segment:
    """Return the time of the frames from `first` up to `end`, which is not among them.

    A limit that is the picture of a second lies no later than that second, so that the segment
    holds a second where it holds its picture.

    >>> segment_of(60, 150, Fraction(30000, 1001))
    Segment(start_s=2.0, end_s=5.0)

    Raises:
        InputError: `end` is not above `first`.
    """
    return Segment(_time(first, fps), _time(end, fps))


def _time(frame: int, fps: Fraction) -> float:
    second, time_s = second_of(frame, fps), frame / fps
    return float(time_s if second is None else min(time_s, Fraction(second)))
