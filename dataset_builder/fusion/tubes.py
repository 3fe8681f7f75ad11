"""Boxes of single seconds to tubes, with a named rule for the seconds of a clip that have no box.

- `unlabelled`: one tube a clip; such a second is neither filled in nor does it end the tube, and
  comparisons leave it out.
- `ends_the_tube`: each run of seconds with boxes is a tube of its own.
- `filled_linearly`: one tube a clip; between two boxes each corner moves evenly from one to the
  next, also over seconds of which people said "not visible". Nothing is added before the first box
  or after the last, and `Tube.filled_seconds` names what was filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from dataset_builder.geometry import COORDINATE_DECIMALS, Box
from dataset_builder.release_tables import FrameKey, Tube

UNLABELLED, ENDS_THE_TUBE, FILLED_LINEARLY = "unlabelled", "ends_the_tube", "filled_linearly"
GAP_RULES = (UNLABELLED, ENDS_THE_TUBE, FILLED_LINEARLY)


def tubes_of(boxes: Mapping[FrameKey, Box], gap: str = UNLABELLED) -> tuple[Tube, ...]:
    """Return the tubes of each clip that has a box, in the order of clips and seconds.

    A tube has its clip's id; where gaps end tubes, `clip/first second`.

    Args:
        boxes: by `(clip_id, second)`.
        gap: one of `GAP_RULES`.

    >>> boxes = {("a", 1): Box(0, 0, 0.5, 0.5), ("a", 3): Box(0.5, 0.5, 1, 1)}
    >>> [tube.tube_id for tube in tubes_of(boxes, "ends_the_tube")]
    ['a/1', 'a/3']
    >>> tubes_of(boxes, "filled_linearly")[0].boxes[2]
    Box(x1=0.25, y1=0.25, x2=0.75, y2=0.75)
    """
    grouped: dict[str, dict[int, Box]] = {}
    for (clip_id, second), box in sorted(boxes.items(), key=lambda item: item[0]):
        grouped.setdefault(clip_id, {})[second] = box
    if gap == ENDS_THE_TUBE:
        return tuple(
            Tube(f"{clip_id}/{min(run)}", clip_id, run)
            for clip_id, mine in grouped.items()
            for run in _runs(mine)
        )
    if gap == FILLED_LINEARLY:
        return tuple(_filled(clip_id, mine) for clip_id, mine in grouped.items())
    return tuple(Tube(clip_id, clip_id, mine) for clip_id, mine in grouped.items())


def _runs(boxes: Mapping[int, Box]) -> Iterator[dict[int, Box]]:
    """Yield the boxes of each run of consecutive seconds."""
    run: dict[int, Box] = {}
    for second, box in boxes.items():
        if run and second - 1 not in run:
            yield run
            run = {}
        run[second] = box
    yield run


def _filled(clip_id: str, boxes: Mapping[int, Box]) -> Tube:
    added = {
        second: _between(boxes[first], boxes[last], (second - first) / (last - first))
        for first, last in pairwise(boxes)
        for second in range(first + 1, last)
    }
    return Tube(clip_id, clip_id, dict(sorted({**boxes, **added}.items())), tuple(added))


def _between(a: Box, b: Box, share: float) -> Box:
    """Return the box at this share of the way from a to b, rounded to 1e-6."""
    corners = zip((a.x1, a.y1, a.x2, a.y2), (b.x1, b.y1, b.x2, b.y2), strict=True)
    return Box(*(round(p + share * (q - p), COORDINATE_DECIMALS) for p, q in corners))
