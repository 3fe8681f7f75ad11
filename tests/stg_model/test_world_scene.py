"""The plan of a rendered world: what happens when, before anything is drawn."""

import dataclasses

import numpy as np
import pytest

from dataset_builder.domain import frame_seconds
from stg_model.errors import SettingsError
from stg_model.world.actions import ACTIONS, OBJECTS, VERBS
from stg_model.world.scene import plan_set, plan_video
from stg_model.world.settings import SETS, WorldSettings


@pytest.fixture(scope="module")
def plans():
    return plan_set(WorldSettings(seed=7, train=240), "train")


def action_seconds(plan):
    return [s for p in plan.performances for s in frame_seconds(p.segment)[0]]


def test_every_object_has_two_verbs_and_every_verb_three_objects():
    assert len({a.action_id for a in ACTIONS}) == 12
    for thing in OBJECTS:
        assert sum(a.thing == thing for a in ACTIONS) == 2
    for verb in VERBS:
        assert sum(a.verb == verb for a in ACTIONS) == 3


def test_segments_and_gaps_last_as_told_and_fill_the_video(plans):
    for plan in plans:
        frame_s = 1 / plan.frames_per_second
        assert 60 - frame_s <= plan.duration_s <= 90 + frame_s
        ends = [0.0, *(p.segment.end_s for p in plan.performances)]
        starts = [*(p.segment.start_s for p in plan.performances), plan.duration_s]
        assert all(2 - frame_s <= b - a <= 9 + frame_s for a, b in zip(ends, starts, strict=True))
        lengths = [p.segment.end_s - p.segment.start_s for p in plan.performances]
        assert all(3.999 <= length <= 8.001 for length in lengths)


def test_a_video_shows_four_actions_and_a_set_shows_each_equally_often(plans):
    counts = dict.fromkeys(ACTIONS, 0)
    for plan in plans:
        shown = {p.action for p in plan.performances}
        assert len(shown) == 4
        for action in shown:
            counts[action] += 1
    assert set(counts.values()) == {len(plans) * 4 // 12}


def test_three_training_videos_already_hold_every_action():
    plans = plan_set(WorldSettings(train=3), "train")
    assert {p.action for plan in plans for p in plan.performances} == set(ACTIONS)


def test_scenes_follow_each_other_and_takes_cover_every_segment_once(plans):
    for plan in plans:
        assert plan.scenes[0].start_s == 0
        assert plan.scenes[-1].end_s >= plan.duration_s
        for before, after in zip(plan.scenes, plan.scenes[1:], strict=False):
            assert before.end_s == after.start_s
        for scene in plan.scenes:
            assert 12 <= scene.end_s - scene.start_s <= 25
        on_stage = sum(t.end_s - t.start_s for t in plan.takes)
        told = sum(p.segment.end_s - p.segment.start_s for p in plan.performances)
        assert on_stage == pytest.approx(told)


def test_about_fifteen_in_a_hundred_action_seconds_are_hidden(plans):
    visible = [plan.visible_take_at(s) is not None for plan in plans for s in action_seconds(plan)]
    assert 1 - np.mean(visible) == pytest.approx(0.15, abs=0.02)


def test_a_second_and_a_quarter_later_are_both_hidden_or_both_shown(plans):
    checked = 0
    for plan in plans:
        for s in action_seconds(plan):
            if plan.take_at(s) is plan.take_at(s + 0.25):
                assert (plan.cover_at(s) is None) == (plan.cover_at(s + 0.25) is None)
                checked += 1
    assert checked > 5000


def test_half_of_the_gaps_are_talking_heads(plans):
    heads = []
    for plan in plans:
        ends = [0.0, *(p.segment.end_s for p in plan.performances)]
        starts = [*(p.segment.start_s for p in plan.performances), plan.duration_s]
        for a, b in zip(ends, starts, strict=True):
            cover = plan.cover_at((a + b) / 2)
            assert cover is None or cover.kind == "head"
            heads.append(cover is not None)
    assert np.mean(heads) == pytest.approx(0.5, abs=0.04)


def test_something_else_moves_in_nine_tenths_of_the_time(plans):
    scenes = [scene for plan in plans for scene in plan.scenes]
    away = sum(s.mover_back_s - s.mover_away_s for s in scenes)
    total = sum(s.end_s - s.start_s for s in scenes)
    assert 1 - away / total == pytest.approx(0.9)
    assert all(s.start_s <= s.mover_away_s <= s.mover_back_s <= s.end_s + 1e-9 for s in scenes)


def test_places_are_uniform(plans):
    places = np.array([(t.across, t.down) for plan in plans for t in plan.takes])
    for thirds in (places[:, 0], places[:, 1]):
        counts, _ = np.histogram(thirds, bins=3, range=(0, 1))
        assert counts / counts.sum() == pytest.approx([1 / 3] * 3, abs=0.04)


def test_a_video_does_not_depend_on_how_many_others_there_are():
    few, many = WorldSettings(train=1), WorldSettings(train=500, open=3)
    assert plan_video(few, "train", 0) == plan_video(many, "train", 0)


def test_another_seed_set_or_index_is_another_video():
    settings = WorldSettings()
    plans = [plan_video(settings, name, 0) for name in SETS]
    plans.append(plan_video(settings, "train", 1))
    plans.append(plan_video(WorldSettings(seed=1), "train", 0))
    assert len({plan.video_id for plan in plans}) == len(plans)
    assert len({plan.performances for plan in plans}) == len(plans)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"frames_per_second": 6}, "multiple of 4, got 6"),
        ({"gap_s": (3.0, 2.0)}, "gap_s must satisfy 0 < least <= most, got 3.0..2.0"),
        ({"hidden_share": 1.5}, "hidden_share must lie in 0..1, got 1.5"),
        ({"noise_share": 1.0}, "noise_share must be less than 1"),
        ({"actions_per_video": 13}, "actions_per_video must lie in 1..12, got 13"),
        ({"held_out": -1}, "number of held-out videos must not be negative"),
        ({"train_size": (321, 240)}, "even sides of 64 px or more"),
    ],
)
def test_settings_that_no_video_could_follow_are_refused(wrong, says):
    with pytest.raises(SettingsError, match=says):
        dataclasses.replace(WorldSettings(), **wrong)


def test_segments_that_cannot_fill_the_video_are_refused():
    settings = WorldSettings(video_s=(10.0, 12.0))
    with pytest.raises(SettingsError, match="widen video_s"):
        plan_video(settings, "train", 0)
