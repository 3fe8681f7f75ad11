"""Which clips are learned from, and what their clicks look like on the regions' grid."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.errors import InputError
from dataset_builder.geometry import Point
from dataset_builder.release import Consensus, Release
from dataset_builder.snapshot import AnswerRow
from stg_model.settings import FineTuningSettings
from stg_model.training.clicks import (
    ClickedClips,
    clicked_clips,
    first_of,
    side_of,
    videos_to_learn_from,
)
from stg_model.training.processes import ALONE, Processes

SETTINGS = FineTuningSettings(clips=2, window_s=6)


def clip(name, video_id, *, start=2, end=6, split="train", scored=False):
    return Clip(name, video_id, "stir", Segment(start, end), split, scored)


def consensus(clip_id, second, size=(640, 480)):
    return Consensus(clip_id, second, float(second), "", *size, 5, 0, 0, None, None, None, True, "")


def release_of(clips, answers):
    keys = sorted({(a.clip_id, a.second) for a in answers})
    videos = sorted({c.video_id for c in clips})
    return Release(
        name="r",
        version="1.0.0",
        derivation="clicks",
        videos=tuple(Video(v, 640, 480, 30.0, v * 64) for v in videos),
        actions=(Action("stir", "stir"), Action("cut", "cut")),
        clips=tuple(clips),
        frames=tuple(consensus(*key) for key in keys),
        answers=tuple(answers),
        boxes={},
        rules={},
        tubes=(),
    )


def answer(clip_id, second, *point, person="a"):
    return AnswerRow(clip_id, second, person, Point(*point) if point else None)


def test_a_video_with_a_scored_clip_or_one_of_another_split_is_left_out():
    clips = [
        clip("a1", "a"),
        clip("b1", "b"),
        clip("b2", "b", scored=True),
        clip("c1", "c"),
        clip("c2", "c", split="validation"),
        clip("d1", "d", split="validation"),
        clip("e1", "e", scored=True),
    ]
    assert videos_to_learn_from(release_of(clips, []), "train") == {"a"}
    with pytest.raises(InputError, match=r"none is wholly of split 'test' .* train, validation"):
        videos_to_learn_from(release_of(clips, []), "test")


def test_a_click_lies_in_its_region_and_not_visible_is_a_share():
    answers = [
        answer("a1", 3, 0.9, 0.1, person="a"),
        answer("a1", 3, 0.9, 0.1, person="b"),
        answer("a1", 3, person="c"),
        answer("a1", 4, person="a"),
    ]
    (found,) = clicked_clips(release_of([clip("a1", "a")], answers), frozenset("a"), 3, 0.001)
    third, fourth = found.frames
    assert third.density_N.reshape(3, 3)[0, 2] == pytest.approx(1, abs=1e-6)
    assert third.visible == pytest.approx(2 / 3)
    assert (fourth.density_N.sum(), fourth.visible) == (0, 0)
    assert (found.description, found.pool) == ("stir", ("stir",))


@given(
    points=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5),
    side=st.integers(1, 9),
    sigma=st.floats(0.005, 0.3),
)
def test_densities_sum_to_one_and_ignore_the_order_of_answers(points, side, sigma):
    rows = [answer("a1", 3, *p, person=str(n)) for n, p in enumerate(points)]
    one, other = (
        clicked_clips(release_of([clip("a1", "a")], order), frozenset("a"), side, sigma)
        for order in (rows, rows[::-1])
    )
    assert one[0].frames[0].density_N.sum() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(one[0].frames[0].density_N, other[0].frames[0].density_N)


def test_a_release_without_clicks_there_is_refused():
    rows = [answer("a1", 3), answer("b1", 3, 0.5, 0.5)]
    release = release_of([clip("a1", "a"), clip("b1", "b")], rows)
    with pytest.raises(InputError, match="no click in these videos"):
        clicked_clips(release, frozenset("a"), 3, 0.03)
    assert len(clicked_clips(release, frozenset("ab"), 3, 0.03)) == 2


def many(n_clips=4, n_seconds=10):
    clips = [clip(f"{v}1", v, end=12) for v in "abcdef"[:n_clips]]
    rows = [answer(c.clip_id, s, 0.5, 0.5) for c in clips for s in range(2, 12)]
    found = clicked_clips(release_of(clips, rows), frozenset("abcdef"), 3, 0.03)
    inputs = {c.video_id: torch.rand(n_seconds, 9, 4, 6) for c in clips}
    return found, inputs


def test_a_batch_depends_on_the_step_alone_and_is_dealt_to_processes():
    found, inputs = many()
    whole = ClickedClips(found, inputs, SETTINGS, 0, ALONE).batch(5)
    assert len({one.found.clip.clip_id for one in whole}) == 2
    for rank in (0, 1):
        share = ClickedClips(found, inputs, SETTINGS, 0, Processes(rank, 2)).batch(5)
        assert [one.frames for one in share] == [one.frames for one in whole]
        assert [one.inputs_U is not None for one in share] == [rank == 0, rank == 1]
        assert torch.equal(share[rank].inputs_U, whole[rank].inputs_U)
    chosen = {
        tuple(
            one.found.clip.clip_id
            for one in ClickedClips(found, inputs, SETTINGS, seed, ALONE).batch(5)
        )
        for seed in range(6)
    }
    assert len(chosen) > 1


@given(step=st.integers(0, 500))
def test_answered_frames_of_a_window_lie_in_it_and_in_the_video(step):
    found, inputs = many()
    for one in ClickedClips(found, inputs, SETTINGS, 0, ALONE).batch(step):
        assert one.frames
        for frame in one.frames:
            at = frame.second - one.first
            assert one.mask_U[at]
            assert torch.equal(one.inputs_U[at], inputs[one.found.clip.video_id][frame.second])


def test_a_window_holds_a_short_clip_in_its_middle_and_slides_over_a_long_one():
    (found,) = many(1)[0]
    assert [first_of(found, 6, share) for share in (0, 0.5, 0.999)] == [2, 4, 6]
    assert first_of(found, 10, 0.7) == 2
    assert first_of(found, 16, 0.7) == -1
    short = replace(found, frames=found.frames[:3])
    assert first_of(short, 6, 0.7) == 0


def test_regions_must_form_a_square():
    assert side_of(49) == 7
    with pytest.raises(InputError, match="the encoder has 50"):
        side_of(50)
