from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dataset_builder.fusion.answer_table import Clicks
from dataset_builder.fusion.geometric_median import geometric_medians
from dataset_builder.fusion.student_t import KNOWN_FROM, annotator_variances, student_t


def crowd(*, n_frames=200, n_people=8, spammers=(), sloppy=(), error=0.02):
    """Return the true places and the clicks of people, all on every frame."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.1, 0.5, (n_frames, 2))
    frames = np.repeat(np.arange(n_frames), n_people)
    people = np.tile(np.arange(n_people), n_frames)
    scale = np.where(np.isin(people, sloppy), 3 * error, error)
    places = truth[frames] + rng.normal(size=(len(frames), 2)) * scale[:, None]
    is_wild = np.isin(people, spammers)
    places[is_wild] = rng.uniform(0, 0.6, (is_wild.sum(), 2))
    return truth, Clicks(frames, people, places, n_frames, n_people)


def error_of(points, truth):
    return np.hypot(*(points - truth).T)


def means_of(clicks):
    return np.array(
        [clicks.places_c2[clicks.frames_c == f].mean(0) for f in range(clicks.n_frames)]
    )


def test_a_spammer_gets_a_large_scale_and_a_sloppy_person_a_middling_one():
    _, clicks = crowd(spammers=(2,), sloppy=(5,))
    scales = student_t(clicks).scales_j
    honest = np.delete(scales, [2, 5])
    assert honest == pytest.approx(np.ones(6), abs=0.15)
    assert scales[5] == pytest.approx(3, abs=0.6)
    assert scales[2] > 5
    assert np.median(scales) == pytest.approx(1, abs=0.05)


def test_points_lie_nearer_to_the_truth_than_means_where_people_spam():
    truth, clicks = crowd(spammers=(2, 3), n_people=6)
    fitted = error_of(student_t(clicks).points_f2, truth)
    assert np.quantile(fitted, 0.9) < np.quantile(error_of(means_of(clicks), truth), 0.1)


def test_the_scale_of_a_frame_grows_with_its_spread():
    _, narrow = crowd(error=0.01)
    _, wide = crowd(error=0.03)
    assert np.median(student_t(narrow).scales_f) == pytest.approx(0.01, rel=0.2)
    assert np.median(student_t(wide).scales_f) == pytest.approx(0.03, rel=0.2)


def test_neither_the_order_of_people_nor_of_frames_matters():
    _, clicks = crowd(spammers=(1,), n_frames=60)
    fit = student_t(clicks)
    rng = np.random.default_rng(1)
    order = rng.permutation(clicks.n_annotators)
    renamed = replace(clicks, annotators_c=order[clicks.annotators_c])
    assert student_t(renamed).scales_j[order] == pytest.approx(fit.scales_j, abs=1e-6)
    frames = rng.permutation(clicks.n_frames)
    rows = np.argsort(frames[clicks.frames_c], kind="stable")
    moved = Clicks(
        frames[clicks.frames_c][rows],
        clicks.annotators_c[rows],
        clicks.places_c2[rows],
        clicks.n_frames,
        clicks.n_annotators,
    )
    assert student_t(moved).points_f2[frames] == pytest.approx(fit.points_f2, abs=1e-6)


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.3), (2.5, 0.0), (0.1, -0.2)])
def test_shifted_and_stretched_clicks_have_shifted_points_and_stretched_scales(factor, shift):
    _, clicks = crowd(spammers=(1,), n_frames=60)
    fit = student_t(clicks)
    moved = student_t(replace(clicks, places_c2=factor * clicks.places_c2 + shift))
    assert moved.points_f2 == pytest.approx(factor * fit.points_f2 + shift, abs=1e-5)
    assert moved.scales_f == pytest.approx(factor * fit.scales_f, rel=1e-3)
    assert moved.scales_j == pytest.approx(fit.scales_j, rel=1e-3)


near = st.tuples(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))


@given(st.lists(near, min_size=4, max_size=4), st.floats(0, 2 * np.pi), st.floats(0.2, 0.6))
def test_one_outlier_of_five_moves_the_point_less_than_the_mean(offsets, angle, far):
    assume(len(set(offsets)) > 1)
    four = np.array(offsets) + 0.5
    outlier = four.mean(axis=0) + far * np.array([np.cos(angle), np.sin(angle)])
    # Fifty ordinary frames of the same people, so that they have scales.
    _, others = crowd(n_frames=50, n_people=5, error=0.01)
    clicks = Clicks(
        np.concatenate([others.frames_c, np.full(5, 50)]),
        np.concatenate([others.annotators_c, np.arange(5)]),
        np.concatenate([others.places_c2, four, [outlier]]),
        51,
        5,
    )
    moved = np.hypot(*(student_t(clicks).points_f2[50] - four.mean(axis=0)))
    assert moved < far / 5 / 2


def test_frames_of_people_with_few_clicks_take_the_geometric_median(make_clicks):
    clicks = make_clicks([[(0.1, 0.1), (0.2, 0.1), (0.1, 0.3), (0.5, 0.5), (0.2, 0.2)]] * 3)
    fit = student_t(clicks)
    assert not fit.is_known_j.any()
    assert fit.is_fallback_f.all()
    assert fit.points_f2.tolist() == geometric_medians(clicks).tolist()
    assert fit.scales_j.tolist() == [1.0] * 5


def test_a_person_has_a_scale_from_twenty_clicks_on():
    _, fewer = crowd(n_frames=KNOWN_FROM - 1)
    _, enough = crowd(n_frames=KNOWN_FROM)
    assert not student_t(fewer).is_known_j.any()
    assert student_t(enough).is_known_j.all()
    assert not student_t(enough).is_fallback_f.any()


def test_of_two_people_the_one_with_twenty_clicks_has_a_scale_and_the_one_with_nineteen_has_none():
    _, clicks = crowd(n_frames=20, n_people=3)
    rows = np.arange(len(clicks.frames_c) - 1)  # the last click of the last person is left out
    fit = student_t(
        replace(
            clicks,
            frames_c=clicks.frames_c[rows],
            annotators_c=clicks.annotators_c[rows],
            places_c2=clicks.places_c2[rows],
        )
    )
    assert fit.is_known_j.tolist() == [True, True, False]
    assert fit.scales_j[2] == 1


@pytest.mark.parametrize(
    ("known", "unknown", "is_fallback"),
    [(2, 2, True), (1, 1, True), (3, 2, False), (2, 3, True), (1, 0, False), (0, 1, True)],
)
def test_a_frame_needs_more_known_people_than_others(known, unknown, is_fallback):
    # Frames of five regulars, and one more frame of some of them and of people seen only there.
    _, regular = crowd(n_frames=KNOWN_FROM, n_people=5)
    people = np.concatenate([np.arange(known), 5 + np.arange(unknown)])
    places = np.array([[0.2, 0.2], [0.22, 0.2], [0.2, 0.23], [0.25, 0.21], [0.4, 0.4]])
    clicks = Clicks(
        np.concatenate([regular.frames_c, np.full(len(people), KNOWN_FROM)]),
        np.concatenate([regular.annotators_c, people]),
        np.concatenate([regular.places_c2, places[: len(people)]]),
        KNOWN_FROM + 1,
        5 + unknown,
    )
    fit = student_t(clicks)
    assert fit.is_fallback_f.tolist() == [False] * KNOWN_FROM + [is_fallback]
    median = geometric_medians(clicks)[KNOWN_FROM]
    assert (fit.points_f2[KNOWN_FROM].tolist() == median.tolist()) == (
        is_fallback or len(people) == 1
    )


def test_an_annotators_variance_is_shrunk_by_ten_coordinates_worked_by_hand():
    # Sums over free coordinates, ten of variance 1 added to both, over the middle known person's:
    # (40 + 10) / (30 + 10) = 1.25, (70 + 10) / (30 + 10) = 2, (10 + 10) / (30 + 10) = 0.5.
    summed, free = np.array([40.0, 70.0, 10.0, 900.0]), np.array([30.0, 30.0, 30.0, 2.0])
    is_known = np.array([True, True, True, False])
    found = annotator_variances(summed, free, is_known)
    assert found.tolist() == pytest.approx([1, 2 / 1.25, 0.5 / 1.25, 1])
    assert annotator_variances(summed, free, np.zeros(4, dtype=bool)).tolist() == [1] * 4


def test_equal_clicks_one_click_two_clicks_and_none(make_clicks):
    frames = [[(0.3, 0.4)] * 5, [(0.1, 0.1)], [(0.2, 0.2), (0.4, 0.2)], []] * 30
    fit = student_t(make_clicks(frames))
    expected = [[0.3, 0.4], [0.1, 0.1], [0.3, 0.2]]
    for index, point in enumerate(expected):
        assert fit.points_f2[index] == pytest.approx(np.array(point), abs=0.02)
    assert np.isnan(fit.points_f2[3]).all()
    assert np.isnan(fit.scales_f[3])
    assert (fit.scales_f[:3] > 0).all()


def test_a_project_where_everybody_always_clicks_the_same_has_tiny_scales(make_clicks):
    fit = student_t(make_clicks([[(0.3, 0.4)] * 5] * 30))
    assert fit.points_f2 == pytest.approx(np.tile([0.3, 0.4], (30, 1)))
    assert fit.scales_f.max() <= 1e-5


def test_no_clicks_at_all_fit_nothing():
    empty = np.zeros(0, dtype=np.int64)
    fit = student_t(Clicks(empty, empty, np.zeros((0, 2)), 2, 0))
    assert np.isnan(fit.points_f2).all()
