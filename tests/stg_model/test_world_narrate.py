"""The narration: noisy, badly aligned, and as noisy as its settings say."""

import numpy as np
import pytest

from stg_model.world.actions import ACTIONS, OBJECTS, VERBS
from stg_model.world.narrate import NOISE, narrate
from stg_model.world.scene import plan_set
from stg_model.world.settings import WorldSettings


def told_actions(text):
    words = text.split()
    verbs = [w for w in words if w in VERBS]
    things = [w for w in words if w in OBJECTS]
    told = [f"{v} {t}" for v, t in zip(verbs, things, strict=True)]
    assert set(told) <= {a.description for a in ACTIONS}
    return told


def spoken(settings):
    return [(plan, narrate(settings, plan)) for plan in plan_set(settings, "train")]


@pytest.fixture(scope="module")
def narrated():
    return spoken(WorldSettings(seed=5, train=300))


def test_nine_tenths_of_the_segments_are_spoken_of(narrated):
    told = sum(len(told_actions(s.text)) for _, said in narrated for s in said)
    segments = sum(len(plan.performances) for plan, _ in narrated)
    assert told / segments == pytest.approx(0.9, abs=0.02)


def test_a_third_of_the_sentences_are_noise(narrated):
    sentences = [s.text for _, said in narrated for s in said]
    noise = [text for text in sentences if not told_actions(text)]
    assert set(noise) == set(NOISE)
    assert len(noise) / len(sentences) == pytest.approx(1 / 3, abs=0.02)


def test_some_sentences_speak_of_two_segments(narrated):
    told = [len(told_actions(s.text)) for _, said in narrated for s in said]
    assert set(told) == {0, 1, 2}
    assert 0.05 < told.count(2) / len(told) < 0.2


def test_sentences_lie_inside_the_video_in_order_and_hold_plain_words(narrated):
    for plan, said in narrated:
        assert list(said) == sorted(said, key=lambda s: s.start_s)
        for sentence in said:
            assert 0 <= sentence.start_s < sentence.end_s <= plan.duration_s + 1e-3
            assert sentence.text == " ".join(sentence.text.lower().split())


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 3.5), (5.0, 2.0)])
def test_sentences_are_shifted_as_told(mean, sd):
    settings = WorldSettings(seed=9, train=300, compound_share=0, shift_mean_s=mean, shift_sd_s=sd)
    shifts = []
    for plan, said in spoken(settings):
        for performance in plan.performances:
            middle = (performance.segment.start_s + performance.segment.end_s) / 2
            mine = [s for s in said if told_actions(s.text) == [performance.action.description]]
            once = sum(p.action == performance.action for p in plan.performances) == 1
            if once and mine and 15 < middle < plan.duration_s - 15:
                shifts.append((mine[0].start_s + mine[0].end_s) / 2 - middle)
    assert len(shifts) > 300
    assert np.mean(shifts) == pytest.approx(mean, abs=0.4)
    assert np.std(shifts) == pytest.approx(sd, abs=0.4)
