"""Exact boxes: what differs when the action is taken away lies inside them, and fills them."""

import numpy as np
import pytest
from PIL import ImageChops

from dataset_builder.domain import frame_seconds
from stg_model.world.actions import ACTIONS
from stg_model.world.render import Camera
from stg_model.world.scene import plan_set
from stg_model.world.settings import WorldSettings
from stg_model.world.sprites import union
from stg_model.world.staging import box_at, parts_at, reach_in_frame

SHADOW_PX = 11
"""The soft shadow under the largest bowl: 8 units at 1.1 x 1.15, and a smooth edge."""


@pytest.fixture(scope="module")
def plans():
    return plan_set(WorldSettings(seed=11, held_out=6), "held-out")


@pytest.fixture(scope="module")
def differences(plans):
    """(action, pixels that the action changes, its box) at one second of each segment."""
    found = []
    for plan in plans:
        with_action, without = Camera(plan), Camera(plan, with_actions=False)
        for performance in plan.performances:
            for second in frame_seconds(performance.segment)[0][1:4:2]:
                pictures = [c.shot_at(second).picture() for c in (with_action, without)]
                changed = ImageChops.difference(*pictures).convert("L").getbbox()
                found.append((performance.action, changed, box_at(plan, second)))
    return found


def test_what_the_action_changes_lies_inside_its_box_and_reaches_its_sides(differences):
    seen = set()
    for action, changed, box in differences:
        if box is None:
            continue
        corners = np.array((box.x1 * 640, box.y1 * 480, box.x2 * 640, box.y2 * 480))
        assert np.abs(np.array(changed) - corners).max() <= SHADOW_PX, action
        seen.add(action)
    assert seen == set(ACTIONS)


def test_a_hidden_action_changes_nothing_that_can_be_seen(differences):
    hidden = [changed for _, changed, box in differences if box is None]
    assert len(hidden) >= 5
    assert set(hidden) == {None}


def test_an_action_never_leaves_its_reach_nor_the_frame(plans):
    for plan in plans:
        for take in plan.takes:
            x1, y1, x2, y2 = reach_in_frame(plan, take)
            assert 0 <= x1 < x2 <= plan.width
            assert 0 <= y1 < y2 <= plan.height
            for time_s in np.linspace(take.start_s, take.end_s, 20):
                left, top, right, bottom = union(p.solid for p in parts_at(plan, take, time_s))
                assert x1 - 1 <= left
                assert y1 - 1 <= top
                assert right <= x2 + 1
                assert bottom <= y2 + 1


def test_every_action_moves_within_a_quarter_of_a_second(plans):
    for plan in plans:
        for take in plan.takes:
            times = np.arange(take.start_s, take.end_s - 0.25, 0.5)
            moved = [
                [(p.x, p.y) for p in parts_at(plan, take, t)]
                != [(p.x, p.y) for p in parts_at(plan, take, t + 0.25)]
                for t in times
            ]
            assert all(moved)


def test_a_box_takes_about_a_twelfth_of_the_frame(plans):
    areas = [
        box.area
        for plan in plans
        for p in plan.performances
        for s in frame_seconds(p.segment)[0]
        if (box := box_at(plan, s))
    ]
    assert np.mean(areas) == pytest.approx(0.086, abs=0.012)
