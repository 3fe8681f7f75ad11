from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.report.intervals import Mean, VideoBootstrap

ZEROS = np.zeros(4, dtype=np.int64)


def test_equal_values_have_an_interval_of_no_width():
    draws = VideoBootstrap(["a", "b"])
    assert draws.mean(np.full(4, 0.5), np.array([0, 0, 1, 1])) == Mean(0.5, 4, (0.5, 0.5))


def test_one_video_tells_nothing_of_others():
    draws = VideoBootstrap(["a", "b"])
    assert draws.mean(np.arange(4.0), ZEROS) == Mean(1.5, 4, None)
    assert VideoBootstrap(["a"]).mean(np.arange(4.0), ZEROS) == Mean(1.5, 4, None)
    assert draws.mean(np.full(4, math.nan), ZEROS) == Mean(None, 0, None)


def test_a_mean_that_two_of_many_videos_define_has_no_interval():
    draws = VideoBootstrap([str(n) for n in range(100)])
    assert draws.mean(np.arange(2.0), np.array([0, 1])).interval is None


def test_the_interval_of_many_equal_videos_is_that_of_the_normal_law():
    n = 400
    values = np.random.default_rng(1).normal(10, 2, n)
    low, high = VideoBootstrap([str(v) for v in range(n)]).mean(values, np.arange(n)).interval
    half = 1.96 * values.std() / math.sqrt(n)
    assert low == pytest.approx(values.mean() - half, abs=0.2 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.2 * half)


def test_whole_videos_are_drawn_so_that_their_copies_add_no_certainty():
    rng = np.random.default_rng(2)
    values, videos = rng.normal(size=20), np.arange(20)
    draws = VideoBootstrap([str(v) for v in range(20)])
    once = draws.mean(values, videos).interval
    many = draws.mean(np.repeat(values, 50), np.repeat(videos, 50)).interval
    assert many == pytest.approx(once)


@given(
    st.lists(
        st.tuples(st.floats(-5, 5), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30
    )
)
def test_groups_are_means_of_their_own_values(rows):
    values, videos, groups = (np.array(column) for column in zip(*rows, strict=True))
    draws = VideoBootstrap(list("abcde"))
    for group, found in enumerate(draws.means(values, videos, groups, 3)):
        own = values[groups == group]
        assert found.n == len(own)
        assert found.value == (pytest.approx(own.mean()) if len(own) else None)
        alone = draws.mean(own, videos[groups == group])
        assert (found.interval is None) == (alone.interval is None)
        if found.interval:
            assert found.interval == pytest.approx(alone.interval)
            assert own.min() - 1e-9 <= found.interval[0] <= found.interval[1] <= own.max() + 1e-9
