"""Which place of a frame a person takes, and whether a hint is shown there: plain rules.

A frame has as many places (slots) as it needs answers. The arm of a place is drawn once, when it is
first taken while the frame has a prelabel, so that the drawn arms are a random permutation of the
frame's quota (R9); a place that changes hands keeps its arm. A person who was shown a hint can
never become blind again: they get an assisted place or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from annot_server.config import MAX_HINT_QUOTA
from annot_server.errors import ConfigError
from annot_server.models import ASSISTED, BLIND

MIN_BLIND_IN_BENCHMARK = 3


class Holder(Enum):
    """Who has a place: nobody, this person or another whose lease has lapsed, or it is taken."""

    NOBODY = "nobody"
    LAPSED_SELF = "lapsed_self"
    LAPSED_OTHER = "lapsed_other"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a frame as one person sees it.

    `arm` and `prelabel_id` (what it was drawn for) are None while the place is not drawn.
    """

    slot_id: int
    k: int
    holder: Holder
    arm: str | None = None
    prelabel_id: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The place that a person takes, and the arm and prelabel it has from now on."""

    slot_id: int
    arm: str | None
    prelabel_id: int | None


def draw_arm(places: Sequence[Place], quota: int, rng: np.random.Generator) -> str:
    """Draw the arm of one undrawn place of a frame that has a prelabel.

    With r assisted places left of the quota and n places undrawn and open, the place is assisted
    with probability r / n: drawing all places one after the other gives every arrangement of the
    quota the same chance.
    """
    n_left = quota - sum(place.arm == ASSISTED for place in places)
    n_undrawn = sum(place.arm is None and place.holder is not Holder.TAKEN for place in places)
    return ASSISTED if rng.integers(n_undrawn) < n_left else BLIND


def place_for_lease(
    places: Sequence[Place],
    *,
    quota: int,
    prelabel_id: int | None,
    was_shown_hint: bool,
    rng: np.random.Generator,
) -> Taken | None:
    """Choose the place that a lease takes, or None when the frame has none for this person.

    Args:
        places: all places of the frame.
        quota: how many of them may be assisted.
        prelabel_id: the frame's current prelabel; without one nothing can be shown, and no arm is
            drawn.
        was_shown_hint: whether the person was shown a hint on this frame before.
        rng: draws the arm.
    """
    for place in _open_places(places):
        if was_shown_hint and place.holder is not Holder.LAPSED_SELF:
            if not _can_be_assisted(place, places, quota):
                continue
            if place.arm is None:
                return Taken(place.slot_id, ASSISTED, prelabel_id)
        if place.arm is None and prelabel_id is not None:
            return Taken(place.slot_id, draw_arm(places, quota, rng), prelabel_id)
        return Taken(place.slot_id, place.arm, place.prelabel_id)
    return None


def place_for_late_answer(
    places: Sequence[Place], *, quota: int, arm: str | None, prelabel_id: int | None
) -> Taken | None:
    """Choose the place for an answer that was given in a known arm under a lease that has lapsed.

    The answer's arm and prelabel are facts by now: the place takes them over. An assisted answer
    needs room in the quota; a blind one may take any place, since the quota is an upper bound.
    """
    for place in _open_places(places):
        is_own = place.holder is Holder.LAPSED_SELF
        if is_own or arm != ASSISTED or _can_be_assisted(place, places, quota):
            return Taken(place.slot_id, arm, prelabel_id)
    return None


def check_hint_quota(quota: int, redundancy: int, *, is_benchmark: bool) -> int:
    """Return the quota, or raise `ConfigError` when too few answers would stay blind (R9)."""
    allowed = min(MAX_HINT_QUOTA, redundancy)
    if is_benchmark:
        allowed = max(0, min(allowed, redundancy - MIN_BLIND_IN_BENCHMARK))
    if not 0 <= quota <= allowed:
        kind = "benchmark frames" if is_benchmark else "frames"
        raise ConfigError(
            f"hint quota {quota} is not possible: {kind} with {redundancy} answers may show hints "
            f"on 0 to {allowed} of them"
        )
    return quota


def _open_places(places: Sequence[Place]) -> list[Place]:
    """Return the places that can be taken: one's own first, then free ones, then lapsed ones."""
    order = [Holder.LAPSED_SELF, Holder.NOBODY, Holder.LAPSED_OTHER]
    open_places = [place for place in places if place.holder in order]
    return sorted(open_places, key=lambda place: (order.index(place.holder), place.k))


def _can_be_assisted(place: Place, places: Sequence[Place], quota: int) -> bool:
    """Say whether the place is assisted, or undrawn with room in the quota."""
    n_assisted = sum(other.arm == ASSISTED for other in places)
    return place.arm == ASSISTED or (place.arm is None and n_assisted < quota)
