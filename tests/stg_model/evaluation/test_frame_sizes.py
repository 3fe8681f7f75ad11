from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from dataset_builder.predictions import System
from stg_model.evaluation.frame_sizes import check_frame_sizes
from stg_model.evaluation.report import evaluate

BOX = Box(0.2, 0.2, 0.4, 0.4)


def shown(release, width, height):
    """Return the release with its videos displayed in another size; its frames stay 640x480."""
    return replace(
        release, videos=tuple(replace(v, width=width, height=height) for v in release.videos)
    )


@pytest.fixture
def stating(two_videos, make_perfect):
    def stating(**sizes):
        return replace(make_perfect(two_videos), frame_sizes_px=sizes)

    return stating


def test_the_size_of_a_video_or_one_of_its_shape_is_accepted(two_videos, stating):
    for size in ((640, 480), (1280, 960), (320, 240), (854, 640), (641, 480)):
        check_frame_sizes(two_videos, stating(a=size))
        assert evaluate(two_videos, stating(a=size)).systems[0].metrics["pointing"] == 1


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        ((480, 640), "was its rotation left out"),
        ((640, 360), "was it cropped or padded"),
        ((654, 480), "was it cropped or padded"),
        ((480, 480), "was it cropped or padded"),
    ],
)
def test_another_shape_is_refused_with_the_video_and_both_sizes(two_videos, stating, size, advice):
    stated = f"{size[0]}x{size[1]}"
    message = f"'perfect': video 'b' has frames of {stated} pixels, but 640x480 .*; {advice}"
    with pytest.raises(InputError, match=message):
        evaluate(two_videos, stating(a=(640, 480), b=size))


def test_the_sizes_of_a_baseline_are_checked_as_well(two_videos, stating):
    turned = replace(stating(a=(480, 640)), system=System("turned"))
    with pytest.raises(InputError, match="'turned': video 'a' has frames of 480x640"):
        evaluate(two_videos, stating(), baselines=[turned])


def test_videos_that_the_release_does_not_have_have_no_wrong_size(two_videos, stating):
    check_frame_sizes(two_videos, stating(other=(1, 100)))


def test_the_frames_that_the_boxes_were_made_on_may_be_stretched(two_videos, stating):
    wide = shown(two_videos, 1920, 1080)
    check_frame_sizes(wide, stating(a=(640, 480), b=(1280, 720)))
    with pytest.raises(InputError, match="1080x1920 pixels, but 1920x1080"):
        check_frame_sizes(wide, stating(a=(1080, 1920)))


def test_sizes_that_the_release_does_not_know_are_not_compared(two_videos, stating):
    unknown = replace(two_videos, settings={"native_sizes": False})
    check_frame_sizes(unknown, stating(a=(1920, 1080)))
    known = replace(two_videos, settings={"native_sizes": True})
    with pytest.raises(InputError, match="1920x1080 pixels, but 640x480"):
        check_frame_sizes(known, stating(a=(1920, 1080)))


sizes = st.tuples(st.integers(100, 4000), st.integers(100, 4000))


@given(sizes, sizes)
def test_aspects_are_compared_alike_both_ways(make_release, make_perfect, one, other):
    def is_refused(video, stated):
        release = make_release(("v", 0, 2, "cut", {0: BOX}), durations={"v": 3.0})
        release = replace(shown(release, *video), frames=())
        try:
            check_frame_sizes(release, replace(make_perfect(release), frame_sizes_px={"v": stated}))
        except InputError:
            return True
        return False

    ratio = (one[0] / one[1]) / (other[0] / other[1])
    if abs(max(ratio, 1 / ratio) - 1.02) > 1e-9:
        assert is_refused(one, other) == (max(ratio, 1 / ratio) > 1.02)
    assert is_refused(one, other) == is_refused(other, one)
