from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annot_server.errors import ConfigError
from annot_server.models import ASSISTED, BLIND
from annot_server.places import (
    Holder,
    Place,
    check_hint_quota,
    place_for_late_answer,
    place_for_lease,
)


def free_places(n: int) -> list[Place]:
    return [Place(slot_id=100 + k, k=k, holder=Holder.NOBODY) for k in range(n)]


def take_all(places: list[Place], quota: int, seed: int) -> list[str]:
    """Let strangers take every place; return the arms in the order of the places."""
    rng = np.random.default_rng(seed)
    places = list(places)
    for _ in range(len(places)):
        taken = place_for_lease(places, quota=quota, prelabel_id=7, was_shown_hint=False, rng=rng)
        places = [
            replace(p, holder=Holder.TAKEN, arm=taken.arm) if p.slot_id == taken.slot_id else p
            for p in places
        ]
    return [p.arm for p in places]


@given(n=st.integers(1, 8), quota=st.integers(0, 3), seed=st.integers(0, 10_000))
def test_drawing_all_places_meets_the_quota_exactly(n: int, quota: int, seed: int) -> None:
    assert take_all(free_places(n), quota, seed).count(ASSISTED) == min(quota, n)


def test_every_arrangement_of_the_quota_is_as_likely() -> None:
    counts = Counter(tuple(take_all(free_places(4), 2, seed)) for seed in range(3000))
    assert len(counts) == len(list(itertools.combinations(range(4), 2)))
    assert all(400 < n < 600 for n in counts.values()), counts


holders = st.sampled_from(list(Holder))
arms = st.sampled_from([None, ASSISTED, BLIND])


@given(
    states=st.lists(st.tuples(holders, arms), min_size=1, max_size=6),
    quota=st.integers(0, 3),
    shown=st.booleans(),
    has_prelabel=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_draw_goes_above_the_quota_or_turns_a_shown_person_blind(
    states: list[tuple[Holder, str | None]],
    quota: int,
    shown: bool,
    has_prelabel: bool,
    seed: int,
) -> None:
    places = [Place(k, k, holder, arm) for k, (holder, arm) in enumerate(states)]
    before = sum(p.arm == ASSISTED for p in places)
    taken = place_for_lease(
        places,
        quota=quota,
        prelabel_id=7 if has_prelabel else None,
        was_shown_hint=shown,
        rng=np.random.default_rng(seed),
    )
    if taken is None:
        return
    place = places[taken.slot_id]
    assert place.holder is not Holder.TAKEN
    assert place.arm in (None, taken.arm), "a drawn arm stays"
    after = before + (taken.arm == ASSISTED and place.arm is None)
    assert after <= max(quota, before)
    if shown and place.holder is not Holder.LAPSED_SELF:
        assert taken.arm == ASSISTED


def test_without_a_prelabel_nothing_is_drawn() -> None:
    rng = np.random.default_rng(0)
    taken = place_for_lease(
        free_places(5), quota=2, prelabel_id=None, was_shown_hint=False, rng=rng
    )
    assert (taken.arm, taken.prelabel_id) == (None, None)


def test_ones_own_lapsed_place_comes_before_free_ones_and_those_before_others_lapsed() -> None:
    rng = np.random.default_rng(0)
    places = [
        Place(0, 0, Holder.LAPSED_OTHER),
        Place(1, 1, Holder.NOBODY),
        Place(2, 2, Holder.LAPSED_SELF),
    ]

    def choose(places: list[Place]) -> int:
        taken = place_for_lease(places, quota=0, prelabel_id=None, was_shown_hint=False, rng=rng)
        return taken.slot_id

    assert [choose(places), choose(places[:2]), choose(places[:1])] == [2, 1, 0]


def test_a_full_frame_has_no_place() -> None:
    places = [replace(place, holder=Holder.TAKEN) for place in free_places(2)]
    rng = np.random.default_rng(0)
    assert place_for_lease(places, quota=0, prelabel_id=None, was_shown_hint=False, rng=rng) is None
    assert place_for_late_answer(places, quota=0, arm=None, prelabel_id=None) is None


@pytest.mark.parametrize(
    ("arm", "place_arm", "quota", "expected"),
    [
        (ASSISTED, ASSISTED, 1, ASSISTED),
        (ASSISTED, None, 1, ASSISTED),
        (ASSISTED, None, 0, "none"),
        (ASSISTED, BLIND, 1, "none"),
        (BLIND, ASSISTED, 1, BLIND),
        (BLIND, None, 1, BLIND),
        (None, ASSISTED, 1, None),
    ],
)
def test_a_late_answer_keeps_the_arm_it_was_given_in(
    arm: str | None, place_arm: str | None, quota: int, expected: str | None
) -> None:
    places = [Place(0, 0, Holder.NOBODY, place_arm, place_arm and 3)]
    taken = place_for_late_answer(places, quota=quota, arm=arm, prelabel_id=arm and 7)
    assert (taken.arm if taken else "none") == expected
    assert taken is None or taken.prelabel_id == (arm and 7)


@pytest.mark.parametrize(
    ("quota", "redundancy", "is_benchmark"),
    [(2, 5, True), (3, 5, False), (0, 1, True), (1, 1, False)],
)
def test_possible_hint_quotas_pass(quota: int, redundancy: int, is_benchmark: bool) -> None:
    assert check_hint_quota(quota, redundancy, is_benchmark=is_benchmark) == quota


@pytest.mark.parametrize(
    ("quota", "redundancy", "is_benchmark", "allowed"),
    [
        (3, 5, True, "0 to 2"),
        (1, 3, True, "0 to 0"),
        (4, 9, False, "0 to 3"),
        (-1, 5, False, "0 to 3"),
    ],
)
def test_a_quota_that_leaves_too_few_blind_is_refused(
    quota: int, redundancy: int, is_benchmark: bool, allowed: str
) -> None:
    with pytest.raises(ConfigError, match=f"hint quota {quota} is not possible.*{allowed}"):
        check_hint_quota(quota, redundancy, is_benchmark=is_benchmark)
