from __future__ import annotations

import numpy as np
import pytest

from dataset_builder.fusion import study
from dataset_builder.fusion.agreement import agreement_labels
from dataset_builder.fusion.methods import METHODS, component_means, reliability_weighted_means
from dataset_builder.fusion.simulation import CROWDS, N_CLICKS, N_PEOPLE, SIZE, Crowd, simulate
from dataset_builder.fusion.study import interval, simulated_study


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def found():
    return simulated_study(range(2), 500)


# --- the crowds


def test_a_simulated_frame_has_five_clicks_of_different_people_inside_the_frame():
    clicks = simulate(CROWDS[1], 100, rng()).clicks
    assert set(clicks.counts_f()) == {N_CLICKS}
    people = clicks.annotators_c.reshape(-1, N_CLICKS)
    assert all(len(set(row)) == N_CLICKS for row in people.tolist())
    assert people.max() < N_PEOPLE
    assert (clicks.places_c2 >= 0).all()
    assert (clicks.places_c2 <= SIZE).all()


def test_slips_and_spammers_are_as_many_as_the_crowd_says():
    made = simulate(Crowd("x", slips=0.1, spammers=0.1), 2000, rng())
    assert made.is_spammer_j.sum() == 6
    offsets = made.clicks.places_c2 - made.targets_ft2[made.clicks.frames_c, 0]
    is_far = np.hypot(*offsets.T) > 0.25
    spam = made.is_spammer_j[made.clicks.annotators_c]
    assert is_far[spam].mean() > 0.5
    assert 0.04 < is_far[~spam].mean() < 0.1


def test_two_of_five_take_a_second_target_where_there_is_one():
    made = simulate(Crowd("x", slips=0, spammers=0, second_targets=0.5), 400, rng())
    assert 0.4 < made.has_two_f.mean() < 0.6
    one = made.targets_ft2[~made.has_two_f]
    assert (one[:, 0] == one[:, 1]).all()
    labels = np.array(agreement_labels(made.clicks)[0])
    assert (labels[made.has_two_f] == "split").mean() > 0.5
    assert (labels[~made.has_two_f] == "split").mean() < 0.1


def test_one_seed_makes_one_crowd():
    first, again = (simulate(CROWDS[1], 50, rng(3)).clicks.places_c2 for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, simulate(CROWDS[1], 50, rng(4)).clicks.places_c2)


# --- the methods


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_the_place_that_all_click(name, make_clicks):
    clicks = make_clicks([[(0.3, 0.4)] * 5, [(0.1, 0.2)] * 5])
    assert METHODS[name](clicks) == pytest.approx(np.array([[0.3, 0.4], [0.1, 0.2]]))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_nothing_of_a_frame_without_clicks(name, make_clicks):
    found = METHODS[name](make_clicks([[(0.3, 0.4)] * 5, []]))
    assert np.isnan(found[1]).all()


def test_the_mean_and_the_medians_of_one_stray_click_worked_by_hand(make_clicks):
    clicks = make_clicks([[(0.1, 0.1), (0.1, 0.1), (0.2, 0.1), (0.2, 0.2), (0.6, 0.6)]])
    assert METHODS["mean"](clicks)[0] == pytest.approx([0.24, 0.22])
    assert METHODS["coordinate_median"](clicks)[0] == pytest.approx([0.2, 0.1])


def test_a_component_s_mean_leaves_stray_clicks_out_and_needs_three_close_ones(make_clicks):
    clicks = make_clicks(
        [[(0.1, 0.1), (0.12, 0.1), (0.14, 0.1), (0.6, 0.6)], [(0.1, 0.1), (0.2, 0.2), (0.3, 0.3)]]
    )
    found = component_means(clicks, 0.05)
    assert found[0] == pytest.approx([0.12, 0.1])
    assert np.isnan(found[1]).all()


def test_weighted_means_trust_those_who_lie_near_the_others():
    made = simulate(Crowd("x", slips=0.0, spammers=0.1), 400, rng())
    truth = made.targets_ft2[:, 0]
    weighted = np.hypot(*(reliability_weighted_means(made.clicks) - truth).T)
    plain = np.hypot(*(METHODS["mean"](made.clicks) - truth).T)
    assert weighted.mean() < plain.mean()


# --- the study


def test_the_study_has_every_crowd_and_method_with_an_interval_round_each_mean(found):
    assert list(found["crowds"]) == [crowd.name for crowd in CROWDS]
    for crowd in found["crowds"].values():
        assert list(crowd["methods"]) == list(METHODS)
        for row in crowd["methods"].values():
            assert all(v["low"] <= v["mean"] <= v["high"] for v in row.values() if v is not None)
        assert sum(value["mean"] for value in crowd["labels"].values()) == pytest.approx(1)


def test_only_frames_with_two_targets_count_in_the_crowd_that_has_them(found):
    shares = {name: crowd["labels"]["split"]["mean"] for name, crowd in found["crowds"].items()}
    assert shares["two_targets"] > 0.5 > 5 * shares["careful"]


def test_the_error_is_the_distance_to_the_nearest_target():
    made = simulate(Crowd("x", slips=0, spammers=0, second_targets=1.0), 3, rng())
    made.targets_ft2[:] = [[0.1, 0.1], [0.5, 0.4]]
    points = np.array([[0.1, 0.1], [0.5, 0.45], [np.nan, np.nan]])
    assert study._errors(points, made) == pytest.approx([0, 0.05, np.nan], nan_ok=True)


def test_the_reference_differs_from_itself_by_nothing(found):
    for crowd in found["crowds"].values():
        assert crowd["methods"]["student_t"]["p90_less_reference"] == {
            "mean": 0.0,
            "low": 0.0,
            "high": 0.0,
        }


def test_the_same_seeds_give_the_same_study(found):
    assert simulated_study(range(2), 500) == found


def test_a_method_that_answers_nothing_has_no_errors_and_no_interval():
    nothing = study._summary(np.full(5, np.nan), np.zeros(5))
    assert nothing == {
        "answered": 0.0,
        "median": None,
        "p90": None,
        "far": None,
        "p90_less_reference": None,
    }
    some = study._summary(np.array([0.1, np.nan]), np.array([0.05, 9.0]))
    assert some["answered"] == 0.5
    assert some["p90_less_reference"] == pytest.approx(0.05)
    found = study._intervals([nothing, some, some])
    assert found["median"]["mean"] == pytest.approx(0.1)
    assert study._intervals([nothing, some])["median"] is None


def test_an_interval_is_student_s():
    # Two values 1 apart: half of it times the 97.5 % quantile with one degree of freedom, 12.706.
    assert interval([0.0, 1.0]) == pytest.approx(
        {"mean": 0.5, "low": 0.5 - 6.353102, "high": 0.5 + 6.353102}
    )
