from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.domain import Video
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from stg_model.evaluation.truth import TrueSecond, read_truth, true_boxes

BOX = Box(0.2, 0.2, 0.4, 0.4)


def test_the_seconds_of_a_video_end_before_its_duration(make_release):
    release = make_release(("v", 0, 1, "cut", {}), durations={"v": 5.0})
    assert read_truth(release)[0].n_seconds == 5
    release = make_release(("v", 0, 1, "cut", {}), durations={"v": 5.01})
    assert read_truth(release)[0].n_seconds == 6


def test_a_clip_past_the_end_of_its_video_lengthens_it(make_release):
    release = make_release(("v", 3, 8, "cut", {}), durations={"v": 5.0})
    assert read_truth(release)[0].n_seconds == 8


def test_a_second_inside_no_clip_is_background_and_two_clips_may_share_one(make_release):
    release = make_release(("v", 1, 3, "cut", {}), ("v", 2, 4.5, "stir", {}), durations={"v": 6.0})
    found = [sorted(true.actions) for true in read_truth(release)[0].by_second()]
    assert found == [[], ["cut"], ["cut", "stir"], ["stir"], ["stir"], []]


def test_clips_are_in_order_of_time_whatever_the_order_of_the_release(make_release):
    release = make_release(
        ("v", 4, 5, "cut", {}), ("v", 0, 3, "stir", {}), ("v", 0, 2, "pour", {}),
        durations={"v": 6.0},
    )  # fmt: skip
    assert [c.action_id for c in read_truth(release)[0].clips] == ["pour", "stir", "cut"]


def test_clips_outside_a_benchmark_split_are_no_background_but_are_not_scored(make_release):
    release = make_release(
        ("v", 0, 2, "cut", {0: BOX}), ("v", 3, 5, "stir", {3: BOX}), ("w", 0, 2, "cut", {0: BOX}),
        durations={"v": 6.0, "w": 3.0, "empty": 4.0},
    )  # fmt: skip
    first, *others = release.clips
    release = replace(release, clips=(first, *(replace(c, is_benchmark=False) for c in others)))
    truths = {truth.video_id: truth for truth in read_truth(release)}
    assert set(truths) == {"v"}
    assert truths["v"].by_second()[3] == TrueSecond({"stir"})
    assert true_boxes(tuple(truths.values())) == [(("v", 0, "cut"), BOX)]
    assert len(true_boxes(read_truth(release, "all"))) == 3


@pytest.mark.parametrize("rule", ["benchmark", "all"])
def test_a_video_without_any_clip_is_nowhere_known_to_be_background(rule, make_release):
    release = make_release(("v", 0, 2, "cut", {0: BOX}), durations={"v": 3.0, "empty": 4.0})
    assert [truth.video_id for truth in read_truth(release, rule)] == ["v"]


def test_a_release_without_benchmark_clips_is_refused_with_the_way_out(make_release):
    release = make_release(("v", 0, 2, "cut", {}), durations={"v": 3.0}, benchmark=False)
    with pytest.raises(InputError, match=r"none of its 1 clips .*\(--clips all"):
        read_truth(release)
    assert read_truth(release, "all")[0].clips[0].is_scored


def test_a_release_without_clips_is_refused(make_release):
    with pytest.raises(InputError, match="none of its 0 clips"):
        read_truth(make_release(durations={"v": 3.0}))


def test_parts_that_do_not_fit_together_are_named(make_release):
    release = make_release(("v", 0, 2, "cut", {0: BOX}), durations={"v": 3.0})
    with pytest.raises(InputError, match="clip 'clip-0': its video is not in release 'small'"):
        read_truth(replace(release, videos=(Video("w", 640, 480, 3.0, ""),)))
    with pytest.raises(InputError, match="box of frame other/0: its clip is not in the release"):
        read_truth(replace(release, boxes={("other", 0): BOX}))
    with pytest.raises(InputError, match="box of frame clip-0/2: outside its clip's seconds"):
        read_truth(replace(release, boxes={("clip-0", 2): BOX}))
